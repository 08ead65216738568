"""Checkpoints: everything needed to go on, torn never, written while the training continues.

Guarantees: a checkpoint is listed only when its whole content is durable and its hash is right (data file and record are written beside,
fsynced, renamed; the record comes last and carries the hash); `newest` skips a damaged one and takes the one before;
loading never unpickles code (`weights_only`).
"""

from __future__ import annotations

import hashlib
import json
import os
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from trainyard_trainer.staging import Copy, Staging

BEST = "best"


@dataclass(frozen=True, slots=True)
class Record:
    """What is known of a checkpoint without reading it."""

    name: str
    step: int
    sha256: str
    size_bytes: int
    time: float


class CheckpointFolder:
    """The checkpoints of one session."""

    def __init__(self, folder: Path, keep: int = 2) -> None:
        self.folder = folder
        self._keep = keep

    def records(self) -> list[Record]:
        """All checkpoints with a whole record, oldest first; the content is checked when it is read."""
        found = []
        for path in self.folder.glob("*.json"):
            try:
                found.append(Record(**json.loads(path.read_text())))
            except (OSError, ValueError, TypeError):
                continue
        return sorted(found, key=lambda r: (r.step, r.time))

    def newest(self) -> tuple[Record, dict[str, Any]] | None:
        """The newest checkpoint whose content is undamaged, None when there is none."""
        for record in reversed([r for r in self.records() if r.name != BEST]):
            state = self._read(record)
            if state is not None:
                return record, state
        return None

    def find(self, name: str) -> tuple[Record, dict[str, Any]] | None:
        """`latest`, `best` or `step-<n>`."""
        if name == "latest":
            return self.newest()
        for record in self.records():
            if record.name == name:
                state = self._read(record)
                return (record, state) if state is not None else None
        return None

    def write(self, name: str, step: int, state: dict[str, Any]) -> Record:
        """Make a checkpoint durable, then forget the oldest beyond `keep`."""
        self.folder.mkdir(parents=True, exist_ok=True)
        data = self.folder / f"{name}.pt"
        temporary = data.with_suffix(".pt.tmp")
        with temporary.open("wb") as file:
            torch.save(state, file)
            file.flush()
            os.fsync(file.fileno())
        digest = _sha256(temporary)
        # Replacing a checkpoint of the same name: its old record must not vouch for the new content.
        (self.folder / f"{name}.json").unlink(missing_ok=True)
        temporary.replace(data)
        record = Record(name, step, digest, data.stat().st_size, time.time())
        _write_durably(self.folder / f"{name}.json", json.dumps(asdict(record)).encode())
        self._forget_old()
        return record

    def _read(self, record: Record) -> dict[str, Any] | None:
        path = self.folder / f"{record.name}.pt"
        if not path.is_file() or _sha256(path) != record.sha256:
            return None
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
        return state

    def _forget_old(self) -> None:
        kept = [r for r in self.records() if r.name != BEST]
        for record in kept[: -self._keep]:
            # The record first: data without a record is no checkpoint, a record without data would be a broken promise.
            (self.folder / f"{record.name}.json").unlink(missing_ok=True)
            (self.folder / f"{record.name}.pt").unlink(missing_ok=True)
        # What killed attempts left: this is the only writer, and it is between two checkpoints.
        vouched = {r.name for r in self.records()}
        for path in [*self.folder.glob("*.tmp"), *self.folder.glob("*.pt")]:
            if path.suffix == ".tmp" or path.stem not in vouched:
                path.unlink(missing_ok=True)


class BackgroundWriter:
    """Copies and writes one checkpoint at a time in a thread, while the training computes its next step.

    The training waits before it changes what is still being copied (`copied`), and when it asks for the next checkpoint too early. That a
    copy need not stop a training until its optimizer steps again: Maurya et al., DataStates-LLM, HPDC 2024.
    """

    def __init__(
        self,
        folder: CheckpointFolder,
        before: Callable[[], object],
        written: Callable[[Record], None],
        staging: Staging | None = None,
    ) -> None:
        """`before` is called in the thread before a checkpoint is written, `written` when it is durable; `staging` makes the copies."""
        self._folder = folder
        self._before = before
        self._written = written
        self._staging = staging or Staging()
        self._copied = threading.Event()
        self._copied.set()
        self._thread: threading.Thread | None = None
        self._error: BaseException | None = None

    def write(self, name: str, step: int, state: dict[str, Any]) -> None:
        """Write `state` in the background; its tensors must stay as they are until `copied`. Raises the error of the one before."""
        self.wait()
        copy = self._staging.begin(state)
        self._copied.clear()
        self._thread = threading.Thread(target=self._work, args=(name, step, copy), daemon=True)
        self._thread.start()

    def copied(self) -> None:
        """Until the tensors of the last state may change again."""
        self._copied.wait()

    def wait(self) -> None:
        """Until the last one is durable. Raises its error."""
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        if self._error is not None:
            error, self._error = self._error, None
            raise error

    def _work(self, name: str, step: int, copy: Copy) -> None:
        try:
            try:
                copy.fill()
            finally:
                self._copied.set()
            self._before()
            self._written(self._folder.write(name, step, copy.state))
        except BaseException as error:  # handed to the training thread by `wait`
            self._error = error


def _write_durably(path: Path, content: bytes) -> None:
    temporary = path.with_suffix(path.suffix + ".tmp")
    with temporary.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
