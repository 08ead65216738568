"""Copies the session's bundle of code to where the program runs.

The bundle lies read-only at `contract.CODE_DIR`. It is copied to `<run folder>/work` and the
program starts in there, so that it may write beside its files, as on the machine it comes from.

Guarantees:

- Every content has the hash that the bundle says; no path and no link leads out; no file is setuid.
- The folder is there when it is whole, and not before. Later attempts find it and change nothing:
  what the program has written or changed is still there.
- With several workers, the first one copies, and the others wait for the folder.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from trainyard_api import contract
from trainyard_api.files.durability import make_durable
from trainyard_api.files.hashing import sha256_of
from trainyard_supervisor.code.manifest import (
    CONTENTS,
    MANIFEST,
    MAX_MANIFEST_BYTES,
    Entry,
    damaged,
    entries,
    is_inside,
    missing,
)
from trainyard_supervisor.errors import CannotStart

WAIT_SECONDS = 900.0
"""How long other workers wait for the first one to copy."""
PAUSE_SECONDS = 0.2
_CHUNK = 1 << 20
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC


class Code(NamedTuple):
    """What the operator says of the session's code."""

    bundle: str
    working_dir: str


def code_of(environment: Mapping[str, str]) -> Code | None:
    """The code that `TRAINYARD_RUN` names; None without one. Pure. Raises ValueError."""
    found = json.loads(environment.get(contract.ENV_RUN) or "{}").get("code")
    if found is None:
        return None
    working_dir = str(found.get("workingDir") or "")
    if working_dir and not is_inside(working_dir):
        raise ValueError(f"the working folder {working_dir[:100]!r} leads out of the code")
    return Code(str(found["bundle"]), working_dir)


def stage(
    code: Code, source: Path, run_dir: Path, worker: int, stopped: Callable[[], bool]
) -> Path | None:
    """The folder to start the program in; None if a stop signal came meanwhile.

    Raises CannotStart.
    """
    target = run_dir / contract.WORK
    try:
        if not target.is_dir() and not _copied(code, source, target, worker, stopped):
            return None
        place = target / code.working_dir
        place.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _refused(error) from error
    return place


def _copied(
    code: Code, source: Path, target: Path, worker: int, stopped: Callable[[], bool]
) -> bool:
    if worker:
        return _wait(target, stopped)
    part = target.with_name(f".{target.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir()
    listed = entries(_manifest(source, code.bundle), code.bundle)
    for entry in listed:
        if stopped():
            shutil.rmtree(part, ignore_errors=True)
            return False
        _make(code.bundle, source / CONTENTS, part, entry)
    # Last, so that no path of a file leads through a link.
    for entry in listed:
        if entry.target:
            _place(part, entry.path).symlink_to(entry.target)
    (target.parent / contract.WORK_MADE).touch()
    make_durable(part)
    part.rename(target)
    return True


def _wait(target: Path, stopped: Callable[[], bool]) -> bool:
    end = time.monotonic() + WAIT_SECONDS
    while not stopped():
        # Listing the folder above makes a network volume look again.
        if target in target.parent.iterdir():
            return True
        if time.monotonic() > end:
            raise CannotStart(
                "CodeNotStaged",
                f"The first worker did not copy the code within {WAIT_SECONDS:g} s.",
                "Look at the first worker's log, and at the speed of the data volume.",
            )
        time.sleep(PAUSE_SECONDS)
    return False


def _manifest(source: Path, bundle: str) -> bytes:
    try:
        with (source / MANIFEST).open("rb") as file:
            text = file.read(MAX_MANIFEST_BYTES + 1)
    except FileNotFoundError as error:
        raise missing(bundle, "the list of its files") from error
    if len(text) > MAX_MANIFEST_BYTES:
        raise damaged(bundle, "its list of files is too long")
    return text


def _make(bundle: str, contents: Path, part: Path, entry: Entry) -> None:
    if entry.target:
        return
    if not entry.sha256:
        _place(part, entry.path).mkdir(exist_ok=True)
        return
    digest, size = sha256_of(entry.size), 0
    mode = 0o755 if entry.executable else 0o644
    try:
        handle = os.open(contents / entry.sha256, _READ)
    except FileNotFoundError as error:
        raise missing(bundle, f"the content of {entry.path}") from error
    own = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    with (
        os.fdopen(handle, "rb") as old,
        os.fdopen(os.open(_place(part, entry.path), own, mode), "wb") as new,
    ):
        for chunk in iter(lambda: old.read(_CHUNK), b""):
            digest.update(chunk)
            size += len(chunk)
            if size > entry.size:
                break
            new.write(chunk)
    if size != entry.size or digest.hexdigest() != entry.sha256:
        raise damaged(bundle, f"the content of {entry.path} does not have its hash")


def _place(part: Path, path: str) -> Path:
    place = part / path
    place.parent.mkdir(parents=True, exist_ok=True)
    return place


def _refused(error: OSError) -> CannotStart:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return CannotStart(
            "CodeNotStaged",
            "The data volume is full: the code cannot be copied to the run folder.",
            "Free space on the data volume, then submit the session again.",
        )
    what = error.filename or "the run folder"
    return CannotStart(
        "CodeNotStaged",
        f"The code cannot be copied to the run folder: {what}: {error.strerror}.",
        "Look at the data volume, then submit the session again.",
    )
