"""What is done once no process of the program is left: its end is kept, its outputs are taken."""

from __future__ import annotations

import contextlib
from pathlib import Path

from trainyard_api import contract
from trainyard_supervisor.ending.kept_end import KeptEnd, keep, reserve
from trainyard_supervisor.ending.outcome import Facts, Outcome, ended_well, outcome
from trainyard_supervisor.outputs.taken import NOTHING, Taken
from trainyard_supervisor.processes.process_tree import Exit
from trainyard_supervisor.progress.derived import DerivedProgress
from trainyard_supervisor.settings import Settings
from trainyard_supervisor.supervision import Supervision

MESSAGE_BYTES = 64 << 10
"""How much of the program's own termination message is read."""
ENDED_BEFORE = (
    "the program has ended with 0 in an earlier attempt, and is not run again: what is left is to"
    " deliver its outputs"
)
LEFT_FOR_THE_NEXT = (
    "a signal asks to end, and the time for that is over before the outputs are taken: the next"
    " attempt takes them, and does not run the program again"
)
NOT_KEPT = (
    "that the program has ended with 0 cannot be written to the run folder ({why}): an attempt"
    " after this one would run it again"
)


def prepare(given: Settings) -> None:
    """Provide for the end of a program with outputs, before it is started."""
    if given.attempt is not None and given.outputs:
        reserve(given.run_dir, given.worker)


def of_program(
    given: Settings,
    supervision: Supervision,
    program: Exit | None,
    progress: DerivedProgress,
    *,
    out_of_memory: bool,
) -> Outcome:
    """How it ends after a program that has run, or was not started for a signal (None)."""
    own_message = supervision.mask.in_message(read(given.termination_file))
    stopped = supervision.stopped_before_end
    derived = progress.finish(succeeded=not stopped and program == Exit(0, None))
    well = ended_well(program, own_message, stopped=stopped)
    if stopped and given.attempt is not None and given.attempt.workers > 1:
        # Other workers may have been interrupted.
        well = False
    taken, lasting = NOTHING, False
    if well:
        lasting = _kept(given, supervision, KeptEnd(own_message, derived))
        taken = _taken_outputs(given, supervision, lasting=lasting)
    return outcome(
        Facts(
            program=program,
            # What has ended well was not interrupted, but for its outputs.
            stopped=not (taken.in_time and well) and supervision.stopped,
            own_message=own_message,
            last_lines=supervision.last_lines,
            derived_end=derived,
            worker_exit=supervision.worker_exit,
            out_of_memory=out_of_memory,
            outputs_taken=taken.in_time,
            # Where the end is not kept, a retry would run the program again.
            without_space=taken.without_space if lasting else (),
        )
    )


def of_earlier(given: Settings, supervision: Supervision, end: KeptEnd) -> Outcome:
    """How it ends where the program has ended with 0 in an earlier attempt."""
    supervision.say(ENDED_BEFORE, "info")
    taken = _taken_outputs(given, supervision, lasting=True)
    return outcome(
        Facts(
            program=Exit(0, None),
            stopped=not taken.in_time,
            own_message=end.message,
            last_lines=supervision.last_lines,
            derived_end=end.derived,
            outputs_taken=taken.in_time,
            without_space=taken.without_space,
        )
    )


def deliver_outputs(given: Settings, supervision: Supervision) -> None:
    """Send what waits in the run folder, unless a signal asks to end."""
    waits = (given.run_dir / contract.ARTIFACTS).is_dir()
    if given.attempt is None or given.worker or not waits or supervision.stopped:
        return
    from trainyard_supervisor.outputs.delivering import deliver

    deliver(given.attempt, given.run_dir, supervision.say, lambda: supervision.stopped)


def _kept(given: Settings, supervision: Supervision, end: KeptEnd) -> bool:
    """Keep the end for attempts to come; whether that is done."""
    if given.attempt is None:
        return False
    try:
        keep(given.run_dir, given.attempt, given.worker, end)
    except OSError as error:
        supervision.say(NOT_KEPT.format(why=error.strerror))
        return False
    return True


def _taken_outputs(given: Settings, supervision: Supervision, *, lasting: bool) -> Taken:
    """What became of the declared outputs.

    After a stop signal the rest of the grace is theirs. `lasting` tells that the end of the program
    is kept.
    """
    if given.attempt is None or given.worker or not given.outputs:
        return NOTHING
    # Imported where there are outputs: hashes take memory that the others need not.
    from trainyard_supervisor.outputs.taking import take

    taken = take(
        given.outputs,
        given.attempt,
        given.run_dir,
        supervision.say,
        lambda: supervision.out_of_time,
    )
    if not taken.in_time and lasting:
        supervision.say(LEFT_FOR_THE_NEXT)
    return taken


def leave(file: Path, message: str) -> None:
    """Write the termination message."""
    with contextlib.suppress(OSError):
        # The kubelet makes the file; elsewhere there is none.
        if message and file.exists():
            file.write_text(message)


def read(file: Path) -> str:
    """What the program itself left as the termination message."""
    try:
        with file.open("rb") as content:
            return content.read(MESSAGE_BYTES).decode("utf-8", "replace")
    except OSError:
        return ""
