"""The commit that a folder stands at, as lineage of its bundle."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

_SECONDS = 10.0
_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Commit:
    """A commit of Git."""

    hash: str
    dirty: bool
    """Whether files differ from the commit, or are not in it."""


def commit_of(folder: Path) -> Commit | None:
    """The commit of a folder; None without a repository, a commit or Git itself."""
    found = _git(folder, "rev-parse", "--verify", "HEAD")
    if found is None or _COMMIT.fullmatch(found.strip()) is None:
        return None
    changes = _git(folder, "status", "--porcelain", "--untracked-files=normal", "--", ".")
    return Commit(found.strip(), changes is None or changes.strip() != "")


def _git(folder: Path, *arguments: str) -> str | None:
    # The repository's own settings could start a program.
    plain = ("-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null")
    command = ["git", "-C", str(folder), "--no-optional-locks", *plain, *arguments]
    try:
        done = subprocess.run(command, capture_output=True, timeout=_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.decode(errors="replace") if done.returncode == 0 else None
