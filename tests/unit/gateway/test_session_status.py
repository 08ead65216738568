"""No report of one session can spoil its status or stop the writing of the others'."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from poll import eventually_async
from pydantic import ValidationError
from sqlalchemy import insert
from structlog.testing import capture_logs

from trainyard_api import names, timestamps
from trainyard_api.report import Batch, CheckpointReport, Heartbeat
from trainyard_api.session.progress import Progress
from trainyard_gateway.code.bundles import CodeBounds, CodeBundles, CodeLimits
from trainyard_gateway.code.folders import CodeFolders
from trainyard_gateway.errors import Unavailable
from trainyard_gateway.files.file_store import FileStore
from trainyard_gateway.files.inspect import Inspector
from trainyard_gateway.registry.datasets import Datasets
from trainyard_gateway.registry.models import Models
from trainyard_gateway.registry.quota import Quota
from trainyard_gateway.rights.users import Users
from trainyard_gateway.routes.mlflow.deps import user_of_pod
from trainyard_gateway.sessions import status
from trainyard_gateway.sessions.cache import SessionCache
from trainyard_gateway.sessions.resuming_sessions import ResumingSessions
from trainyard_gateway.sessions.status_writer import StatusWriter
from trainyard_gateway.store import sessions
from trainyard_gateway.store.reports import heartbeats
from trainyard_gateway.store.schema import tables
from trainyard_gateway.store.sessions import SessionRow
from trainyard_gateway.store.store import Store
from trainyard_kube import KubeClient, KubeConfig

NOW = "2026-01-01T00:00:00Z"
UID = "11111111-1111-4111-8111-111111111111"

REFUSED: dict[str, dict[str, Any]] = {
    "step of 2^64": {"step": 2**64},
    "step of 10^400": {"step": 10**400},
    "total steps of 2^63": {"totalSteps": 2**63},
    "epoch of 2^31": {"epoch": 2**31},
    "epochs of 2^63": {"epochs": 2**63},
    "infinite rate": {"stepsPerSecond": float("inf")},
    "no number as rate": {"stepsPerSecond": float("nan")},
    "time before 1970": {"time": "1969-12-31T23:59:59Z"},
    "time that is over elsewhere": {"time": "9999-12-31T23:59:59-14:00"},
}


@pytest.mark.parametrize("fields", REFUSED.values(), ids=REFUSED)
def test_a_heartbeat_outside_of_its_bounds_is_refused(fields: dict[str, Any]) -> None:
    text = json.dumps({"time": NOW, "step": 1} | fields)

    with pytest.raises(ValidationError):
        Heartbeat.model_validate_json(text)


@pytest.mark.parametrize(
    "fields",
    [
        {"attempt": 2**31},
        {"logs": [{"time": NOW, "message": "", "rank": 2**31}]},
        {"checkpoint": {"time": NOW, "step": 2**64, "name": "a"}},
        {"checkpoint": {"time": NOW, "step": 1, "name": "a", "sizeBytes": 2**63}},
        {"metrics": [{"step": 1, "epoch": 2**31, "time": NOW, "values": {"a": 1}}]},
        {"metrics": [{"step": 1, "time": "9999-12-31T23:00:00-14:00", "values": {"a": 1}}]},
    ],
    ids=["attempt", "rank", "checkpoint's step", "checkpoint's size", "epoch", "time"],
)
def test_a_batch_outside_of_its_bounds_is_refused(fields: dict[str, Any]) -> None:
    valid = {"sessionUid": UID, "attempt": 1, "stream": "rank-0", "sequence": 1}
    Batch.model_validate_json(json.dumps(valid))

    with pytest.raises(ValidationError):
        Batch.model_validate_json(json.dumps(valid | fields))


STEPS = st.integers(0, 2**53) | st.sampled_from([0, 1, 2**31, 2**53])
EPOCHS = st.none() | st.integers(0, 2**31 - 1)
RATES = st.none() | st.floats(0, 1e18) | st.sampled_from([1e-320, 5e-324, 1e-12, 0.0, 1e18])
TIMES = st.datetimes(
    datetime(1971, 1, 1),  # noqa: DTZ001 - Hypothesis adds the zone
    datetime(9999, 12, 29),  # noqa: DTZ001 - the same
    timezones=st.integers(-23 * 60, 23 * 60).map(lambda m: timezone(timedelta(minutes=m))),
)


@given(TIMES, STEPS, st.none() | STEPS, EPOCHS, EPOCHS, RATES)
@example(datetime(2026, 1, 1, tzinfo=UTC), 1, 10, None, None, 1e-320)
@example(datetime(2026, 1, 1, tzinfo=UTC), 1, 2**53, None, None, 1e-12)
def test_every_accepted_heartbeat_gives_a_sound_status(
    time: datetime, step: int, total: int | None, epoch: int | None, epochs: int | None,
    rate: float | None,
) -> None:  # fmt: skip
    heartbeat = Heartbeat(
        time=time, step=step, total_steps=total, epoch=epoch, epochs=epochs, steps_per_second=rate
    )
    checkpoint = CheckpointReport(time=time, step=step, name="a")

    made = status.progress(1, heartbeat, checkpoint, timestamps.datetime_to_text(time))

    json.dumps(made, allow_nan=False)
    read = Progress.model_validate(made)
    assert read.last_heartbeat == time.replace(microsecond=0)
    assert read.last_heartbeat == read.last_step_time
    assert 0 <= (read.eta_seconds or 0) <= status.LONGEST_ETA_SECONDS
    assert 0 <= (read.percent or 0) <= 100


@pytest.mark.parametrize(
    ("time", "shown"),
    [
        ("2026-11-27T10:00:00+14:00", "2026-11-26T20:00:00Z"),
        ("2026-11-27T10:00:00-05:30", "2026-11-27T15:30:00Z"),
    ],
    ids=["east", "west"],
)
def test_a_heartbeat_with_a_time_zone_is_shown_in_utc(time: str, shown: str) -> None:
    heartbeat = Heartbeat(time=datetime.fromisoformat(time), step=1)

    assert status.progress(1, heartbeat, None, None)["lastHeartbeat"] == shown


async def test_a_stored_report_of_an_earlier_version_does_no_harm(database: Store) -> None:
    """One that was accepted before it had bounds."""
    row = {
        "session_uid": UID,
        "attempt": 1,
        "heartbeat": json.dumps({"time": NOW, "step": 10**400, "stepsPerSecond": 1e-320}),
        "checkpoint": json.dumps({"time": NOW, "step": 2**64, "name": "a"}),
    }
    await database.write(lambda c: c.execute(insert(tables.progress).values(row)))

    found = await database.read(lambda c: heartbeats.of_session(c, UID))
    fields = {"session_uid": UID, "attempt": 1, "stream": "rank-0", "sequence": 1}
    heartbeat = Heartbeat(time=datetime.fromisoformat(NOW), step=7)
    await database.ingest(Batch(**fields, heartbeat=heartbeat))
    later = await database.read(lambda c: heartbeats.of_session(c, UID))

    assert found is not None
    assert (found.heartbeat, found.checkpoint) == (None, None)
    assert later is not None
    assert later.heartbeat == heartbeat


def session(uid: str, name: str, dataset: Any, **spec: Any) -> dict[str, Any]:
    metadata = {"name": name, "uid": uid, "resourceVersion": "1", "creationTimestamp": NOW}
    return {"metadata": metadata, "spec": {"dataset": dataset, **spec}}


async def test_a_session_whose_status_cannot_be_computed_stops_no_other(
    database: Store, tmp_path: Path
) -> None:
    """The API server is away, so that the other's status is tried without success."""
    kube, cache, writer = lab(database, tmp_path)
    for body in (session("bad", "x", {"not": "a name"}), session("good", "y", "digits")):
        cache.put(body)
        writer.notify(body["metadata"]["uid"])
    assert await tries(kube, cache, writer, {"bad", "good"})


async def test_sessions_that_wait_are_looked_at_again_when_rights_change(
    database: Store, tmp_path: Path
) -> None:
    kube, cache, writer = lab(database, tmp_path)
    cache.put(session("coded", "x", None, code={"bundle": "a" * 64}))
    cache.put(session("resumes", "y", None, resumeFrom={"session": "first"}))
    writer.notify_resuming("resumes")
    cache.put(session("source", "first", None))

    writer.notify_resuming("source")
    assert await tries(kube, cache, writer, {"resumes"})
    writer.notify_waiting()
    assert await tries(kube, cache, writer, {"coded", "resumes"})


def lab(database: Store, data: Path) -> tuple[KubeClient, SessionCache, StatusWriter]:
    """A writer whose API server is away, so that it says which sessions it tries."""
    kube = KubeClient(KubeConfig(server="http://127.0.0.1:1"))
    cache = SessionCache(kube, "a", database)
    store = FileStore(data, 0)
    datasets = Datasets(store, database, Quota("dataset", tables.datasets), Inspector())
    models = Models(store, data, database, Quota("model", tables.models))
    limits = CodeLimits(max_bytes=1, max_files=1)
    code = CodeBundles(CodeFolders(data / "code"), store, CodeBounds(limits, 1))
    return kube, cache, StatusWriter(kube, "a", cache, database, datasets, code, models)


async def tries(
    kube: KubeClient, cache: SessionCache, writer: StatusWriter, uids: set[str]
) -> bool:
    """Whether a writer that runs tries these sessions, and does not end by itself."""
    cache.synced.set()
    with capture_logs() as said:
        async with kube:
            task = asyncio.create_task(writer.run())

            async def tried() -> bool:
                return uids <= {entry.get("session") for entry in said}

            await eventually_async(tried, within=60, every=0.05)
            running = not task.done()
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    return running


def test_a_patch_takes_away_what_is_over() -> None:
    current = {"dataset": {"name": "d", "problem": "p"}, "model": {"name": "m"}, "metrics": [1]}
    wanted = {
        "dataset": {"name": "d"},
        "model": {"name": "m"},
        "metrics": [2],
        "progress": {"a": 1},
    }
    assert status.patch(current, wanted) == {
        "dataset": {"name": "d", "problem": None}, "metrics": [2], "progress": {"a": 1},
    }  # fmt: skip
    assert status.patch(wanted, wanted) == {}


def resuming(uid: str, name: str, source: str | None = None, user: str = "ada") -> dict[str, Any]:
    spec = {} if source is None else {"resumeFrom": {"session": source}}
    labels = {names.LABEL_USER: user}
    return {"metadata": {"name": name, "uid": uid, "labels": labels}, "spec": spec}


def test_sessions_that_resume_are_looked_at_when_their_source_comes_changes_and_goes() -> None:
    found = ResumingSessions()
    for uid in ("b", "c"):
        assert found.of_changed(uid, resuming(uid, f"of-{uid}", "first")) == []

    came = found.of_changed("a", resuming("a", "first"))
    same = found.of_changed("a", resuming("a", "first"))
    given = found.of_changed("a", resuming("a", "first", user="bob"))
    found.of_changed("c", None)
    gone = found.of_changed("a", None)

    assert (came, same, given, gone) == (["b", "c"], [], ["b", "c"], ["b"])
    assert found.of_changed("unknown", None) == []


async def test_a_pod_acts_for_the_user_of_its_session_or_not_at_all(database: Store) -> None:
    kube = KubeClient(KubeConfig(server="http://127.0.0.1:1"))
    cache, users = SessionCache(kube, "a", database), Users(database)
    past, live = UID, "22222222-2222-4222-8222-222222222222"
    gone = {**resuming(past, "gone"), "spec": {}}
    gone["metadata"]["creationTimestamp"] = NOW
    row = SessionRow(past, "gone", NOW, json.dumps(gone), True)
    await database.write(lambda c: sessions.save(c, [row]))
    cache.put(resuming(live, "live", user="bob"))

    async with kube:
        found = [(await user_of_pod(cache, users, uid)).name for uid in (past, live)]
        with pytest.raises(Unavailable):
            await user_of_pod(cache, users, "33333333-3333-4333-8333-333333333333")

    assert found == ["ada", "bob"]
