"""Why an artifact was not taken. Nothing here needs more than any machine has."""

from __future__ import annotations

from pathlib import Path


class ArtifactError(Exception):
    """The artifact was not taken; the message says why."""


def require(path: Path) -> None:
    """Raise ArtifactError unless there is a file or folder, as in a session."""
    if not path.exists():
        raise ArtifactError(f"{path} is not taken: there is no such file or folder")
