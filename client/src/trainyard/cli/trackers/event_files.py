"""The event files of sessions in a folder here, which is kept fresh.

Event files grow at their end. So what is here is not sent again: the rest is asked for by `Range`,
with the last bytes that are here. If these are other ones there, the file was replaced, and all of
it is downloaded.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from trainyard import errors
from trainyard.client import Client
from trainyard.files import tree
from trainyard.files.answers import RunFile
from trainyard.files.tree import Tree
from trainyard.transfer import Download

MARK = "tfevents"
"""TensorBoard knows event files by it."""
MOST_FOLDERS = 2000
MOST_DEPTH = 16
_NOT_ENTERED = frozenset({"__pycache__", "node_modules", "site-packages", "wandb", "mlruns"})
_OVERLAP = 256
"""Bytes that are compared with those that are here."""


class Replaced(Exception):
    """The file is not a longer state of what is here."""


class Growth(Download):
    """The rest of a file that grows, appended to what is here."""

    def __init__(self, target: Path) -> None:
        """Unlike other downloads it has no hash, and no other name while it is on its way."""
        self.target = target
        self._skipped = b""
        self.size = target.stat().st_size if target.exists() else 0

    def headers(self) -> dict[str, str]:
        """Headers that ask for the rest, with a few bytes before it."""
        if not self.size:
            return {}
        with self.target.open("rb") as file:
            file.seek(max(0, self.size - _OVERLAP))
            self._skipped = file.read()
        return {"Range": f"bytes={self.size - len(self._skipped)}-"}

    def starts_over(self, response: httpx.Response) -> bool:
        """Raises Replaced where the session's file is shorter than what is here."""
        if response.status_code == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE:
            raise Replaced
        return False

    def begin(self, response: httpx.Response) -> None:
        """Read the headers of a successful response. Raises BadAnswer if it has no ETag."""
        if not response.headers.get("ETag"):
            raise errors.BadAnswer(
                f"this is not a Trainyard gateway: {self.target.name} came without its ETag"
            )
        if response.status_code != httpx.codes.PARTIAL_CONTENT:
            self.target.unlink(missing_ok=True)
            self._skipped, self.size = b"", 0

    def add(self, chunk: bytes) -> None:
        """Append what is new of a chunk. Raises Replaced if its first bytes are other ones."""
        same = min(len(chunk), len(self._skipped))
        if chunk[:same] != self._skipped[:same]:
            raise Replaced
        self._skipped = self._skipped[same:]
        with self.target.open("ab") as file:
            file.write(chunk[same:])
        self.size += len(chunk) - same

    def finish(self) -> Path:
        """The file."""
        self.target.touch()
        return self.target


@dataclass
class EventFiles:
    """The event files of one session, below `folder`."""

    client: Client
    session: str
    folder: Path
    live: bool = True
    """Whether the session has not ended."""
    files: int = 0
    left_out: list[str] = field(default_factory=list)
    """What cannot be brought here, each as a sentence."""

    def refresh(self) -> int:
        """Bring what is new; how many bytes. Raises the errors of `trainyard.errors`."""
        place, came, files = Tree(self.folder), 0, 0
        for file, parts in self._listed():
            at = place.place(parts)
            if at is None:
                continue
            files += 1
            if not at.target.exists() or at.target.stat().st_size != file.size_bytes:
                came += self._bring(file, at.target)
        self.files = files
        self.left_out = place.fetched.not_whole + place.fetched.left_out
        return came

    def _bring(self, file: RunFile, target: Path) -> int:
        before = target.stat().st_size if target.exists() else 0
        files = self.client.files
        try:
            try:
                files.receive(self.session, file.place, Growth(target))
            except Replaced:
                target.unlink()
                before = 0
                files.receive(self.session, file.place, Growth(target))
        except (errors.NotFound, errors.Conflict):
            # It was removed since it was listed.
            return 0
        return max(0, target.stat().st_size - before)

    def _listed(self) -> Iterator[tuple[RunFile, tuple[str, ...]]]:
        """Every event file, and the parts of its path."""
        waiting, seen = [("", 0)], 0
        while waiting and seen < MOST_FOLDERS:
            path, depth = waiting.pop()
            seen += 1
            try:
                found = self.client.files.folder(self.session, path)
            except (errors.NotFound, errors.Conflict):
                if not path:
                    raise
                continue
            self.live = found.live
            for file in found.files:
                parts = tree.below(file, path, "")
                if file.kind == "file" and MARK in parts[-1]:
                    yield file, parts
                elif file.kind == "folder" and depth < MOST_DEPTH and _is_entered(parts[-1]):
                    waiting.append((file.place, depth + 1))


def _is_entered(name: str) -> bool:
    return not name.startswith(".") and name not in _NOT_ENTERED
