"""Reports that trainers left on the volume: whose are taken in, what counts as one, and what lies outside."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from sqlalchemy import insert, select

from trainyard.reporting.spool import Spool
from trainyard_api.runs.lines import line_of
from trainyard_gateway.files import spool
from trainyard_gateway.files.runs import RunFolders
from trainyard_gateway.files.spool import SpooledBatch, SpoolFolders
from trainyard_gateway.sessions.cache import SessionCache
from trainyard_gateway.sessions.spool_recovery import SpoolRecovery, over, parsed
from trainyard_gateway.store.schema.tables import logs, sessions
from trainyard_gateway.store.sqlite import SqliteStore
from trainyard_kube import KubeClient, KubeConfig

A, B = "11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222"
FIRST = SpooledBatch("000001", "rank-0", "000000000001.json")


@pytest.mark.parametrize(
    ("folders", "live", "gone", "done", "wanted"),
    [
        pytest.param({A}, {A: "Running"}, set(), set(), set(), id="its trainer sends itself"),
        pytest.param({A}, {A: "Queued"}, set(), set(), set(), id="another attempt will send them"),
        pytest.param({A}, {A: "Suspended"}, set(), set(), set(), id="it will go on"),
        pytest.param({A}, {A: "Succeeded"}, set(), set(), {A}, id="succeeded"),
        pytest.param({A}, {A: "Failed"}, set(), set(), {A}, id="failed"),
        pytest.param({A}, {A: "Stopped"}, set(), set(), {A}, id="stopped"),
        pytest.param({A}, {A: "Cancelled"}, set(), set(), {A}, id="cancelled"),
        pytest.param({A}, {A: "Succeeded"}, set(), {A}, set(), id="looked at already"),
        pytest.param({A}, {}, {A}, set(), {A}, id="no more in the cluster"),
        pytest.param({A}, {}, set(), set(), set(), id="unknown: the database may be the wrong one"),
        pytest.param({A}, {A: "Running"}, {A}, set(), set(), id="back in the cluster"),
        pytest.param(set(), {A: "Succeeded"}, set(), set(), set(), id="it has left nothing"),
        pytest.param({A, B}, {A: "Failed", B: "Running"}, set(), set(), {A}, id="each for itself"),
    ],
)  # fmt: skip
def test_whose_reports_are_taken_in(
    folders: set[str], live: dict[str, str], gone: set[str], done: set[str], wanted: set[str]
) -> None:
    assert over(folders, live, gone, done) == wanted


def body(**changes: object) -> bytes:
    whole = {"sessionUid": A, "attempt": 1, "stream": "rank-0", "sequence": 1}
    return json.dumps({**whole, "metrics": [], "logs": [], **changes}).encode()


def test_a_batch_of_this_session_is_one() -> None:
    batch = parsed(body(), A, FIRST)

    assert batch is not None
    assert batch.sequence == 1


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(None, id="no file"),
        pytest.param(b"", id="empty"),
        pytest.param(body()[:-5], id="cut off"),
        pytest.param(body(sessionUid=B), id="of another session"),
        pytest.param(body(attempt=2), id="of another attempt"),
        pytest.param(body(stream="rank-1"), id="of another stream"),
        pytest.param(body(sequence=2), id="another number"),
        pytest.param(body(metrics=[{"step": -1}]), id="not valid"),
    ],
)
def test_what_is_no_batch_of_it(content: bytes | None) -> None:
    assert parsed(content, A, FIRST) is None


LINES = SpooledBatch("000001", "relay-0", "000000000003.jsonl")
RUN = A.replace("-", "")


def test_lines_of_calls_are_a_batch_without_the_one_that_was_cut_off() -> None:
    report = {"run": RUN, "metrics": [{"key": "loss", "value": 0.5, "timestamp": 1, "step": 2}]}
    batch = parsed(line_of(report) + line_of({"run": RUN, "tags": {"k": "v"}}) + b'{"run', A, LINES)

    assert batch is not None
    assert (batch.attempt, batch.stream, batch.sequence) == (1, "relay-0", 3)
    (run,) = batch.runs
    assert (run.run, run.tags, [point.step for point in run.metrics]) == (RUN, {"k": "v"}, [2])


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(line_of({"run": "no run"}), id="not valid"),
        pytest.param(line_of({"run": RUN, "metrics": 5}), id="no list"),
        pytest.param(line_of({"run": RUN, "params": [1], "tags": 7}), id="no names"),
    ],
)
def test_what_are_no_lines_of_calls(content: bytes) -> None:
    assert parsed(content, A, LINES) is None


def spooled(root: Path, attempt: int = 1, stream: str = "rank-0", count: int = 1) -> None:
    """As the trainer's side writes them."""
    own = Spool(root / A / "spool", attempt, stream)
    for sequence in range(1, count + 1):
        own.put(sequence, body(attempt=attempt, stream=stream, sequence=sequence))


def test_what_trainers_leave_is_found_in_order_and_removed(tmp_path: Path) -> None:
    spooled(tmp_path, attempt=2)
    spooled(tmp_path, count=2)
    spooled(tmp_path, stream="rank-1")
    reports = SpoolFolders(tmp_path)

    found = reports.of(A)

    assert [(left.attempt, left.stream, left.file[-6:]) for left in found] == [
        ("000001", "rank-0", "1.json"),
        ("000001", "rank-0", "2.json"),
        ("000001", "rank-1", "1.json"),
        ("000002", "rank-0", "1.json"),
    ]
    assert [parsed(reports.read(A, left), A, left) is not None for left in found] == [True] * 4
    for left in found:
        reports.remove(A, left)
        reports.remove(A, left)
    assert reports.of(A) == []


def test_a_run_without_a_spool(tmp_path: Path) -> None:
    (tmp_path / A).mkdir()

    assert SpoolFolders(tmp_path).of(A) == []
    assert SpoolFolders(tmp_path).of(B) == []


def test_half_written_and_foreign_files_do_not_count(tmp_path: Path) -> None:
    spooled(tmp_path)
    stream = tmp_path / A / "spool" / "000001" / "rank-0"
    for name in ("000000000002.tmp", "last", "2.json", "notes.txt"):
        (stream / name).write_text("x")
    (tmp_path / A / "spool" / "else").mkdir()
    (stream.parent / "rank-9").write_text("a file where a folder is expected")

    assert SpoolFolders(tmp_path).of(A) == [FIRST]


def test_links_lead_nowhere(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    spooled(outside)
    runs = tmp_path / "runs"
    stream = runs / A / "spool" / "000001" / "rank-0"
    stream.mkdir(parents=True)
    (stream / FIRST.file).symlink_to(outside / A / "spool" / "000001" / "rank-0" / FIRST.file)
    (runs / B).mkdir()
    (runs / B / "spool").symlink_to(outside / A / "spool")
    reports = SpoolFolders(runs)

    assert reports.of(B) == []
    assert reports.read(A, FIRST) is None
    reports.remove(A, FIRST)
    assert (outside / A / "spool" / "000001" / "rank-0" / FIRST.file).exists()


def test_what_is_no_batch_by_its_kind_or_size_is_not_read(tmp_path: Path) -> None:
    stream = tmp_path / A / "spool" / "000001" / "rank-0"
    stream.mkdir(parents=True)
    (stream / FIRST.file).write_bytes(b" " * (spool.MAX_BATCH_BYTES + 1))
    pipe = SpooledBatch("000001", "rank-0", "000000000002.json")
    os.mkfifo(stream / pipe.file)
    reports = SpoolFolders(tmp_path)

    assert reports.read(A, FIRST) is None
    assert reports.read(A, pipe) is None


def test_a_look_is_bounded(tmp_path: Path) -> None:
    stream = tmp_path / A / "spool" / "000001" / "rank-0"
    stream.mkdir(parents=True)
    for sequence in range(spool.AT_ONCE + 10):
        (stream / f"{sequence:012d}.json").touch()

    assert len(SpoolFolders(tmp_path).of(A)) == spool.AT_ONCE


async def test_what_the_database_refuses_holds_nobody_up(tmp_path: Path) -> None:
    """A program may leave whatever it likes, here more names of metrics than a session may have."""
    database = SqliteStore(tmp_path / "db" / "x.sqlite3")
    await database.open()
    runs = tmp_path / "runs"
    rows = [
        {"step": n, "time": "2026-01-01T00:00:00Z", "values": {f"{n}-{m}": 1.0 for m in range(256)}}
        for n in range(8)
    ]
    line = {"time": "2026-01-01T00:00:00Z", "message": "last words"}
    Spool(runs / A / "spool", 1, "rank-0").put(1, body(metrics=rows))
    Spool(runs / B / "spool", 1, "rank-0").put(1, body(sessionUid=B, logs=[line]))
    gone = [
        {"uid": uid, "name": uid, "created": "2026", "object": "{}", "deleted": True}
        for uid in (A, B)
    ]
    await database.write(lambda c: c.execute(insert(sessions), gone))
    cache = SessionCache(KubeClient(KubeConfig(server="http://127.0.0.1:1")), "a", database)
    heard: list[str] = []
    reports = SpoolFolders(runs)

    database.on_durable(heard.append)
    await SpoolRecovery(RunFolders(runs), reports, cache, database).sweep()

    said = await database.read(lambda c: list(c.scalars(select(logs.c.message))))
    await database.close()
    assert said == ["last words"]
    assert heard == [B]
    assert reports.of(A) == [FIRST]
    assert reports.of(B) == []


async def test_a_batch_that_cannot_be_read_delays_no_later_one(tmp_path: Path) -> None:
    """A link, a folder and a batch that the database refuses stand before a good one."""
    database = SqliteStore(tmp_path / "db" / "x.sqlite3")
    await database.open()
    runs = tmp_path / "runs"
    stream = runs / A / "spool" / "000001" / "rank-0"
    stream.mkdir(parents=True)
    (stream / FIRST.file).symlink_to("/etc/hostname")
    (stream / "000000000002.json").mkdir()
    rows = [
        {"step": n, "time": "2026-01-01T00:00:00Z", "values": {f"{n}-{m}": 1.0 for m in range(256)}}
        for n in range(8)
    ]
    line = {"time": "2026-01-01T00:00:00Z", "message": "last words"}
    Spool(runs / A / "spool", 1, "rank-0").put(3, body(sequence=3, metrics=rows))
    Spool(runs / A / "spool", 1, "rank-0").put(4, body(sequence=4, logs=[line]))
    gone = {"uid": A, "name": A, "created": "2026", "object": "{}", "deleted": True}
    await database.write(lambda c: c.execute(insert(sessions), [gone]))
    cache = SessionCache(KubeClient(KubeConfig(server="http://127.0.0.1:1")), "a", database)

    await SpoolRecovery(RunFolders(runs), SpoolFolders(runs), cache, database).sweep()

    said = await database.read(lambda c: list(c.scalars(select(logs.c.message))))
    await database.close()
    assert said == ["last words"]
    assert not (stream / FIRST.file).is_symlink()
    assert not (stream / "000000000004.json").exists()
