"""One program of one attempt: settings, start, supervision, and the end."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from trainyard.reporting.secret_mask import SHORTEST, SecretMask, keys_too_short, values_of
from trainyard_api import contract
from trainyard_api.contract import ExitCode
from trainyard_supervisor import conclusion
from trainyard_supervisor.conclusion import leave
from trainyard_supervisor.ending.due import LINGER_SECONDS, Patience
from trainyard_supervisor.ending.kept_end import KeptEnd, kept
from trainyard_supervisor.ending.outcome import Outcome, within_limit
from trainyard_supervisor.errors import CannotStart
from trainyard_supervisor.event_files.feed import EventFeed
from trainyard_supervisor.event_files.start import event_feed
from trainyard_supervisor.processes.caches import usable
from trainyard_supervisor.processes.memory_kills import memory_kills
from trainyard_supervisor.progress.derived import DerivedProgress
from trainyard_supervisor.reports import Reports
from trainyard_supervisor.resume.start import Start, attempt_of, code_copied, prepared
from trainyard_supervisor.settings import Settings, settings
from trainyard_supervisor.stop_signals import StopSignals
from trainyard_supervisor.supervision import Supervision
from trainyard_supervisor.takers import Takers, takers_of

DELIVER_SECONDS = 10.0
"""How long the last reports are tried; what is not delivered stays in the spool."""
EXIT_SECONDS = 1.0
"""What is kept of the grace for the end of the supervisor itself."""
NOT_MASKED = (
    "the Secrets of this session hold {lines:,} lines more than are looked for in the output;"
    " those would not be masked"
)


TOO_SHORT = (
    "values of less than {shortest} bytes are not masked in the log: {keys}; print none of them, or"
    " give them longer values"
)
MOST_KEYS = 20
"""Keys that are named at most."""


def run_session(
    command: Sequence[str],
    run_dir: Path,
    termination_file: Path,
    linger: float = LINGER_SECONDS,
    code_dir: Path = Path(contract.CODE_DIR),
    secrets_dir: Path = Path(contract.SECRETS_DIR),
) -> int:
    """Run `command`; the supervisor's exit code. Processes left end after `linger` seconds."""
    signals = StopSignals()
    try:
        given = settings(os.environ, run_dir, termination_file)
        if not command:
            raise ValueError("there is no program; give one after --")
    except ValueError as error:
        return _refused(CannotStart("BadCommand", str(error)), termination_file, print_line)
    said: deque[str] = deque()
    mask = SecretMask(values_of(secrets_dir, os.environ))
    reports = Reports(given, said.append, mask)
    progress = DerivedProgress(reports.heartbeat, reports.program_reports, again=given.again)
    reads = given.worker == 0 and given.reads_progress
    takers = takers_of(given, os.environ, progress, reports, said.append)
    events = event_feed(given, reports, said.append)
    supervision = Supervision(
        signals,
        reports,
        progress if reads else None,
        Patience(given.own_grace_seconds, linger),
        said,
        takers,
        events,
    )
    _say_what_is_not_masked(supervision, secrets_dir)
    code = _supervised(supervision, command, progress, given, code_dir, takers)
    seconds = deliver_seconds(signals.arrived, given.grace_seconds, time.monotonic())
    _send_rest(takers, reports, events, seconds, lambda: signals.number is not None)
    for sentence in said:
        print_line(mask.in_text(sentence))
    return code


def _send_rest(
    takers: Takers,
    reports: Reports,
    events: EventFeed | None,
    seconds: float,
    stopped: Callable[[], bool],
) -> None:
    """Send the last reports for at most `seconds`."""
    until = time.monotonic() + seconds
    takers.finish(seconds, stopped)
    reports.finish(max(0.0, until - time.monotonic()))
    if events is not None:
        events.stop(max(0.0, until - time.monotonic()))


def _supervised(
    supervision: Supervision,
    command: Sequence[str],
    progress: DerivedProgress,
    given: Settings,
    code_dir: Path,
    takers: Takers,
) -> int:
    """Run the program, and leave what is to say of its end; the exit code."""
    kills = memory_kills()
    try:
        _enter_code(given, supervision, code_dir)
        if (before := _ended_before(given)) is not None:
            return _ended(conclusion.of_earlier(given, supervision, before), given, supervision)
        added = _entered_environment(given, supervision)
        start = _start(command, given, supervision)
        added |= {**_caches(supervision), **start.environment}
        added |= takers.environment(os.environ)
        conclusion.prepare(given)
        own = {**program_environment(os.environ, _library()), **added}
        program = supervision.run(start.command, own)
    except CannotStart as error:
        masked = CannotStart(
            *map(supervision.mask.in_text, (error.reason, error.message, error.hint))
        )
        code = _refused(masked, given.termination_file, supervision.say)
        supervision.close()
        return code
    supervision.take_rest()
    out_of_memory = memory_kills() > kills
    found = conclusion.of_program(
        given, supervision, program, progress, out_of_memory=out_of_memory
    )
    return _ended(found, given, supervision)


def _ended_before(given: Settings) -> KeptEnd | None:
    """How the program has ended in an earlier attempt; None if it is to run."""
    if given.attempt is None or not given.again:
        return None
    return kept(given.run_dir, given.attempt, given.worker)


def _ended(found: Outcome, given: Settings, supervision: Supervision) -> int:
    """Leave what is to say of the end, and send what waits; the exit code."""
    leave(given.termination_file, found.message)
    conclusion.deliver_outputs(given, supervision)
    supervision.close()
    return found.exit_code


def _say_what_is_not_masked(supervision: Supervision, secrets_dir: Path) -> None:
    if supervision.mask.left_out:
        supervision.say(NOT_MASKED.format(lines=supervision.mask.left_out))
    if keys := keys_too_short(secrets_dir):
        more = f" and {len(keys) - MOST_KEYS} more" if len(keys) > MOST_KEYS else ""
        named = ", ".join(keys[:MOST_KEYS]) + more
        supervision.say(TOO_SHORT.format(shortest=SHORTEST, keys=named))


def deliver_seconds(stopped: float | None, grace: float, now: float) -> float:
    """How long the last reports are tried: not beyond the kubelet's SIGKILL. Pure.

    `stopped` is when a stop signal arrived, None without one.
    """
    if stopped is None:
        return DELIVER_SECONDS
    return min(DELIVER_SECONDS, max(EXIT_SECONDS / 2, stopped + grace - EXIT_SECONDS - now))


def _enter_code(given: Settings, supervision: Supervision, code_dir: Path) -> None:
    """Go to the folder of the session's code, if it names one. Raises CannotStart."""
    if '"code"' not in os.environ.get(contract.ENV_RUN, ""):
        return
    # Imported where there is code: hashes and copies take memory that the others need not.
    from trainyard_supervisor.code.staging import code_of, stage

    try:
        code = code_of(os.environ)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise CannotStart("BadCommand", str(error)) from error
    if code is None:
        return
    place = stage(code, code_dir, given.run_dir, given.worker, lambda: supervision.stopped)
    if place is not None:
        os.chdir(place)


def _entered_environment(given: Settings, supervision: Supervision) -> dict[str, str]:
    """Variables of the session's packages, which stay as long as this process.

    Raises CannotStart.
    """
    if given.environment_dir is None:
        return {}
    # Imported where there are packages: it takes memory that the others need not.
    from trainyard_supervisor.environment import hold, variables

    hold(given.environment_dir, supervision.say)
    return variables(given.environment_dir, os.environ)


def _start(command: Sequence[str], given: Settings, supervision: Supervision) -> Start:
    """The command and the variables with the checkpoint of an earlier attempt.

    Raises CannotStart.
    """
    try:
        attempt = attempt_of(os.environ, given.worker)
    except (ValueError, TypeError, AttributeError) as error:
        raise CannotStart("BadCommand", str(error)) from error
    since = code_copied(given.run_dir)
    return prepared(
        command, attempt, given.run_dir, since, supervision.say, lambda: supervision.stopped
    )


def _caches(supervision: Supervision) -> dict[str, str]:
    """Variables of caches, where those on the volume cannot be used."""
    changed, sentence = usable(os.environ, Path(contract.CACHE_DIR), contract.SCRATCH_CACHE_DIR)
    if sentence is not None:
        supervision.say(sentence)
    return changed


def program_environment(environment: Mapping[str, str], library: Path | None) -> dict[str, str]:
    """The program's environment: the container's, with `library` at the end of its PYTHONPATH."""
    if library is None:
        return dict(environment)
    given = environment.get("PYTHONPATH")
    path = f"{given}{os.pathsep}{library}" if given else str(library)
    return {**environment, "PYTHONPATH": path}


def print_line(sentence: str) -> None:
    """A line in the container's log."""
    with contextlib.suppress(OSError):
        os.write(2, f"trainyard: {sentence}\n".encode("utf-8", "replace"))


def _library() -> Path | None:
    """The folder beside the archive with what `import trainyard` needs; None without an archive."""
    folder = Path(sys.argv[0]).resolve().parent / "lib"
    return folder if folder.is_dir() else None


def _refused(error: CannotStart, file: Path, say: Callable[[str], None]) -> int:
    """Say why nothing was started."""
    sentence = error.message + (f" ({error.hint})" if error.hint else "")
    say(sentence)
    said = {"reason": error.reason, "message": error.message[:1500], "hint": error.hint[:500]}
    leave(file, within_limit(said, []))
    return ExitCode.BAD_CONFIGURATION
