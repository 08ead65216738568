"""Reports, statuses and spool files that no honest program sends, from a seed and a number.

`Hostile(seed).report(n)` gives the same bytes every time, so a failure is told by two numbers.
"""

from __future__ import annotations

import copy
import json
import os
import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Path_ = tuple[str | int, ...]

NOW = "2026-01-01T00:00:00Z"
HIDDEN = "\u202e\u2066\x1b[2J\x00\n/stop\u2028\u200b\ufeff"
NUMBERS: tuple[Any, ...] = (
    0, -1, 1, 2**31 - 1, 2**31, 2**53, 2**53 + 1, 2**63 - 1, 2**63, -(2**63), 2**64, 10**30, 10**400,
    -(10**400), 1e-320, 5e-324, 1e308, -1e308, 1e18, 1e19, 0.5, -0.0, 1e300, float("nan"),
    float("inf"), float("-inf"), "NaN", "Infinity", "-Infinity", "1e400", "٣", True, "9" * 5000,
)  # fmt: skip
TIMES: tuple[Any, ...] = (
    "0000-01-01T00:00:00Z", "0001-01-01T00:00:00Z", "1969-12-31T23:59:59Z", "1970-01-01T00:00:00+14:00",
    "9999-12-31T23:59:59Z", "9999-12-31T23:59:59-14:00", "10000-01-01T00:00:00Z", "+275760-09-13T00:00:00Z",
    "2026-01-01T00:00:00", "2026-01-01T00:00:00+14:00", "2026-01-01T00:00:00-23:59", "2026-13-45T99:99:99Z",
    "2026-01-01", "", 0, -1, 253402300800, 1e308, 2**63, "2026-06-30T23:59:60Z", "2026-01-01T00:00:00.0000001Z",
)  # fmt: skip
TEXTS: tuple[Any, ...] = (
    "", " ", "\n", "\x00", HIDDEN, "a" * 129, "x" * 70_000, "\ud800", "é" * 20_000, "../../etc/passwd",
    "<b>", "&amp;", "'; DROP TABLE logs; --", "%s%n{0}", "👩\u200d💻", "/stop", "rank-0\n", "$(x)",
)  # fmt: skip
OTHERS: tuple[Any, ...] = (
    None,
    [],
    {},
    [[]],
    [None],
    {"": None},
    [[[[[[[[]]]]]]]],
    {"a": {"a": {"a": {}}}},
)
ANY = (*NUMBERS, *TIMES, *TEXTS, *OTHERS)
COUNTS = (0, 1, 7, 2**31, 2**53, 2**63 - 1)


def sound_report(uid: str, attempt: int, sequence: int) -> dict[str, Any]:
    """A report with every field."""
    return {
        "sessionUid": uid,
        "attempt": attempt,
        "stream": "rank-0",
        "sequence": sequence,
        "metrics": [
            {"step": sequence, "epoch": 1, "time": NOW, "values": {"loss": 0.5, "val/loss": 1.5}},
            {"step": sequence + 1, "time": NOW, "values": {"loss": "NaN"}},
        ],
        "logs": [{"time": NOW, "level": "info", "message": "x", "rank": 0}],
        "heartbeat": {
            "time": NOW, "step": sequence, "totalSteps": 10**6, "epoch": 1, "epochs": 5,
            "stepsPerSecond": 2.5,
        },
        "checkpoint": {"time": NOW, "step": sequence, "name": "step-1", "sizeBytes": 5},
    }  # fmt: skip


@dataclass(frozen=True)
class Hostile:
    """Makes things by number."""

    seed: int

    def luck(self, kind: str, number: int) -> random.Random:
        """Random numbers of one thing."""
        return random.Random(f"{self.seed} {kind} {number}")

    def report(self, number: int, uid: str, attempt: int = 1) -> bytes:
        """The body of a report: most are sound but for some values, some are no JSON at all."""
        luck = self.luck("report", number)
        body = sound_report(uid, attempt, number + 1)
        # An honest identity, so that what is wrong behind it is reached.
        for _ in range(luck.choice((0, 1, 1, 1, 2, 3))):
            spoil(
                body,
                luck,
                keep=("sessionUid", "attempt", "sequence") if luck.random() < 0.9 else (),
            )
        text = json.dumps(body, ensure_ascii=luck.random() < 0.8).encode("utf-8", "surrogatepass")
        return luck.choices(_MANGLERS, _WEIGHTS)[0](text, luck)

    def status(self, number: int) -> dict[str, Any]:
        """A status of a session, as a user who may write it could forge it."""
        luck = self.luck("status", number)
        status = copy.deepcopy(SOUND_STATUS)
        for _ in range(luck.choice((1, 1, 2))):
            spoil(status, luck)
        return status

    def spool(self, number: int, folder: Path, uid: str) -> None:
        """Put something into a spool folder under the name of a batch."""
        luck = self.luck("spool", number)
        place = (
            folder / f"{luck.choice((1, 1, 2, 999_999)):06d}" / luck.choice(("rank-0", "x" * 64))
        )
        place.mkdir(parents=True, exist_ok=True)
        path = place / f"{number % 10**12:012d}.json"
        if path.exists() or path.is_symlink():
            return
        kind = luck.choice(
            ("report", "report", "report", "link", "dangling", "fifo", "folder", "sparse", "closed")
        )
        if kind == "link":
            path.symlink_to("/etc/passwd")
        elif kind == "dangling":
            path.symlink_to("nowhere")
        elif kind == "fifo":
            os.mkfifo(path)
        elif kind == "folder":
            path.mkdir()
        elif kind == "sparse":
            with path.open("wb") as file:
                file.truncate(1 << 40)
        else:
            path.write_bytes(self.report(number, uid))
            if kind == "closed":
                path.chmod(0)


SOUND_STATUS: dict[str, Any] = {
    "phase": "Running", "attempt": 1, "failures": 1, "preemptions": 1, "observedGeneration": 1,
    "queuedTime": NOW, "retryTime": NOW, "startTime": NOW, "attemptStartTime": NOW, "completionTime": NOW,
    "jobName": "x", "message": "x", "runSeconds": 60, "gpuSeconds": 60,
    "attemptAllocatedTime": NOW,
    "allocations": [{
        "kind": "Attempt", "number": 1, "startTime": NOW, "endTime": NOW, "exact": True, "ran": True,
        "gpus": 1, "cpuMillis": 1000, "memoryBytes": 1024, "outcome": "Failed", "checkpointTime": NOW,
    }],
    "queue": {
        "position": 1, "ahead": {"sessions": 1, "gpus": 1}, "reason": "x", "message": "x",
        "estimatedStart": {"earliest": NOW, "latest": NOW},
    },
    "progress": {
        "attempt": 1, "step": 7, "totalSteps": 10, "epoch": 1, "epochs": 2, "percent": 50.0,
        "percentDisplay": "50%", "stepsPerSecond": 2.5, "etaSeconds": 60, "etaDisplay": "1m",
        "lastCheckpoint": {"step": 5, "time": NOW}, "lastHeartbeat": NOW, "lastStepTime": NOW,
    },
    "metrics": [{"name": "loss", "value": "0.5", "step": 5}],
    "dataset": {"name": "d", "state": "Found", "file": "d.csv", "format": "csv", "sizeBytes": 5},
    "model": {"name": "m", "version": 1, "sha256": "0" * 64},
    "failure": {"class": "ProgramError", "attempt": 1, "exitCode": 1, "message": "x", "lastLogLines": ["x"]},
    "conditions": [{"type": "Running", "status": "True", "reason": "x", "lastTransitionTime": NOW}],
}  # fmt: skip


def places(value: Any, path: Path_ = ()) -> list[Path_]:
    """Where a value can be spoilt."""
    items: Any = ()
    if isinstance(value, dict):
        items = value.items()
    elif isinstance(value, list):
        items = enumerate(value)
    found = [path] if path else []
    for key, inner in items:
        found += places(inner, (*path, key))
    return found


def spoil(body: dict[str, Any], luck: random.Random, keep: tuple[str, ...] = ()) -> None:
    """Put something else into one place."""
    found = [path for path in places(body) if path[0] not in keep]
    if not found:
        return
    *way, last = luck.choice(found)
    inner: Any = body
    for key in way:
        inner = inner[key]
    how = luck.random()
    if how < 0.1:
        del inner[last]
    elif how < 0.2 and isinstance(inner, dict):
        name = luck.choice(TEXTS)
        inner[name] = inner.pop(last)
    else:
        # A copy, since later spoiling must change neither this place nor what others are made of.
        inner[last] = copy.deepcopy(luck.choice(_alike(inner[last])))


def _alike(value: Any) -> tuple[Any, ...]:
    """What can stand in a place: mostly of its own kind."""
    if isinstance(value, str):
        return (*(TIMES if value[:4] == "2026" else TEXTS) * 3, *ANY)
    if isinstance(value, int | float):
        return (*NUMBERS * 3, *ANY)
    if isinstance(value, list) and value:
        return (*OTHERS, value * 1000, value * 20)
    return ANY


def _duplicated(text: bytes, luck: random.Random) -> bytes:
    return text[:-1] + b"," + text[1:] if text.startswith(b"{") else text


def _truncated(text: bytes, luck: random.Random) -> bytes:
    return text[: luck.randrange(len(text))]


def _flipped(text: bytes, luck: random.Random) -> bytes:
    changed = bytearray(text)
    for _ in range(3):
        changed[luck.randrange(len(changed))] = luck.randrange(256)
    return bytes(changed)


def _deep(text: bytes, luck: random.Random) -> bytes:
    depth = luck.choice((100, 10_000, 500_000))
    return text[:-1] + b',"more":' + b"[" * depth + b"]" * depth + b"}"


def _wide(text: bytes, luck: random.Random) -> bytes:
    rows = b",".join(
        b'{"step":%d,"time":"%s","values":{"m%d":1}}' % (n, NOW.encode(), n) for n in range(3000)
    )
    return text[:-1] + b',"metrics":[' + rows + b"]}"


def _name_of_a_megabyte(text: bytes, luck: random.Random) -> bytes:
    return text[:-1] + b',"metrics":[{"step":1,"time":"%s","values":{"%s":1}}]}' % (
        NOW.encode(),
        b"n" * 1_000_000,
    )


def _number_without_end(text: bytes, luck: random.Random) -> bytes:
    return text[:-1] + b',"heartbeat":{"time":"%s","step":%s}}' % (
        NOW.encode(),
        b"9" * luck.choice((400, 5000, 1_000_000)),
    )


Mangler = Callable[[bytes, random.Random], bytes]
_MANGLERS: tuple[Mangler, ...] = (
    lambda text, _: text, _duplicated, _truncated, _flipped, _deep, _wide, _name_of_a_megabyte, _number_without_end,
)  # fmt: skip
_WEIGHTS = (80, 4, 4, 8, 1, 1, 0.5, 1)
