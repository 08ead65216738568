"""The spool of open batches: what is written is there, and no number stands for two contents."""

from __future__ import annotations

import json
import resource
import signal
from collections import deque
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainyard.reporting.line_sender import LineSender
from trainyard.reporting.line_spool import MOST_ITEMS, LineSpool
from trainyard.reporting.transport import NotDeliveredError, RejectedError
from trainyard_api.runs.lines import line_of

RUN = "a" * 32


def spool(folder: Path, attempt: int = 1, **options: Any) -> LineSpool:
    """A spool of one session."""
    return LineSpool(folder / "spool", "uid", attempt, "relay-0", folder / "kept", **options)


def line(number: int) -> bytes:
    """A report that sets a tag."""
    return line_of({"run": RUN, "tags": {str(number): "x"}})


def content(found: LineSpool) -> list[tuple[int, int, list[str]]]:
    """Attempt, sequence and tags of each batch that may be sent."""
    read = [json.loads(batch.read()) for batch in found.waiting]
    return [
        (one["attempt"], one["sequence"], [tag for run in one["runs"] for tag in run["tags"]])
        for one in read
    ]


def test_lines_wait_in_the_open_batch_until_it_is_sealed(tmp_path: Path) -> None:
    there = spool(tmp_path)
    there.append(line(1))
    assert (there.empty, content(there)) == (False, [])
    there.append(line(2))
    there.seal()
    there.append(line(3))
    assert content(there) == [(1, 1, ["1", "2"])]
    there.seal()
    assert (there.empty, content(there)[1:]) == (True, [(1, 2, ["3"])])


def test_a_full_batch_is_followed_by_the_next(tmp_path: Path) -> None:
    there = spool(tmp_path)
    for number in range(MOST_ITEMS + 1):
        there.append(line(number))
    there.sync()
    assert [len(tags) for _, _, tags in content(there)] == [MOST_ITEMS]


def test_what_was_written_is_there_after_a_kill_and_its_number_is_not_used_again(
    tmp_path: Path,
) -> None:
    spool(tmp_path).append(line(1))
    second = spool(tmp_path)
    second.append(line(2))
    second.seal()
    third = spool(tmp_path, attempt=2)
    third.append(line(3))
    third.seal()
    assert content(third) == [(1, 1, ["1"]), (1, 2, ["2"]), (2, 1, ["3"])]


def test_an_acknowledged_batch_becomes_history_and_keeps_its_number(tmp_path: Path) -> None:
    there = spool(tmp_path)
    there.append(line(1))
    there.seal()
    there.remove(there.waiting.popleft())
    assert [path.name for path in (tmp_path / "kept").iterdir()] == ["000001-000000000001.jsonl"]
    again = spool(tmp_path)
    again.append(line(2))
    again.seal()
    assert content(again) == [(1, 2, ["2"])]


def test_the_oldest_are_dropped_beyond_the_limit(tmp_path: Path) -> None:
    there = spool(tmp_path, limit_bytes=3 * len(line(1)))
    for number in range(5):
        there.append(line(number))
        there.seal()
    assert (there.dropped, [tags for _, _, tags in content(there)]) == (2, [["2"], ["3"], ["4"]])


def test_a_disk_that_takes_nothing_leaves_lines_in_memory(tmp_path: Path) -> None:
    there = spool(tmp_path)
    there.append(line(1))
    most = resource.getrlimit(resource.RLIMIT_FSIZE)
    size = len(line(1)) + 5
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, most[1]))
    try:
        assert there.append(line(2)) is not None
        assert there.append(line(3)) is not None
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, most)
        signal.signal(signal.SIGXFSZ, before)
    assert there.append(line(4)) is None
    there.seal()
    assert content(there) == [(1, 1, ["1", "2", "3", "4"])]


class Gateway:
    """Takes batches once; `answers` come first."""

    def __init__(self) -> None:
        self.answers: deque[Exception] = deque()
        self.taken: dict[tuple[int, int], list[str]] = {}

    def post(self, path: str, body: bytes) -> dict[str, Any]:
        assert path == "/report/batches"
        if self.answers:
            raise self.answers.popleft()
        found = json.loads(body)
        tags = [tag for run in found["runs"] for tag in run["tags"]]
        key = found["attempt"], found["sequence"]
        assert self.taken.setdefault(key, tags) == tags
        return {}

    def close(self) -> None:
        """Nothing is open."""


def test_a_sender_delivers_in_order_and_drains(tmp_path: Path) -> None:
    gateway = Gateway()
    said: list[str] = []
    gateway.answers.extend([NotDeliveredError("away"), NotDeliveredError("away")])
    sender = LineSender(spool(tmp_path), gateway, said.append)
    for number in range(10):
        sender.put({"run": RUN, "tags": {str(number): "x"}})
    assert not sender.drain(30)
    assert sender.away
    assert sender.stop(60)
    assert [tag for tags in gateway.taken.values() for tag in tags] == [str(n) for n in range(10)]
    assert said == ["reports wait on disk: away"]


def test_a_refused_batch_is_said_and_does_not_hold_up_the_next(tmp_path: Path) -> None:
    gateway = Gateway()
    said: list[str] = []
    gateway.answers.append(RejectedError("no", 422))
    sender = LineSender(spool(tmp_path), gateway, said.append)
    sender.put({"run": RUN, "tags": {"1": "x"}})
    assert sender.drain(30)
    sender.put({"run": RUN, "tags": {"2": "x"}})
    assert sender.stop(60)
    assert (list(gateway.taken.values()), len(said)) == ([["2"]], 1)


@given(st.lists(st.sampled_from(["put", "seal", "kill", "ack", "attempt"]), max_size=40))
def test_kills_at_any_time_lose_and_double_nothing(
    tmp_path_factory: pytest.TempPathFactory, steps: list[str]
) -> None:
    """`ack` is a batch that the gateway takes, and of which the answer may be lost by a kill."""
    folder = tmp_path_factory.mktemp("spool")
    there, attempt, written = spool(folder), 1, 0
    gateway = Gateway()
    for step in steps:
        if step == "put":
            written += 1
            there.append(line(written))
        elif step == "seal":
            there.seal()
        elif step == "ack" and there.waiting:
            gateway.post("/report/batches", there.waiting[0].read())
            if written % 2:
                there.remove(there.waiting.popleft())
        elif step in ("kill", "attempt"):
            attempt += step == "attempt"
            there = spool(folder, attempt)
    there = spool(folder, attempt)
    for batch in there.waiting:
        gateway.post("/report/batches", batch.read())
    taken = [int(tag) for _, tags in sorted(gateway.taken.items()) for tag in tags]
    assert taken == list(range(1, written + 1))
