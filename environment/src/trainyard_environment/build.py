"""Builds one environment: read, resolve, make, publish."""

from __future__ import annotations

import errno
import shutil
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from trainyard_api.contract import BuilderExit
from trainyard_environment.errors import CannotBuild, bad_arguments
from trainyard_environment.making.environment import make
from trainyard_environment.request.asked import Asked
from trainyard_environment.request.code_files import CodeFiles
from trainyard_environment.request.reading import of_file, of_lines
from trainyard_environment.resolving.failures import no_room
from trainyard_environment.resolving.locked import SCHEMA, Pin, lock_of
from trainyard_environment.resolving.resolution import Resolver
from trainyard_environment.resolving.uv import Uv
from trainyard_environment.resolving.uv_lock import UvLock
from trainyard_environment.runtime import Runtime, described
from trainyard_environment.settings import Settings
from trainyard_environment.volume.environments import Environments, size_of

PROGRAM = "uv"
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@dataclass(frozen=True)
class Built:
    """An environment that is there."""

    lock: str
    packages: int
    bytes: int
    reused: bool


def build(given: Settings, say: Callable[[str], None]) -> Built:
    """Build what is asked for, or find it built. Raises CannotBuild."""
    started = time.monotonic()
    try:
        environments = Environments(given.environments, given.max_bytes, say)
        with environments.workplace() as (folder, lease):
            built = _Build(given, environments, folder, lease, say).run()
    except OSError as error:
        raise _of_volume(error) from error
    how = "was there already" if built.reused else "is built"
    say(
        f"the environment {built.lock[:12]}… {how}: {built.packages} packages,"
        f" {built.bytes / 1e6:.1f} MB, {time.monotonic() - started:.1f} s"
    )
    return built


class _Build:
    """One build in its separate folder."""

    def __init__(
        self,
        given: Settings,
        environments: Environments,
        folder: Path,
        lease: int,
        say: Callable[[str], None],
    ) -> None:
        self._given = given
        self._environments = environments
        self._folder = folder
        self._say = say
        self._uv = Uv(program(given.uv), folder, given.index, lease, say)

    def run(self) -> Built:
        runtime = described()
        held = ", ".join(f"{n} {v}" for n, v in runtime.held.items() if not n.startswith("nvidia"))
        self._say(f"Python {runtime.version} of {self._given.image}, with {held or 'no torch'}")
        asked = self._asked(runtime)
        if number := len(self._given.index.authorities):
            self._say(
                f"the index is checked by the administrator's {_counted(number, 'certificate')}"
            )
        for note in dict.fromkeys(asked.notes):
            self._say(note)
        self._say(f"resolving {_counted(len(asked.requirements), 'requirement')}")
        pins = Resolver(self._uv, runtime, self._folder, self._say).resolve(asked)
        lock = lock_of(self._given.image, runtime, pins)
        if (found := self._reused(lock)) is not None:
            return found
        with self._environments.only_builder(lock):
            return self._reused(lock) or self._made(runtime, pins, lock)

    def _asked(self, runtime: Runtime) -> Asked:
        if self._given.code is None:
            return of_lines(self._given.requirements)
        export = UvLock(self._uv, runtime, self._folder)
        return of_file(CodeFiles(self._given.code), self._given.file, export)

    def _reused(self, lock: str) -> Built | None:
        found = self._environments.used(lock)
        if found is None:
            return None
        return Built(lock, len(found["packages"]), found["bytes"], reused=True)

    def _made(self, runtime: Runtime, pins: Sequence[Pin], lock: str) -> Built:
        target = self._folder / "environment"
        self._say(f"installing {_counted(len(pins), 'package')}")
        make(self._uv, runtime, pins, target, self._say)
        # Files that stand in uv's cache, too, are the environment's alone from here on.
        shutil.rmtree(self._folder / "cache", ignore_errors=True)
        built = Built(lock, len(pins), size_of(target), reused=False)
        description = {
            "schema": SCHEMA,
            "lock": lock,
            "image": self._given.image,
            "python": runtime.version,
            "platform": runtime.platform,
            "packages": [pin.line for pin in pins],
            "bytes": built.bytes,
            "madeAt": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        }
        self._environments.publish(target, lock, description)
        return built


def program(given: Path | None) -> Path:
    """The program uv: as given, or beside the archive. Raises CannotBuild."""
    beside = Path(sys.argv[0]).resolve().parent / PROGRAM
    found = given or (beside if beside.is_file() else None) or shutil.which(PROGRAM)
    if found is None:
        raise bad_arguments(f"There is no {PROGRAM} beside the builder, nor in PATH.")
    return Path(found)


def _of_volume(error: OSError) -> CannotBuild:
    what = error.filename or "the data volume"
    text = f"{what}: {error.strerror or error}."
    if error.errno in _NO_ROOM:
        return no_room(f"The data volume is full: {text}")
    return CannotBuild(
        "VolumeNotWritable",
        f"The environment cannot be written: {text}",
        "Tell the administrator: the data volume must be writable for the builder.",
        BuilderExit.NO_ROOM,
    )


def _counted(number: int, what: str) -> str:
    return f"1 {what}" if number == 1 else f"{number} {what}s"
