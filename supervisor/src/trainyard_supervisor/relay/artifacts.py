"""Files that a program logs as artifacts of its runs, kept on the volume until they were sent.

Each is two files, `<number>.bin` and, written last, `<number>.json`, which says what it is. Paths
on the disk are made here; those of callers stand in the JSON. A file that was sent stays for
reading while they are not too many.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, Protocol

from trainyard_supervisor.relay.protocol.refusal import Refusal

MOST_SENT_BYTES = 64 << 20
"""Of files that were sent and stay for reading; the oldest are removed first."""
MOST_PATH = 1000
"""Characters of a path."""
MOST_FILES = 20_000
PIECE_BYTES = 64 << 10


class Readable(Protocol):
    """A body that is read piece by piece."""

    def read(self, size: int = -1, /) -> bytes:
        """At most `size` bytes; none at its end."""


class Artifact(NamedTuple):
    """One file of one run."""

    number: int
    run: str
    path: str
    size: int
    kind: str
    """Its Content-Type."""
    sent: bool = False


class ArtifactStore:
    """The artifacts of one stream; one caller at a time, but for `write`."""

    def __init__(self, folder: Path) -> None:
        """Raises OSError."""
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._found: dict[tuple[str, str], Artifact] = {}
        self._last = 0
        for file in sorted(folder.glob("*.json")):
            self._last = max(self._last, int(file.stem))
            if (artifact := _read(file)) is not None:
                self._found[artifact.run, artifact.path] = artifact
        for part in folder.glob(".part-*"):
            part.unlink()

    def write(self, body: Readable) -> tuple[Path, int]:
        """Write a body beside the others; where it lies, and its bytes. Raises OSError."""
        part = self._folder / f".part-{os.urandom(8).hex()}"
        size = 0
        try:
            with part.open("wb") as file:
                while piece := body.read(PIECE_BYTES):
                    file.write(piece)
                    size += len(piece)
        except BaseException:
            with contextlib.suppress(OSError):
                part.unlink()
            raise
        return part, size

    def put(self, part: Path, run: str, path: str, size: int, kind: str) -> None:
        """Take what `write` wrote as an artifact, in place of one of the same path."""
        if len(self._found) >= MOST_FILES:
            part.unlink()
            raise Refusal(f"a session logs at most {MOST_FILES:,} files", "RESOURCE_EXHAUSTED")
        self._last += 1
        artifact = Artifact(self._last, run, path, size, kind)
        part.replace(self._bin(artifact))
        self._describe(artifact)
        before = self._found.pop((run, path), None)
        self._found[run, path] = artifact
        if before is not None:
            self._drop(before)

    def find(self, run: str, path: str) -> Artifact | None:
        """An artifact that was logged here."""
        return self._found.get((run, path))

    def open(self, artifact: Artifact) -> BinaryIO | None:
        """Its content; None if it is the gateway's alone."""
        try:
            return self._bin(artifact).open("rb")
        except FileNotFoundError:
            return None

    def listed(self, run: str, folder: str) -> list[dict[str, Any]]:
        """What lies in a folder of a run, as MLflow lists it; paths are relative to the run."""
        prefix = f"{folder}/" if folder else ""
        found: dict[str, dict[str, Any]] = {}
        for (of_run, path), artifact in self._found.items():
            if of_run != run or not path.startswith(prefix):
                continue
            name, _, below = path[len(prefix) :].partition("/")
            whole = f"{prefix}{name}"
            if below:
                found[whole] = {"path": whole, "is_dir": True}
            else:
                found[whole] = {"path": whole, "is_dir": False, "file_size": artifact.size}
        return [found[path] for path in sorted(found)]

    def waiting(self) -> list[Artifact]:
        """What was not sent yet, in the order in which it came."""
        return sorted(a for a in list(self._found.values()) if not a.sent)

    def sent(self, artifact: Artifact) -> None:
        """The gateway has it, or will never take it."""
        if self._found.get((artifact.run, artifact.path)) != artifact:
            return
        done = artifact._replace(sent=True)
        self._describe(done)
        self._found[artifact.run, artifact.path] = done
        self._make_room()

    def remove(self, artifact: Artifact) -> None:
        """The program deletes it."""
        self._found.pop((artifact.run, artifact.path), None)
        self._drop(artifact)

    def _make_room(self) -> None:
        here = [a for a in sorted(self._found.values()) if a.sent and self._bin(a).exists()]
        left = sum(artifact.size for artifact in here)
        for artifact in here:
            if left <= MOST_SENT_BYTES:
                return
            self._bin(artifact).unlink()
            left -= artifact.size

    def _describe(self, artifact: Artifact) -> None:
        file = self._folder / f"{artifact.number:012d}.json"
        beside = self._folder / f".part-{artifact.number:012d}"
        beside.write_text(json.dumps(artifact._asdict()))
        beside.replace(file)

    def _bin(self, artifact: Artifact) -> Path:
        return self._folder / f"{artifact.number:012d}.bin"

    def _drop(self, artifact: Artifact) -> None:
        for file in (self._folder / f"{artifact.number:012d}.json", self._bin(artifact)):
            with contextlib.suppress(OSError):
                file.unlink()


def checked_path(path: str, masked: Callable[[str], str]) -> str:
    """A relative path of an artifact. Raises Refusal."""
    path = masked(path)
    parts = path.split("/")
    if len(path) > MOST_PATH:
        raise Refusal(f"Invalid path: it has more than {MOST_PATH} characters")
    if any(part in ("", ".", "..") for part in parts) or "\\" in path or not path.isprintable():
        raise Refusal(f"Invalid path: '{path[:100]}' is not the relative path of a file")
    return path


def _read(file: Path) -> Artifact | None:
    try:
        return Artifact(**json.loads(file.read_text()))
    except (OSError, ValueError, TypeError):
        return None
