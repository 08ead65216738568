"""Charts and roll-ups on both databases: every spike is shown."""

from __future__ import annotations

import asyncio
import itertools
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, delete, insert
from store_lab import batch, chart, new_uid, values

from trainyard_gateway.store.connect import connect
from trainyard_gateway.store.metrics import rollups
from trainyard_gateway.store.metrics.summary import merge, summarize
from trainyard_gateway.store.schema.tables import rollups as rollups_table
from trainyard_gateway.store.store import Store

pytestmark = pytest.mark.integration


async def test_a_long_series_is_read_from_rollups(database: Store) -> None:
    uid, total = new_uid(), 60_000
    spikes = {n * 7919 + 13 for n in range(7)}
    for first in range(0, total, 10_000):
        steps = {
            n: 100.0 if n in spikes else math.sin(n / 500) for n in range(first, first + 10_000)
        }
        await database.ingest(batch(uid, first + 1, steps))

    whole = await chart(database, uid)
    part = await chart(database, uid, first_step=20_000, last_step=40_000)

    assert whole["total"] == total
    assert len(whole["points"]) <= 1100
    assert {s for s, v in values(whole).items() if v == 100.0} == spikes
    assert set(values(part)) <= set(range(20_000, 40_001))
    assert {s for s, v in values(part).items() if v == 100.0} == {
        s for s in spikes if 20_000 <= s <= 40_000
    }


class Examples:
    """One event loop and one store for all examples of a property."""

    def __init__(self, database_url: tuple[str, Path | None]) -> None:
        self.loop = asyncio.new_event_loop()
        self.database = connect(*database_url)
        self.run(self.database.open())

    def run(self, work: Any) -> Any:
        return self.loop.run_until_complete(work)

    def close(self) -> None:
        self.run(self.database.close())
        self.loop.close()


@pytest.fixture
def examples(database_url: tuple[str, Path | None]) -> Any:
    examples = Examples(database_url)
    yield examples
    examples.close()


VALUE = st.one_of(
    st.floats(-1e6, 1e6, allow_nan=False, width=32), st.sampled_from(["NaN", "Infinity"])
)


@settings(max_examples=100)
@given(data=st.data())
def test_no_chart_loses_an_extreme(examples: Examples, data: st.DataObject) -> None:
    """For any reports in any order and any window, the chart shows first, last, lowest and highest point.

    It shows no point that was not reported, none twice, and all in order of steps.
    """
    uid, truth = new_uid(), {}
    attempts: dict[int, int] = {}
    for sequence in range(1, data.draw(st.integers(1, 6)) + 1):
        first = data.draw(st.integers(0, 300))
        stride = data.draw(st.integers(1, 5))
        attempt = data.draw(st.integers(1, 3))
        found = data.draw(st.lists(VALUE, min_size=1, max_size=120))
        steps = {first + i * stride: v for i, v in enumerate(found)}
        examples.run(examples.database.ingest(batch(uid, sequence, steps, attempt=attempt)))
        for step, value in steps.items():
            if attempt >= attempts.get(step, 0):
                truth[step], attempts[step] = value, attempt
    first_step = data.draw(st.integers(0, 400))
    last_step = data.draw(st.integers(first_step, 1000))
    most = data.draw(st.sampled_from([4, 10, 50, 1000]))

    series = examples.run(
        chart(examples.database, uid, most, first_step=first_step, last_step=last_step)
    )

    shown, order = values(series), [point["step"] for point in series["points"]]
    assert order == sorted(set(order))
    inside = {s: v for s, v in truth.items() if first_step <= s <= last_step}
    numbers = [v for v in inside.values() if not isinstance(v, str)]
    assert shown.items() <= inside.items()
    if inside:
        assert {min(inside), max(inside)} <= shown.keys()
    if numbers:
        assert {min(numbers), max(numbers)} <= set(shown.values())
    if any(isinstance(v, str) for v in inside.values()):
        assert any(isinstance(v, str) for v in shown.values())


def value(step: int) -> float:
    return float((step * 37) % 101)


def checked_rows(connection: Connection, steps: list[int]) -> list[int]:
    """Numbers of rows by level of the first series, whose points are `value` at these steps.

    Checks each row against its points.
    """
    counts: list[int] = []
    while rows := rollups.rows_between(connection, 1, len(counts), -1, 100_000):
        at = iter(steps)
        for first, last, _, _, low, _, _, high, odd in rows:
            inside = list(itertools.islice(at, rollups.points_per_row(len(counts))))
            assert (first, last) == (inside[0], inside[-1])
            assert (low, high) == (min(map(value, inside)), max(map(value, inside)))
            assert odd is None
        counts.append(len(rows))
    return counts


async def test_rollups_summarize_their_points(database: Store) -> None:
    uid, steps = new_uid(), [n for s in range(1, 9) for n in range(s * 40, s * 40 + 37)]
    for sequence in range(8):
        own = steps[sequence * 37 : (sequence + 1) * 37]
        await database.ingest(batch(uid, sequence + 1, {n: value(n) for n in own}))

    # 296 points.
    assert await database.read(lambda c: checked_rows(c, steps)) == [16, 8, 4, 2, 1]


async def test_rollups_after_steps_were_trained_again(database: Store) -> None:
    uid = new_uid()
    for sequence, (first, last) in enumerate([(0, 700), (700, 1000), (333, 340), (320, 1400)], 1):
        sent = {n: value(n) for n in range(first, last)}
        await database.ingest(batch(uid, sequence, sent, attempt=sequence))

    assert await database.read(lambda c: checked_rows(c, list(range(1400)))) == [
        80, 40, 20, 10, 5, 2, 1,
    ]  # fmt: skip


async def test_rollups_of_an_earlier_version_are_continued(database: Store) -> None:
    """It wrote every full row, not only those of complete blocks."""
    uid = new_uid()
    await database.ingest(batch(uid, 1, {n: value(n) for n in range(310)}))

    def as_before(connection: Connection) -> None:
        columns = list(rollups_table.columns)
        connection.execute(delete(rollups_table))
        rows = [summarize([(n, 0, value(n)) for n in range(i, i + 16)]) for i in range(0, 304, 16)]
        for level in range(5):
            for first, last, low, high, _ in rows:
                given = (1, level, first, last, *low, *high, None, None, None)
                connection.execute(
                    insert(rollups_table).values(dict(zip(columns, given, strict=True)))
                )
            rows = [merge(rows[i : i + 2]) for i in range(0, len(rows) // 2 * 2, 2)]

    await database.write(as_before)
    assert await database.read(lambda c: checked_rows(c, list(range(310)))) == [19, 9, 4, 2, 1]
    await database.ingest(batch(uid, 2, {n: value(n) for n in range(310, 600)}))

    assert await database.read(lambda c: checked_rows(c, list(range(600)))) == [32, 16, 8, 4, 2, 1]


async def test_rollups_of_more_points_than_one_query_reads(database: Store) -> None:
    uid = new_uid()
    many = [
        {n: value(n) for n in range(first, first + 9000)} for first in (0, 9000, 18_000, 27_000)
    ]
    sent = [batch(uid, n, steps) for n, steps in enumerate(many, 1)]
    await asyncio.gather(*(database.ingest(b) for b in sent))
    again = {n: value(n) for n in range(7)}
    await database.ingest(batch(uid, 1, again, attempt=2))

    counts = await database.read(lambda c: checked_rows(c, list(range(36_000))))
    assert counts == [2240 >> level for level in range(12)]


async def test_points_without_rollups_have_the_resolution_of_the_others(database: Store) -> None:
    uid, newest = new_uid(), 9 * rollups.BLOCK_POINTS - 10
    for first in range(0, newest, 100):
        steps = {n: float(n) for n in range(first, min(first + 100, newest + 1))}
        await database.ingest(batch(uid, first // 100 + 1, steps))

    shown = sorted(values(await chart(database, uid, 200)))

    assert shown[-1] == newest
    # Two points for each row of level 1, from roll-ups and from points alike.
    assert max(b - a for a, b in itertools.pairwise(shown)) <= rollups.points_per_row(1)


@pytest.mark.parametrize(
    ("epochs", "nan"), [(10_000, False), (1, False), (10_000, True)], ids=["many", "one", "NaN"]
)
async def test_epochs_are_read_within_a_bound(database: Store, epochs: int, nan: bool) -> None:
    uid, total = new_uid(), 10_000
    rows: list[dict[str, Any]] = [
        {"step": n, "epoch": n % epochs, "time": "2026-01-01T00:00:00Z",
         "values": {"loss": "NaN" if nan else n}}
        for n in range(total)
    ]  # fmt: skip
    await database.ingest(batch(uid, 1, {}, metrics=rows))

    found = await chart(database, uid, 100, by_epoch=True)

    assert 50 <= len(found["points"]) <= 110
    assert found["points"][0]["step"] == 0
    assert found["total"] == total
