"""One suite for both databases: nothing lost, nothing twice, every spike kept."""

from __future__ import annotations

import asyncio
import itertools
import math
import socket
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from hypothesis import given, settings
from hypothesis import strategies as st
from postgres import Postgres
from sqlalchemy import Connection, delete, func, insert, select
from store_lab import START, batch, chart, new_uid, opened, values

from trainyard_gateway.auth.api_key_store import ApiKeyStore, NewKey
from trainyard_gateway.auth.audit_log import AuditLog
from trainyard_gateway.auth.keys import Scope
from trainyard_gateway.errors import SettingsError, Unprocessable
from trainyard_gateway.store import changes
from trainyard_gateway.store.connect import connect
from trainyard_gateway.store.logs import read_lines
from trainyard_gateway.store.metrics import charts, rollups
from trainyard_gateway.store.metrics.latest import latest_values
from trainyard_gateway.store.metrics.summary import merge, summarize
from trainyard_gateway.store.postgres import PostgresStore
from trainyard_gateway.store.reports import heartbeats
from trainyard_gateway.store.schema.tables import auth_logs, batches, metadata
from trainyard_gateway.store.schema.tables import rollups as rollups_table
from trainyard_gateway.store.store import Store

pytestmark = pytest.mark.integration


async def test_migrations_make_the_tables_and_find_them_again(
    database: Store, database_url: tuple[str, Path | None]
) -> None:
    def differences(connection: Connection) -> list[object]:
        return list(compare_metadata(MigrationContext.configure(connection), metadata))

    assert await database.read(differences) == []
    if not database.exclusive:
        second = connect(*database_url)
        await second.open()
        await second.close()


async def test_twins_in_one_commit_and_later_change_nothing(database: Store) -> None:
    uid = new_uid()
    line = {"time": START, "message": "once"}
    sent = [batch(uid, n % 5, {n % 5: float(n % 5)}, logs=[line]) for n in range(1, 5)] * 10

    answers = await asyncio.gather(*(database.ingest(b) for b in sent))
    again = await database.ingest(sent[0])

    assert (answers.count(False), again) == (4, True)
    assert values(await chart(database, uid)) == {1: 1.0, 2: 2.0, 3: 3.0, 4: 4.0}
    assert len(await database.read(lambda c: read_lines(c, uid, 0, 100, False))) == 4


async def test_a_sequence_that_was_left_out_is_taken_later_once(
    database: Store, database_url: tuple[str, Path | None]
) -> None:
    uid = new_uid()
    assert [await database.ingest(batch(uid, n, {n: 1.0})) for n in (5, 3, 3, 5)] == [
        False, False, True, True,
    ]  # fmt: skip
    late = [batch(uid, n, {n: 1.0}) for n in (9, 7, 7, 9)]
    assert sorted(await asyncio.gather(*(database.ingest(b) for b in late))) == [
        False, False, True, True,
    ]  # fmt: skip
    another = connect(*database_url)
    if database.exclusive:
        await database.close()
    await another.open()
    answers = [await another.ingest(batch(uid, n, {n: 1.0})) for n in (4, 3, 4, 9, 10)]
    found = values(await chart(another, uid))
    await another.close()

    assert answers == [False, True, True, True, False]
    assert sorted(found) == [3, 4, 5, 7, 9, 10]


async def test_who_listens_hears_of_a_report_before_its_sender(database: Store) -> None:
    heard: list[str] = []
    database.on_durable(heard.append)

    async def send(uid: str) -> bool:
        await database.ingest(batch(uid, 1, {1: 1.0}))
        return uid in heard

    uids = [new_uid() for _ in range(5)]
    assert await asyncio.gather(*map(send, uids)) == [True] * 5
    assert sorted(heard) == sorted(uids)


async def test_a_later_attempt_replaces_and_an_old_one_does_not(database: Store) -> None:
    uid = new_uid()
    await database.ingest(batch(uid, 1, dict.fromkeys(range(100), 1.0)))
    await database.ingest(batch(uid, 1, dict.fromkeys(range(50, 80), 2.0), attempt=2))
    await database.ingest(batch(uid, 2, dict.fromkeys(range(60, 110), 3.0)))

    found = await chart(database, uid)

    wanted = dict.fromkeys(range(50), 1.0) | dict.fromkeys(range(50, 80), 2.0)
    wanted |= {n: 1.0 if n < 100 and n >= 80 else 3.0 for n in range(80, 110)}
    wanted |= dict.fromkeys(range(80, 110), 3.0)
    assert values(found) == wanted
    assert found["total"] == 110
    [latest] = await database.read(lambda c: latest_values(c, uid))
    assert (latest.step, latest.value) == (79, 2.0)


async def test_values_that_are_no_numbers_come_back_as_text(database: Store) -> None:
    uid = new_uid()
    await database.ingest(batch(uid, 1, {1: "NaN", 2: "Infinity", 3: "-Infinity", 4: -0.0}))

    assert values(await chart(database, uid)) == {1: "NaN", 2: "Infinity", 3: "-Infinity", 4: 0.0}


async def test_texts_that_databases_trip_over_are_taken(database: Store) -> None:
    uid = new_uid()
    row = {"step": 1, "time": START, "values": {"a\x00b": 1.0, "ü/🦉": 2.0}}
    lines = [{"time": START, "message": "nul \x00, owl 🦉, \x1b[0m", "rank": 10**30}]
    await database.ingest(batch(uid, 1, {}, metrics=[row], logs=lines))

    latest = await database.read(lambda c: latest_values(c, uid))
    [line] = await database.read(lambda c: read_lines(c, uid, 0, 9, False))
    window = charts.Window(9)
    [asked] = await database.read(lambda c: charts.read_charts(c, uid, ["a\x00b", "\x00"], window))

    assert asked["name"] == "a\\0b", "found by the name that the trainer gave"
    assert {v.name: v.value for v in latest} == {"a\\0b": 1.0, "ü/🦉": 2.0}
    assert line["message"] == "nul \\0, owl 🦉, \x1b[0m"


async def test_a_batch_that_cannot_be_stored_hurts_no_other(database: Store) -> None:
    good = [batch(new_uid(), 1, {1: 1.0}) for _ in range(20)]
    rows = [
        {"step": n, "time": START, "values": {f"m{n}-{i}": 1.0 for i in range(250)}}
        for n in range(10)
    ]
    bad = batch(new_uid(), 1, {}, metrics=rows)

    answers = await asyncio.gather(
        *(database.ingest(b) for b in (*good[:10], bad, *good[10:])), return_exceptions=True
    )

    assert [a for a in answers if a is False] == [False] * 20
    assert isinstance(answers[10], Unprocessable)
    for one in good:
        assert values(await chart(database, one.session_uid)) == {1: 1.0}


async def test_a_heartbeat_never_goes_back_to_an_earlier_attempt(database: Store) -> None:
    uid = new_uid()
    for attempt, sequence, step in ((1, 1, 5), (2, 1, 3), (1, 2, 9)):
        beat = {"time": START, "step": step}
        await database.ingest(batch(uid, sequence, {}, attempt=attempt, heartbeat=beat))

    row = await database.read(lambda c: heartbeats.of_session(c, uid))

    assert row is not None
    assert (row.attempt, '"step":3' in row.heartbeat) == (2, True)


async def test_news_since_a_cursor(database: Store) -> None:
    uid, other = new_uid(), new_uid()
    await database.ingest(batch(uid, 1, {1: 1.0}))
    cursor = await database.read(lambda c: changes.current_cursor(c, uid))
    await database.ingest(batch(other, 1, {9: 9.0}))
    await database.ingest(batch(uid, 2, {2: 2.0}, logs=[{"time": START, "message": "x"}]))

    found = await database.read(lambda c: changes.since(c, uid, cursor))
    rest = await database.read(lambda c: changes.since(c, uid, found.cursor))

    assert [p["step"] for p in found.points] == [2]
    assert [line["message"] for line in found.lines] == ["x"]
    assert (rest.points, rest.lines, rest.more) == ([], [], False)


async def test_two_gateways_on_one_database_store_each_batch_once(postgres: Postgres) -> None:
    where = (postgres.database(), postgres.password_file)
    async with opened(*where) as first, opened(*where) as second:
        uid = new_uid()
        sent = [batch(uid, n, {n: float(n)}) for n in range(1, 60)]
        answers = await asyncio.gather(*(d.ingest(b) for b in sent for d in (first, second)))
        found = await chart(first, uid)

    assert answers.count(False) == 59
    assert values(found) == {n: float(n) for n in range(1, 60)}


async def test_keys_made_elsewhere_are_known_and_revoked(
    database: Store, database_url: tuple[str, Path | None]
) -> None:
    here, there = ApiKeyStore("a" * 30, database), ApiKeyStore("a" * 30, database)
    made = await here.create(NewKey(name="k", scopes=[Scope.MODELS_READ]))
    await there.load()
    before = there.caller(made.key)
    await there.revoke(made.id)
    await here.load()

    assert before[0] is not None
    assert (before[0].name, before[0].scopes) == ("k", {Scope.MODELS_READ})
    assert here.caller(made.key)[1] == "revoked"


async def test_the_journal_keeps_the_newest(database: Store) -> None:
    audit_log = AuditLog(database, most_kept=10)
    for number in range(30):
        scope = {"client": None, "method": "GET", "path": f"/{number}\0", "state": {}}
        audit_log.record(scope, False, "unknown")
        if number % 10 == 9:
            await audit_log.flush()

    assert (
        await database.read(
            lambda c: c.execute(select(func.count()).select_from(auth_logs)).scalar()
        )
        == 10
    )


async def test_a_long_run_is_read_from_summaries(database: Store) -> None:
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


class Case:
    """Hypothesis and an asynchronous database: one loop for all examples of a test."""

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
def case(database_url: tuple[str, Path | None]) -> Any:
    case = Case(database_url)
    yield case
    case.close()


VALUE = st.one_of(
    st.floats(-1e6, 1e6, allow_nan=False, width=32), st.sampled_from(["NaN", "Infinity"])
)


@settings(max_examples=100)
@given(data=st.data())
def test_no_chart_loses_an_extreme(case: Case, data: st.DataObject) -> None:
    """Any reports in any order, any window: first and last, lowest and highest are there, and nothing is made up."""
    uid, truth = new_uid(), {}
    attempts: dict[int, int] = {}
    for sequence in range(1, data.draw(st.integers(1, 6)) + 1):
        first = data.draw(st.integers(0, 300))
        stride = data.draw(st.integers(1, 5))
        attempt = data.draw(st.integers(1, 3))
        found = data.draw(st.lists(VALUE, min_size=1, max_size=120))
        steps = {first + i * stride: v for i, v in enumerate(found)}
        case.run(case.database.ingest(batch(uid, sequence, steps, attempt=attempt)))
        for step, value in steps.items():
            if attempt >= attempts.get(step, 0):
                truth[step], attempts[step] = value, attempt
    first_step = data.draw(st.integers(0, 400))
    last_step = data.draw(st.integers(first_step, 1000))
    most = data.draw(st.sampled_from([4, 10, 50, 1000]))

    series = case.run(chart(case.database, uid, most, first_step=first_step, last_step=last_step))

    shown = values(series)
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
    """Rows by level of the first series, whose points are `value` at these steps."""
    counts: list[int] = []
    while rows := rollups.rows_between(connection, 1, len(counts), -1, 100_000):
        at = iter(steps)
        for row in rows:
            inside = list(itertools.islice(at, rollups.points_per_row(len(counts))))
            assert (row.first_step, row.last_step) == (inside[0], inside[-1])
            assert row.low_value == min(map(value, inside))
            assert row.high_value == max(map(value, inside))
            assert row.odd_value is None
        counts.append(len(rows))
    return counts


async def test_summaries_are_those_of_the_points(database: Store) -> None:
    uid, steps = new_uid(), [n for s in range(1, 9) for n in range(s * 40, s * 40 + 37)]
    for sequence in range(8):
        own = steps[sequence * 37 : (sequence + 1) * 37]
        await database.ingest(batch(uid, sequence + 1, {n: value(n) for n in own}))

    # Of 296 points.
    assert await database.read(lambda c: checked_rows(c, steps)) == [16, 8, 4, 2, 1]


async def test_summaries_after_steps_were_trained_again(database: Store) -> None:
    uid = new_uid()
    for sequence, (first, last) in enumerate([(0, 700), (700, 1000), (333, 340), (320, 1400)], 1):
        sent = {n: value(n) for n in range(first, last)}
        await database.ingest(batch(uid, sequence, sent, attempt=sequence))

    assert await database.read(lambda c: checked_rows(c, list(range(1400)))) == [
        80, 40, 20, 10, 5, 2, 1,
    ]  # fmt: skip


async def test_summaries_go_on_where_an_earlier_version_left_off(database: Store) -> None:
    """It wrote every full row there was, not only those of whole stretches of WRITE_EVERY points."""
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


async def test_summaries_of_more_points_than_are_read_at_once(database: Store) -> None:
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


async def test_the_newest_points_are_shown_as_finely_as_the_others(database: Store) -> None:
    uid, newest = new_uid(), 9 * rollups.BLOCK_POINTS - 10
    for first in range(0, newest, 100):
        steps = {n: float(n) for n in range(first, min(first + 100, newest + 1))}
        await database.ingest(batch(uid, first // 100 + 1, steps))

    shown = sorted(values(await chart(database, uid, 200)))

    assert shown[-1] == newest
    # Two points for each row of level 1, wherever it comes from.
    assert max(b - a for a, b in itertools.pairwise(shown)) <= rollups.points_per_row(1)


async def test_every_batch_is_written_down(database: Store) -> None:
    uid = new_uid()
    await asyncio.gather(*(database.ingest(batch(uid, n, {})) for n in range(1, 1200)))

    count = select(func.count()).select_from(batches)
    assert await database.read(lambda c: c.execute(count).scalar_one()) == 1199


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("mysql://a/b", "begins with 'mysql'"),
        ("postgresql://nobody@127.0.0.1:1/x", "cannot use the database"),
        ("sqlite:////proc/nowhere/db", "cannot"),
    ],
)
async def test_databases_that_cannot_be_are_explained(
    url: str, message: str, tmp_path: Path
) -> None:
    password = tmp_path / "password"
    password.write_text("hidden-secret\n")

    async def use() -> None:
        await connect(url, password).open()

    with pytest.raises(SettingsError, match=message) as found:
        await use()

    assert "hidden-secret" not in str(found.value)


async def test_a_server_that_is_silent_is_given_up(tmp_path: Path) -> None:
    password = tmp_path / "password"
    password.write_text("hidden-secret\n")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"postgresql://nobody@127.0.0.1:{silent.getsockname()[1]}/x"
        database = PostgresStore(url, password, connect_seconds=0.2)

        with pytest.raises(SettingsError, match=r"cannot use the database .*: it does not answer"):
            await asyncio.wait_for(database.open(), 30)
