"""What pods report of their runs, on both databases: each value once, none of another session."""

from __future__ import annotations

import asyncio
import itertools
import json
import math
import uuid
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

import pytest

from trainyard_api.mlflow import run_id_of
from trainyard_api.report import Batch
from trainyard_gateway.store import sessions
from trainyard_gateway.store.database import Connection
from trainyard_gateway.store.history import remove_some
from trainyard_gateway.store.logs.lines import read_lines
from trainyard_gateway.store.metrics import charts, points
from trainyard_gateway.store.metrics.cardinality import MAX_METRIC_NAMES, TooManyMetricNames
from trainyard_gateway.store.metrics.latest import latest_values
from trainyard_gateway.store.runs import experiments, of_sessions, records, rows
from trainyard_gateway.store.runs.rows import RunRow
from trainyard_gateway.store.sessions import SessionRow
from trainyard_gateway.store.store import Store

pytestmark = pytest.mark.integration
T = TypeVar("T")


class Session:
    """A session whose pod reports."""

    def __init__(self, database: Store) -> None:
        self.uid = str(uuid.uuid4())
        self.run = run_id_of(self.uid)
        self._database = database
        self._numbers = itertools.count(1)

    async def report(self, *runs: dict[str, Any], attempt: int = 1) -> bool:
        """Report of runs; of the session's own one if a report names none."""
        body = {
            "sessionUid": self.uid,
            "attempt": attempt,
            "stream": "mlflow",
            "sequence": next(self._numbers),
            "runs": [{"run": self.run, **run} for run in runs],
        }
        return await self._database.ingest(Batch.model_validate(body))

    async def read(self, action: Callable[[Connection], T]) -> T:
        """Read after everything that was reported."""
        return await self._database.read(action)

    async def history(self, run: str = "", limit: int = 100) -> list[tuple[int, int, float]]:
        """Step, milliseconds and value of all values of `loss`, read in pages."""
        key = self.uid if run in ("", self.run) else run
        place: points.Place | None = points.FIRST
        found: list[tuple[int, int, float]] = []
        while place is not None:
            page, place = await self.read(partial(_page, key=key, place=place, limit=limit))
            found += [(p.step, p.time // 1000, math.nan if p.nan else p.value) for p in page]
        return found

    async def row(self, run: str = "") -> RunRow | None:
        """The row of a run."""
        return await self.read(lambda c: rows.find(c, run or self.run))


def _page(connection: Connection, key: str, place: points.Place, limit: int) -> Any:
    return points.page(connection, key, "loss", place, limit)


@pytest.fixture
def session(database: Store) -> Session:
    return Session(database)


def value(step: int, number: float | str, timestamp: int = 0) -> dict[str, Any]:
    """A value of `loss`."""
    return {"key": "loss", "value": number, "timestamp": timestamp, "step": step}


async def test_all_values_of_a_step_are_kept_and_the_latest_is_charted(session: Session) -> None:
    await session.report({"metrics": [value(0, 1.0, 5), value(0, 2.0, 7)]})
    await session.report({"metrics": [value(0, 3.0, 6), value(1, "NaN", 8), value(-3, 9.0, 1)]})

    found = await session.history()
    charted = await session.read(
        lambda c: charts.read_charts(c, session.uid, ["loss"], charts.Window(100))
    )

    assert [(step, time) for step, time, _ in found] == [(-3, 1), (0, 5), (0, 6), (0, 7), (1, 8)]
    assert [v for _, _, v in found][:4] == [9.0, 1.0, 3.0, 2.0]
    assert math.isnan(found[-1][2])
    assert [(p["step"], p["value"]) for p in charted[0]["points"]] == [(0, 2.0), (1, "NaN")]


@pytest.mark.parametrize("limit", [1, 2, 3, 100], ids="pages of {}".format)
async def test_pages_hold_every_value_once(session: Session, limit: int) -> None:
    logged = [value(n // 3, float(n), n) for n in range(10)]
    await session.report({"metrics": logged})

    found = await session.history(limit=limit)

    assert [v for _, _, v in found] == [float(n) for n in range(10)]


async def test_a_value_that_is_sent_again_counts_once(session: Session) -> None:
    metrics = [value(0, 1.0, 5), value(0, 2.0, 7), value(1, "Infinity", 8), value(2, "NaN", 9)]
    for _ in range(3):
        await session.report({"metrics": metrics})

    found = await session.history()
    latest = await session.read(lambda c: latest_values(c, session.uid))

    assert [(step, time) for step, time, _ in found] == [(0, 5), (0, 7), (1, 8), (2, 9)]
    assert [(v.step, v.value) for v in latest] == [(2, "NaN")]


async def test_a_later_attempt_replaces_what_it_trains_again(session: Session) -> None:
    await session.report({"metrics": [value(n, 1.0, n) for n in (0, 1, 1, 2)]})
    await session.report({"metrics": [value(1, 0.5, 20), value(2, 0.4, 21)]}, attempt=2)
    await session.report({"metrics": [value(2, 7.0, 99)]}, attempt=1)

    assert await session.history() == [(0, 0, 1.0), (1, 20, 0.5), (2, 21, 0.4)]


async def test_params_keep_their_first_value_and_the_log_says_so(session: Session) -> None:
    await session.report({"params": {"lr": "0.1"}, "tags": {"a": "1", "b": "2"}})
    await session.report({"params": {"lr": "0.2", "depth": "3"}, "removedTags": ["b"]})

    params = await session.read(lambda c: records.params_of(c, [session.run]))
    tags = await session.read(lambda c: records.tags_of(c, [session.run]))
    lines = await session.read(lambda c: read_lines(c, session.uid, 0, 10, False).lines)

    assert {r.key: r.value for r in params[session.run]} == {"lr": "0.1", "depth": "3"}
    assert {r.key: r.value for r in tags[session.run]} == {"a": "1"}
    assert [line["message"] for line in lines] == ["params keep their first value: lr"]


async def test_a_program_makes_runs_and_chooses_experiments(session: Session) -> None:
    child = uuid.uuid4().hex
    made = {"run": child, "created": {"name": "child", "startTime": 5}, "metrics": [value(1, 2.0)]}
    await session.report({"experiment": "mine"}, made)
    await session.report({"run": child, "status": "FINISHED", "endTime": 9})
    await session.report({"status": "FINISHED", "endTime": 9})

    own, other = await session.row(), await session.row(child)
    experiment = await session.read(lambda c: experiments.find_by_name(c, "mine"))

    assert own is not None
    assert other is not None
    assert experiment is not None
    assert {own.experiment_id, other.experiment_id} == {experiment.id}
    assert (other.name, other.session_uid, other.status) == ("child", session.uid, "FINISHED")
    assert (own.status, own.end_time) == ("RUNNING", None)
    assert await session.history(child) == [(1, 0, 2.0)]
    assert await session.history() == []


async def test_no_session_writes_to_the_run_of_another(session: Session, database: Store) -> None:
    stranger, child = Session(database), uuid.uuid4().hex
    await session.report({"run": child, "created": {}}, {"metrics": [value(0, 1.0)]})

    await stranger.report({"run": child, "metrics": [value(5, 6.0)], "tags": {"a": "b"}})
    await stranger.report({"run": session.run, "created": {}, "metrics": [value(5, 6.0)]})
    await stranger.report({"run": uuid.uuid4().hex, "params": {"a": "b"}})

    tags = await session.read(lambda c: records.tags_of(c, [child]))
    lines = await session.read(lambda c: read_lines(c, stranger.uid, 0, 10, False).lines)
    assert (tags, await session.history(child)) == ({}, [])
    assert await session.history() == [(0, 0, 1.0)]
    assert ["is not one of this session" in line["message"] for line in lines] == [True] * 3


async def test_a_dataset_that_is_reported_again_keeps_its_tags(session: Session) -> None:
    used = [{"dataset": {"name": f"d{n}", "digest": "1"}, "tags": {"a": str(n)}} for n in range(3)]
    await session.report({"inputs": used})
    await session.report({"inputs": [{"dataset": each["dataset"]} for each in used[:2]]})

    found = (await session.read(lambda c: records.inputs_of(c, [session.run])))[session.run]
    assert [each.tags for each in found] == [{"a": "0"}, {"a": "1"}, {"a": "2"}]


async def test_a_run_has_a_bounded_number_of_metrics(session: Session) -> None:
    many = [{"key": f"m{n}", "value": 1.0, "timestamp": 0} for n in range(MAX_METRIC_NAMES)]
    await session.report({"metrics": many})

    with pytest.raises(TooManyMetricNames):
        await session.report({"metrics": [{"key": "more", "value": 1.0, "timestamp": 0}]})


async def test_a_refusal_forgets_no_names_of_metrics(session: Session) -> None:
    """Names of batches that wait to be applied count, however many were refused meanwhile."""
    full = [{"key": f"m{n}", "value": 1.0, "timestamp": 0} for n in range(MAX_METRIC_NAMES)]
    others = [[{"key": f"other{n}", "value": 1.0, "timestamp": 0}] for n in range(3)]
    first, *refused = await asyncio.gather(
        *(session.report({"metrics": metrics}) for metrics in (full, *others)),
        return_exceptions=True,
    )

    assert not isinstance(first, Exception)
    assert [type(each) for each in refused] == [TooManyMetricNames] * 3


async def test_values_of_repeated_steps_go_with_the_history_of_their_session(
    session: Session, database: Store
) -> None:
    await session.report({"metrics": [value(0, float(n), n) for n in range(20)]})
    assert len(await session.history()) == 20

    while await database.write(lambda c: remove_some(c, session.uid, 7)):
        pass
    await database.clear_caches()

    assert await session.history() == []


STATES = {
    "waits": ({}, False, ("SCHEDULED", "Pending")),
    "runs": ({"phase": "Running", "startTime": "2026-01-01T00:00:01Z"}, False, ("RUNNING", "Running")),
    "succeeded": ({"phase": "Succeeded"}, True, ("FINISHED", "Succeeded")),
    "failed": ({"phase": "Failed"}, False, ("FAILED", "Failed")),
    "stopped": ({"phase": "Stopped"}, False, ("KILLED", "Stopped")),
    "deleted while it ran": ({"phase": "Running"}, True, ("KILLED", "Deleted")),
}  # fmt: skip


@pytest.mark.parametrize(("status", "deleted", "expected"), STATES.values(), ids=STATES)
async def test_the_state_of_a_sessions_run_is_that_of_the_session(
    session: Session, database: Store, status: dict[str, Any], deleted: bool, expected: Any
) -> None:
    await session.report({"tags": {"early": "yes"}})
    body = {"metadata": {"labels": {"trainyard.io/user": "ann"}}, "spec": {}, "status": status}
    row = SessionRow(session.uid, "s", "2026-01-01T00:00:00Z", json.dumps(body), deleted)

    def remember(connection: Connection) -> None:
        sessions.save(connection, [row])
        of_sessions.save(connection, [row])

    await database.write(remember)

    run = await session.row()
    assert run is not None
    assert (run.status, run.phase) == expected
    await database.write(lambda c: of_sessions.mark_gone_except(c, set()))
    after = await session.row()
    assert after is not None
    assert after.status not in ("RUNNING", "SCHEDULED")
