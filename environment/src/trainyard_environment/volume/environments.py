"""Environments on the volume: `<lock>/` is whole or not there, and builders clean up after others.

| Place | What it is |
| --- | --- |
| `<lock>/environment.json` | written last; its mtime is when it was last used |
| `.building/<id>/` | one builder's own; it holds the lock of `lease` in it as long as it lives |
| `.locks/<lock>` | held by the one builder that makes this environment |
| `.gate` | held while names are given, taken away and counted |
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from trainyard_api import contract
from trainyard_api.contract import BuilderExit
from trainyard_environment.errors import CannotBuild
from trainyard_environment.resolving.failures import no_room
from trainyard_environment.volume.eviction import RECENT_SECONDS, Kept, evicted
from trainyard_environment.volume.locks import is_free, locked, taken

GATE_SECONDS = 300.0
WAIT_SECONDS = 3600.0
"""How long a builder waits for another one that makes the same environment."""
LEASE = "lease"
_LOCK = re.compile(r"[0-9a-f]{64}")


class Environments:
    """The folder of all environments, of at most `max_bytes`; `say` takes sentences."""

    def __init__(self, root: Path, max_bytes: int, say: Callable[[str], None]) -> None:
        self._root = root
        self._max_bytes = max_bytes
        self._say = say
        for folder in (root, self._building, self._locks):
            folder.mkdir(parents=True, exist_ok=True)

    @contextlib.contextmanager
    def workplace(self) -> Iterator[tuple[Path, int]]:
        """A folder of one's own, removed at the end, and the descriptor that keeps it.

        What killed builders left is removed first.
        """
        place = self._building / uuid.uuid4().hex
        with self._gate():
            left = [other for other in self._building.iterdir() if is_free(other / LEASE)]
            self._remove_locks()
            place.mkdir()
            handle = os.open(place / LEASE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
            taken(handle)
        _empty(left)
        try:
            yield place, handle
        finally:
            shutil.rmtree(place, ignore_errors=True)
            os.close(handle)

    @contextlib.contextmanager
    def only_builder(self, lock: str) -> Iterator[None]:
        """Wait until no other builder makes this environment. Raises CannotBuild."""
        try:
            if not is_free(self._locks / lock):
                self._say("another builder makes the same environment; waiting for it")
            with locked(self._locks / lock, WAIT_SECONDS):
                yield
        except TimeoutError as error:
            raise CannotBuild(
                "NoRoomForEnvironment",
                f"Another builder makes the same environment for longer than {WAIT_SECONDS:g} s.",
                "Look at the data volume's speed, then submit the session again.",
                BuilderExit.NO_ROOM,
            ) from error

    def used(self, lock: str) -> dict[str, Any] | None:
        """The description of an environment that is there, which is used now; else None."""
        with self._gate():
            found = described(self._root / lock)
            if found is not None:
                os.utime(self._root / lock / contract.ENVIRONMENT_FILE)
        return found

    def publish(self, made: Path, lock: str, description: dict[str, Any]) -> None:
        """Give a whole environment its name, after a removal of older ones. Raises CannotBuild."""
        _write_durably(made / contract.ENVIRONMENT_FILE, json.dumps(description, indent=1))
        gone: list[Path] = []
        try:
            with self._gate():
                self._make_room(int(description["bytes"]), gone)
                target = self._root / lock
                if target.exists() and described(target) is None:
                    # The kubelet makes a folder for a mount of what is not there.
                    gone.append(self._unnamed(target))
                made.rename(target)
                _sync(self._root)
        finally:
            _empty(gone)

    # ── below the gate ────────────────────────────────────────────────────────────────────

    def _make_room(self, needed: int, gone: list[Path]) -> None:
        now = time.time()
        kept = list(self._kept(now))
        total = sum(one.bytes for one in kept)
        for lock in evicted(kept, needed, self._max_bytes, now):
            total -= next(one.bytes for one in kept if one.lock == lock)
            self._say(f"removed the environment {lock[:12]}…, the least recently used one")
            gone.append(self._unnamed(self._root / lock))
        if total + needed > self._max_bytes:
            raise no_room(
                f"The environment takes {needed} bytes; {total} of {self._max_bytes} are taken by"
                " environments that run or were used within the last hour."
            )

    def _kept(self, now: float) -> Iterator[Kept]:
        for folder in self._root.iterdir():
            if not _LOCK.fullmatch(folder.name):
                continue
            found = described(folder)
            file = folder / contract.ENVIRONMENT_FILE
            if found is None:
                continue
            held = not is_free(file)
            if held:
                os.utime(file)
            used = now if held else file.stat().st_mtime
            yield Kept(folder.name, int(found["bytes"]), used, held)

    def _remove_locks(self) -> None:
        for file in self._locks.iterdir():
            if time.time() - file.stat().st_mtime < RECENT_SECONDS:
                continue
            with contextlib.suppress(TimeoutError), locked(file, 0):
                file.unlink()

    def _unnamed(self, folder: Path) -> Path:
        """Take the name of an environment away; where its content is to be removed."""
        gone = self._building / uuid.uuid4().hex
        folder.rename(gone)
        return gone

    def _gate(self) -> contextlib.AbstractContextManager[int]:
        return locked(self._root / ".gate", GATE_SECONDS)

    @property
    def _building(self) -> Path:
        return self._root / ".building"

    @property
    def _locks(self) -> Path:
        return self._root / ".locks"


def described(folder: Path) -> dict[str, Any] | None:
    """What `environment.json` of a folder says; None if it is no whole environment."""
    try:
        found = json.loads((folder / contract.ENVIRONMENT_FILE).read_text())
    except (OSError, ValueError):
        return None
    whole = isinstance(found, dict) and isinstance(found.get("bytes"), int)
    return found if whole and isinstance(found.get("packages"), list) else None


def size_of(folder: Path) -> int:
    """Bytes of all files of a folder, each once."""
    seen: dict[tuple[int, int], int] = {}
    for path, _, names in os.walk(folder):
        for name in names:
            status = (Path(path) / name).lstat()
            seen[status.st_dev, status.st_ino] = status.st_size
    return sum(seen.values())


def _empty(folders: list[Path]) -> None:
    """Remove what has no name any more; if it is not done here, the next builder does it."""
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)


def _write_durably(file: Path, text: str) -> None:
    with file.open("w") as content:
        content.write(text)
        content.flush()
        os.fsync(content.fileno())
    os.sync()


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
