"""Errors of a build.

BuildError
├── NotPossible    this machine lacks a builder, root, a package or disk
└── StepFailed     a command failed; `log` names the file that tells more
"""

from __future__ import annotations

from pathlib import Path


class BuildError(Exception):
    """The images cannot be built."""


class NotPossible(BuildError):
    """This machine lacks something."""


class StepFailed(BuildError):
    """A command of the build failed; `log` is the file with its output."""

    def __init__(self, message: str, log: Path) -> None:
        super().__init__(message)
        self.log = log
