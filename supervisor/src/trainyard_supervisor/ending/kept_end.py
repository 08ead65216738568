"""The end of a program that did all it wanted, kept in the run folder.

Guarantees:

- Once it is kept, no later attempt runs the program again, however this one ends: what is left is
  to take and send its outputs. A crash of the node does not undo it.
- With several workers it counts when the programs of all of them have ended in one attempt.
- A volume that the program has filled takes it all the same, where space was reserved for it.
- Half a record counts for nothing, nor one of another session, which a program may have copied.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from trainyard_api import contract
from trainyard_supervisor.settings import Attempt

MOST_BYTES = 256 << 10
"""Of a record: more than a termination message can make it."""
RESERVED_BYTES = 16 << 10
_NAME = "{attempt:06d}-{worker}.json"
_ATTEMPT = re.compile(r"(\d{6,10})-0\.json")
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class KeptEnd(NamedTuple):
    """What the termination message says of it."""

    message: str
    """What the program itself left."""
    derived: Mapping[str, int] | None = None
    """How far it came, read from its output."""


def reserve(run_dir: Path, worker: int) -> None:
    """Take space for the record to come, as far as that is possible."""
    with contextlib.suppress(OSError):
        folder = run_dir / contract.ENDED
        folder.mkdir(parents=True, exist_ok=True)
        # No zeros: some file systems keep those as nothing.
        _reserved(folder, worker).write_bytes(os.urandom(RESERVED_BYTES))


def keep(run_dir: Path, attempt: Attempt, worker: int, end: KeptEnd) -> None:
    """Write it durably, whole or not at all. Raises OSError."""
    folder = run_dir / contract.ENDED
    folder.mkdir(parents=True, exist_ok=True)
    place = folder / _NAME.format(attempt=attempt.number, worker=worker)
    derived = None if end.derived is None else dict(end.derived)
    record = {"sessionUid": attempt.session_uid, "message": end.message, "end": derived}
    with contextlib.suppress(OSError):
        _reserved(folder, worker).unlink()
    beside = place.with_suffix(".part")
    with beside.open("w") as file:
        json.dump(record, file)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(place)
    for changed in (folder, folder.parent, run_dir):
        _make_names_durable(changed)


def kept(run_dir: Path, attempt: Attempt, worker: int) -> KeptEnd | None:
    """The end of this worker's program in an earlier attempt; None if it is to run."""
    folder = run_dir / contract.ENDED
    try:
        names = [file.name for file in folder.iterdir()]
    except OSError:
        return None
    found = [int(match[1]) for match in map(_ATTEMPT.fullmatch, names) if match]
    for number in sorted(found, reverse=True):
        if number < attempt.number and worker < attempt.workers:
            files = [_NAME.format(attempt=number, worker=w) for w in range(attempt.workers)]
            ends = [_read(folder / file, attempt.session_uid) for file in files]
            if all(ends):
                return ends[worker]
    return None


def _read(file: Path, uid: str) -> KeptEnd | None:
    try:
        with os.fdopen(os.open(file, _READ), "rb") as content:
            found: Any = json.loads(content.read(MOST_BYTES))
        derived = found["end"]
        if found["sessionUid"] != uid or not isinstance(found["message"], str):
            return None
        ends = None if derived is None else {str(k): int(v) for k, v in derived.items()}
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None
    return KeptEnd(found["message"], ends)


def _reserved(folder: Path, worker: int) -> Path:
    return folder / f".reserved-{worker}"


def _make_names_durable(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        # Some network file systems know no such thing for folders.
        with contextlib.suppress(OSError):
            os.fsync(handle)
    finally:
        os.close(handle)
