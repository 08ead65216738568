"""Run a program and turn its failure into one sentence."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from trainyard_cluster.errors import NotPossible, StepFailed

TAIL_LINES = 15


def run(
    argv: Sequence[str | Path],
    *,
    log: Path | None = None,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    input_text: str | None = None,
) -> str:
    """Run `argv`; return its standard output, or "" if `log` gets the output.

    Raises StepFailed or NotPossible.
    """
    command = [str(part) for part in argv]
    try:
        if log is None:
            done = subprocess.run(
                command,
                cwd=cwd,
                env=env,
                input=input_text,
                capture_output=True,
                text=True,
                check=False,
            )
            shown = done.stderr or done.stdout
        else:
            log.parent.mkdir(parents=True, exist_ok=True)
            with log.open("ab") as sink:
                done = subprocess.run(
                    command, cwd=cwd, env=env, stdout=sink, stderr=sink, text=True, check=False
                )
            shown = tail(log)
    except FileNotFoundError as error:
        raise NotPossible(f"the program {command[0]} is not installed") from error
    if done.returncode != 0:
        raise StepFailed(f"`{' '.join(command[:4])} …` failed: {_last(shown)}", log)
    return done.stdout or ""


def succeeds(argv: Sequence[str | Path]) -> bool:
    """Whether `argv` exists and exits with 0."""
    try:
        done = subprocess.run([str(p) for p in argv], capture_output=True, check=False)
    except FileNotFoundError:
        return False
    return done.returncode == 0


def tail(log: Path, lines: int = TAIL_LINES) -> str:
    """The last lines of a log; "" if there is none."""
    try:
        return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])
    except OSError:
        return ""


def _last(text: str) -> str:
    lines = [line.strip() for line in text.strip().splitlines() if line.strip()]
    return lines[-1] if lines else "no output"
