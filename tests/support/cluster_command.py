"""`python -m trainyard_cluster` as people run it: a process with its exit code and what it said."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

COMMAND = (sys.executable, "-m", "trainyard_cluster")


@dataclass(frozen=True)
class Said:
    """How a command ended."""

    code: int
    text: str
    """Both streams, in one line: the terminal's width must not matter."""


def cluster(
    *arguments: str, prefix: Sequence[str] = (), env: Mapping[str, str] | None = None
) -> Said:
    """Run it to its end; `prefix` is a program that runs it, `env` adds to the environment."""
    done = subprocess.run(
        [*prefix, *COMMAND, *arguments],
        env={**os.environ, **(env or {})},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    return Said(done.returncode, " ".join((done.stdout + done.stderr).split()))


def footprint(mark: str) -> dict[str, list[str]]:
    """What of a cluster with `mark` in its name or address is on this machine."""
    done = subprocess.run([*COMMAND, "footprint"], check=True, capture_output=True, text=True)
    found: dict[str, list[str]] = json.loads(done.stdout)
    return {kind: [entry for entry in entries if mark in entry] for kind, entries in found.items()}


def state(name: str) -> dict[str, Any]:
    """`status -o json`."""
    command = [*COMMAND, "status", "--name", name, "-o", "json"]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found
