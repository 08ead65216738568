"""Trees in the run folder that wait for the gateway, with the reports of what they are called.

A tree lies in `.trainyard/artifacts/<name of the tree>`; its report is written last. What ends in
between leaves a folder that no report names.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from trainyard.reporting.artifacts.removal import drop
from trainyard.reporting.artifacts.staging import Tree
from trainyard_api import contract

MOST_REPORTS = 1000
"""Reports that are read; a program that writes more of them itself waits for the next time."""
MAX_REPORT_BYTES = 64 << 10
_PART, _GONE, _LOCK = ".part-", ".gone-", ".lock"
_OWN = re.compile(rf"(\{_PART}|\{_GONE}|\{_LOCK}$|[0-9a-f]{{64}}$)")
"""Names that this module makes; a program may have put others there."""
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_NO_LOCKS = (errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS, errno.EINVAL)


class Report(NamedTuple):
    """The report of one tree under one name."""

    file: Path

    @property
    def name(self) -> str:
        """The name in the registry."""
        return self.file.name[len(contract.TREE_REPORT_PREFIX) : -len(".json")]

    def read(self) -> bytes:
        """The report as it is sent; empty if a program has put another thing there.

        Raises OSError.
        """
        with os.fdopen(os.open(self.file, _READ), "rb") as content:
            is_file = stat.S_ISREG(os.fstat(content.fileno()).st_mode)
            return content.read(MAX_REPORT_BYTES) if is_file else b""


class WaitingTrees:
    """The trees of one run folder. Several processes may use it at once."""

    def __init__(self, run_dir: Path) -> None:
        self._folder = run_dir / contract.ARTIFACTS

    def part(self) -> Path:
        """A new folder to stage a tree in. Raises OSError."""
        place = self._folder / f"{_PART}{os.getpid()}-{os.urandom(8).hex()}"
        place.mkdir(parents=True)
        return place

    def put(self, part: Path, tree: Tree, report: dict[str, Any]) -> Report:
        """Keep what was staged in `part`, unless the same tree waits already, and its report.

        Raises OSError; then `part` is still there.
        """
        place = self._folder / tree.sha256
        file = place / f"{contract.TREE_REPORT_PREFIX}{report['name']}.json"
        with self._locked():
            if place.exists():
                drop(part)
            else:
                part.rename(place)
            beside = place / f".{os.getpid()}.new"
            with beside.open("w") as text:
                json.dump(report, text)
                text.flush()
                os.fsync(text.fileno())
            beside.replace(file)
        return Report(file)

    def reports(self) -> list[Report]:
        """The reports that wait, in no order; an empty list where nothing was staged."""
        pattern = f"[0-9a-f]*/{contract.TREE_REPORT_PREFIX}*.json"
        found: list[Report] = []
        with contextlib.suppress(OSError):
            for file in self._folder.glob(pattern):
                found.append(Report(file))
                if len(found) == MOST_REPORTS:
                    break
        return found

    def remove(self, report: Report) -> None:
        """Remove a report that was answered, and its tree if no other report names it."""
        place = report.file.parent
        gone = place.with_name(f"{_GONE}{os.getpid()}-{os.urandom(8).hex()}")
        with contextlib.suppress(OSError), self._locked():
            report.file.unlink()
            if any(place.glob(f"{contract.TREE_REPORT_PREFIX}*.json")):
                return
            place.rename(gone)
        drop(gone)

    def clean(self) -> None:
        """Remove what no report names, once no process of the session runs any more."""
        with contextlib.suppress(OSError):
            for place in list(self._folder.iterdir()):
                waits = any(place.glob(f"{contract.TREE_REPORT_PREFIX}*.json"))
                if _OWN.match(place.name) and not waits:
                    drop(place)
        for folder in (self._folder, self._folder.parent):
            with contextlib.suppress(OSError):
                folder.rmdir()

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        """Alone among the processes of the run folder, where its volume has locks."""
        with (self._folder / _LOCK).open("ab") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX)
            except OSError as error:
                if error.errno not in _NO_LOCKS:
                    raise
            yield
