"""The checkpoints of one session: files that are complete or absent.

Guarantees:

- A checkpoint is listed only when its content is durable and its SHA-256 matches. The data file
  and the metadata file are written to a temporary name, fsynced and renamed; the metadata comes
  last and holds the hash.
- `load_latest` skips a damaged checkpoint and takes the one before it.
- Loading never unpickles code (`weights_only`).
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

BEST = "best"
"""Name of the checkpoint with the lowest validation loss."""


@dataclass(frozen=True, slots=True)
class CheckpointMetadata:
    """What `<name>.json` says about `<name>.pt`. The file format: fields are only ever added."""

    name: str
    step: int
    sha256: str
    size_bytes: int
    time: float
    """When it was written, in seconds since the epoch."""


class CheckpointFolder:
    """Writes and reads the checkpoints below one folder. There is one writer at a time."""

    def __init__(self, folder: Path, keep: int = 2) -> None:
        """`keep` is how many checkpoints besides the best one survive a write."""
        self.folder = folder
        self._keep = keep

    def metadata(self) -> list[CheckpointMetadata]:
        """Of all checkpoints, oldest first. The content is verified when it is loaded."""
        found = []
        for path in self.folder.glob("*.json"):
            try:
                found.append(CheckpointMetadata(**json.loads(path.read_text())))
            except (OSError, ValueError, TypeError):
                continue
        return sorted(found, key=lambda m: (m.step, m.time))

    def load_latest(self) -> tuple[CheckpointMetadata, dict[str, Any]] | None:
        """The newest undamaged checkpoint besides the best one; None when there is none."""
        for metadata in reversed([m for m in self.metadata() if m.name != BEST]):
            state = self._read(metadata)
            if state is not None:
                return metadata, state
        return None

    def load(self, name: str) -> tuple[CheckpointMetadata, dict[str, Any]] | None:
        """The checkpoint `latest`, `best` or `step-<n>`; None when it is absent or damaged."""
        if name == "latest":
            return self.load_latest()
        for metadata in self.metadata():
            if metadata.name == name:
                state = self._read(metadata)
                return (metadata, state) if state is not None else None
        return None

    def write(self, name: str, step: int, state: dict[str, Any]) -> CheckpointMetadata:
        """Make `state` durable as `name`, then delete the oldest checkpoints beyond `keep`.

        Raises OSError; the checkpoints from before then still exist, except one of the same name.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        data = self.folder / f"{name}.pt"
        temporary = data.with_suffix(".pt.tmp")
        with temporary.open("wb") as file:
            torch.save(state, file)
            file.flush()
            os.fsync(file.fileno())
        digest = _sha256(temporary)
        # The metadata of a checkpoint of the same name must not vouch for the new content.
        (self.folder / f"{name}.json").unlink(missing_ok=True)
        temporary.replace(data)
        metadata = CheckpointMetadata(name, step, digest, data.stat().st_size, time.time())
        _write_durably(self.folder / f"{name}.json", json.dumps(asdict(metadata)).encode())
        self._delete_old()
        return metadata

    def _read(self, metadata: CheckpointMetadata) -> dict[str, Any] | None:
        path = self.folder / f"{metadata.name}.pt"
        if not path.is_file() or _sha256(path) != metadata.sha256:
            return None
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
        return state

    def _delete_old(self) -> None:
        steps = [m for m in self.metadata() if m.name != BEST]
        for metadata in steps[: -self._keep]:
            # The metadata first: data without metadata is no checkpoint, metadata without data
            # would list one that does not exist.
            (self.folder / f"{metadata.name}.json").unlink(missing_ok=True)
            (self.folder / f"{metadata.name}.pt").unlink(missing_ok=True)
        # What killed attempts left: nothing else is being written at this point.
        listed = {m.name for m in self.metadata()}
        for path in [*self.folder.glob("*.tmp"), *self.folder.glob("*.pt")]:
            if path.suffix == ".tmp" or path.stem not in listed:
                path.unlink(missing_ok=True)


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
