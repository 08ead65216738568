"""The exit code and what the termination message says. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from trainyard_api import contract
from trainyard_api.contract import ExitCode
from trainyard_api.phase import FailureClass
from trainyard_supervisor.processes.process_tree import Exit

SIGKILL = 9
_SHOWN = 5
"""Names of outputs in a sentence."""
LINE_CHARACTERS = 300
_GOALS = (("step", "totalSteps"), ("epoch", "epochs"))
"""What was done, and how much there is to do."""
_FACTS = (contract.INTERRUPTED_KEY, contract.PROGRAM_EXIT_KEY, contract.PROGRAM_SIGNAL_KEY)
"""What only the supervisor knows; a program's word for it counts for nothing."""


class Facts(NamedTuple):
    """What is known when everything has ended."""

    program: Exit | None
    """None if a stop signal arrived before it was started."""
    stopped: bool
    """Whether a stop signal arrived."""
    own_message: str
    """What the program itself left as the termination message."""
    last_lines: Sequence[str]
    derived_end: Mapping[str, int] | None = None
    """How far it came, read from its output."""
    worker_exit: Exit | None = None
    """How the worker ended that failed first, where a launcher says so."""
    out_of_memory: bool = False
    """Whether the kernel killed a process of the container for its memory limit."""
    outputs_taken: bool = True
    """Whether the declared outputs were taken, if there was anything to take."""
    without_space: Sequence[str] = ()
    """Outputs for which the volume has no space now; a later attempt may take them."""


class Outcome(NamedTuple):
    """How the supervisor ends."""

    exit_code: int
    message: str
    """The termination message: at most 4096 bytes of JSON, or the own text of the program."""


def outcome(facts: Facts) -> Outcome:
    """How the supervisor ends, after `facts`."""
    own = _own(facts.own_message)
    done = _is_success(facts.program) and _goal_met(own) is True and facts.outputs_taken
    interrupted = facts.stopped and not done
    code = _exit_code(facts, interrupted)
    said: dict[str, Any] = dict(own)
    without_space = code == 0 and bool(facts.without_space)
    if contract.END_KEY not in said and facts.derived_end is not None:
        said[contract.END_KEY] = _end(facts.derived_end, finished=code == 0)
    if without_space:
        code = ExitCode.VOLUME_FULL
        said |= _no_space(facts.without_space)
    if interrupted:
        said[contract.INTERRUPTED_KEY] = True
    if code != 0 and facts.program is not None:
        said |= _how(facts.program)
    if said == own and code == 0:
        return Outcome(code, facts.own_message)
    own_lines = said.pop(contract.LAST_LINES_KEY, None)
    lines = facts.last_lines or (own_lines if isinstance(own_lines, list) else ())
    return Outcome(code, within_limit(said, lines))


def within_limit(said: Mapping[str, Any], lines: Sequence[str]) -> str:
    """The message with as many of the last `lines` as fit into the kubelet's 4096 bytes."""
    kept = [str(line)[:LINE_CHARACTERS] for line in lines]
    while True:
        text = json.dumps({**said, contract.LAST_LINES_KEY: kept})
        if len(text) <= contract.TERMINATION_MESSAGE_BYTES:
            return text
        if not kept:
            return json.dumps({k: v for k, v in said.items() if not isinstance(v, str)})
        kept = kept[1:]


def _exit_code(facts: Facts, interrupted: bool) -> int:
    program = facts.program
    if interrupted or program is None:
        return ExitCode.PREEMPTED
    if facts.out_of_memory and _was_killed(program, facts.worker_exit):
        return ExitCode.OUT_OF_MEMORY
    if facts.worker_exit is not None and program.code not in (None, 0):
        program = facts.worker_exit
    return program.code if program.code is not None else 128 + (program.signal or 0)


def _no_space(names: Sequence[str]) -> dict[str, str]:
    shown = ", ".join(f"'{name}'" for name in names[:_SHOWN]) + ", …" * (len(names) > _SHOWN)
    return {
        "reason": FailureClass.VOLUME_FULL.value,
        "message": f"The program has ended with 0, and the data volume is full: {shown} cannot be"
        " registered. A retry registers what is declared, and does not run the program again.",
        "hint": "Free space on the data volume, or let an administrator enlarge it. What the"
        " program wrote is in the files of the session: trainyard files ls SESSION.",
    }


def _is_success(program: Exit | None) -> bool:
    return program is not None and program.code == 0


def _was_killed(program: Exit, worker: Exit | None) -> bool:
    """Whether SIGKILL ended the program, a shell's last command, or a launcher's worker."""
    return (
        program.signal == SIGKILL
        or program.code == 128 + SIGKILL
        or (worker is not None and worker.signal == SIGKILL)
    )


def _how(program: Exit) -> dict[str, int]:
    if program.signal is not None:
        return {contract.PROGRAM_SIGNAL_KEY: program.signal}
    return {contract.PROGRAM_EXIT_KEY: program.code or 0}


def _end(derived: Mapping[str, int], *, finished: bool) -> dict[str, int]:
    """The end that the output tells; a program that ended well has done all it wanted."""
    end = dict(derived)
    if finished:
        for done, goal in _GOALS:
            if done in end and goal in end:
                end[goal] = end[done]
    return end


def ended_well(program: Exit | None, own_message: str, *, stopped: bool) -> bool:
    """Whether a program did what it wanted, so that its outputs count. Pure.

    After a stop signal only its own word that it reached its goal tells that.
    """
    met = _goal_met(_own(own_message))
    return _is_success(program) and (met is True if stopped else met is not False)


def _goal_met(own: Mapping[str, Any]) -> bool | None:
    """Whether the program itself says that it reached its goal; None if it names none."""
    end = own.get(contract.END_KEY)
    if not isinstance(end, dict):
        return None
    for done, goal in _GOALS:
        if isinstance(end.get(goal), int) and end[goal] > 0:
            return isinstance(end.get(done), int) and end[done] >= end[goal]
    return None


def _own(message: str) -> dict[str, Any]:
    """What the program left: JSON as `trainyard.reporting` writes it, or lines of text."""
    try:
        found = json.loads(message) if message.strip() else {}
    except (ValueError, RecursionError):
        found = None
    if isinstance(found, dict):
        return {key: value for key, value in found.items() if key not in _FACTS}
    return {contract.LAST_LINES_KEY: message.splitlines()[-20:]}
