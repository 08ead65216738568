"""Run a builder's command with its output in a log."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from trainyard_images.errors import NotPossible, StepFailed


def run(
    argv: Sequence[str | Path],
    log: Path,
    *,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
) -> str:
    """Run `argv`; return its standard output. All output goes to `log` as well.

    Raises StepFailed or NotPossible.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    command = [str(part) for part in argv]
    try:
        with log.open("ab") as sink:
            done = subprocess.run(
                command,
                cwd=cwd,
                env={**os.environ, **(env or {})},
                stdout=subprocess.PIPE,
                stderr=sink,
                check=False,
            )
            sink.write(done.stdout)
    except FileNotFoundError as error:
        raise NotPossible(f"the program {command[0]} is not installed") from error
    if done.returncode != 0:
        raise StepFailed(
            f"`{' '.join(command[:3])} …` failed with exit code {done.returncode}", log
        )
    return done.stdout.decode(errors="replace")
