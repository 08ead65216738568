"""The command and the variables of an attempt, with the checkpoint that it continues from."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from trainyard_api import contract
from trainyard_api.command import template
from trainyard_api.phase import ResumeMode
from trainyard_supervisor.errors import CannotStart
from trainyard_supervisor.resume import agreement
from trainyard_supervisor.resume.candidates import Candidate
from trainyard_supervisor.resume.programs import Kind, Known, fits, recognised, with_checkpoint
from trainyard_supervisor.resume.search import Search, below

_AUTO_KEY = "{auto}"
"""Beside globs, which hold no braces."""
_MOST_TEXT = 1 << 20
_OUTPUT = ("--output_dir", "--output-dir", "--project_dir", "--project-dir")


class Attempt(NamedTuple):
    """What of the attempt bears on its start."""

    number: int = 1
    workers: int = 1
    worker: int = 0
    auto: bool = False
    """Whether the session asks for `resume: auto`."""
    built_in: bool = False
    """Whether it is the built-in trainer, which resumes by itself."""


class Start(NamedTuple):
    """What is started."""

    command: list[str]
    environment: dict[str, str]
    """Variables beside those of the container."""


def attempt_of(environment: Mapping[str, str], worker: int) -> Attempt | None:
    """The attempt that `TRAINYARD_RUN` describes; None without one. Pure. Raises ValueError."""
    given: Any = json.loads(environment.get(contract.ENV_RUN) or "{}")
    if not isinstance(given, dict) or "attempt" not in given:
        return None
    return Attempt(
        int(given["attempt"]),
        int(given.get("workers") or 1),
        worker,
        given.get("resume") == ResumeMode.AUTO,
        given.get("training") is not None,
    )


def code_copied(run_dir: Path) -> int:
    """When the code was copied to the run folder (nanoseconds); -1 without code."""
    made = run_dir / contract.WORK_MADE
    return made.stat().st_mtime_ns if made.exists() else -1


def prepared(
    command: Sequence[str],
    attempt: Attempt | None,
    run_dir: Path,
    since: int,
    say: Callable[[str], None],
    stopped: Callable[[], bool],
) -> Start:
    """The command with its checkpoint, and the variables that name attempt and checkpoint.

    Files that changed until `since` (nanoseconds) are not the session's. Raises CannotStart.
    """
    environment = {} if attempt is None else {contract.ENV_ATTEMPT: str(attempt.number)}
    of = attempt or Attempt()
    if of.built_in:
        return Start(list(command), environment)
    globs = _globs(command)
    known = _known(command, globs, say) if of.auto else None
    if of.workers > 1 and of.worker:
        chosen = agreement.awaited(run_dir, of.number, stopped)
    else:
        search = Search(run_dir, since, say)
        chosen = _searched(search, globs, known, _output(command, run_dir))
        _publish(of, run_dir, chosen)
    newest = chosen.get(template.ANY)
    if newest:
        environment[contract.ENV_LATEST_CHECKPOINT] = newest
    return Start(_filled(command, globs, known, chosen, say), environment)


def _globs(command: Sequence[str]) -> tuple[str, ...]:
    try:
        return template.globs(command)
    except ValueError as error:
        raise CannotStart(
            "BadCommand", f"the command cannot be filled: {error}", "correct spec.command"
        ) from error


def _searched(
    search: Search, globs: Sequence[str], known: Known | None, place: str | None
) -> dict[str, str | None]:
    """The path of each checkpoint that is wanted."""
    chosen = {glob: search.newest(glob) for glob in (template.ANY, *globs)}
    if known is not None:
        chosen[_AUTO_KEY] = search.newest(fits=lambda one: _is_of(one, known.kind, place))
    return chosen


def _publish(attempt: Attempt, run_dir: Path, chosen: Mapping[str, str | None]) -> None:
    if attempt.workers == 1:
        return
    try:
        agreement.publish(run_dir, attempt.number, chosen)
    except OSError as error:
        raise CannotStart(
            "CheckpointNotChosen",
            f"The choice of a checkpoint cannot be written to the run folder: {error}.",
            "Look at the data volume, then submit the session again.",
        ) from error


def _filled(
    command: Sequence[str],
    globs: Sequence[str],
    known: Known | None,
    chosen: Mapping[str, str | None],
    say: Callable[[str], None],
) -> list[str]:
    for glob in globs:
        if path := chosen.get(glob):
            say(f"continues from {path}")
    if globs:
        return _not_empty(template.filled(command, chosen))
    if known is None:
        return list(command)
    path = chosen.get(_AUTO_KEY)
    if not path:
        say("resume: auto: there is no checkpoint yet; the program starts from the beginning")
        return list(command)
    words = with_checkpoint(command, known, path)
    say(f"resume: auto: continues by {' '.join(words[-2:])}")
    return words


def _not_empty(words: list[str]) -> list[str]:
    if not words:
        raise CannotStart(
            "BadCommand",
            "nothing is left of the command without a checkpoint",
            "correct spec.command",
        )
    return words


def _known(
    command: Sequence[str], globs: Sequence[str], say: Callable[[str], None]
) -> Known | None:
    if globs:
        say("resume: auto does nothing, since the command names its checkpoint itself")
        return None
    found = recognised(command, _text)
    if isinstance(found, str):
        say(f"resume: auto does nothing: {found}")
        return None
    return found


def _text(path: str) -> str | None:
    try:
        with Path(path).open("rb") as file:
            return file.read(_MOST_TEXT).decode("utf-8", "replace")
    except (OSError, ValueError):
        return None


def _output(command: Sequence[str], run_dir: Path) -> str | None:
    """The folder that the command names for its checkpoints, relative to the run folder."""
    for number, word in enumerate(command):
        name, sign, value = word.partition("=")
        if name in _OUTPUT:
            given = value if sign else "".join(command[number + 1 : number + 2])
            return below(run_dir, Path.cwd(), given)
    return None


def _is_of(one: Candidate, kind: Kind, place: str | None) -> bool:
    return fits(one, kind) and (place is None or one.path.startswith(f"{place}/"))
