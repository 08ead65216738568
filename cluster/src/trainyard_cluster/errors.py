"""Errors of starting and removing a cluster. Each message is one sentence that says what to do.

ClusterError
├── NotPossible     this machine lacks something: root, a tool, disk, a kernel feature
├── Taken           a name, an address or a folder is in use
└── StepFailed      a step ran and failed; `log` names the file that tells more
"""

from __future__ import annotations

from pathlib import Path


class ClusterError(Exception):
    """The cluster cannot reach the wanted state."""


class NotPossible(ClusterError):
    """This machine lacks something."""


class Taken(ClusterError):
    """A name, an address or a folder is in use."""


class StepFailed(ClusterError):
    """A step ran and failed."""

    def __init__(self, message: str, log: Path | None = None) -> None:
        super().__init__(message)
        self.log = log
