"""The exit code and the termination message, by what happened."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trainyard_supervisor.ending.launcher_report import worker_exit
from trainyard_supervisor.ending.outcome import Facts, Outcome, ended_well, outcome
from trainyard_supervisor.processes.process_tree import Exit

REACHED = json.dumps({"end": {"step": 10, "totalSteps": 10}})
BEFORE = json.dumps({"end": {"step": 4, "totalSteps": 10}})


def ended(code: int | None = None, signal: int | None = None, **facts: Any) -> Outcome:
    defaults: dict[str, Any] = {"stopped": False, "own_message": "", "last_lines": ["last"]}
    return outcome(Facts(program=Exit(code, signal), **{**defaults, **facts}))


CODES = [
    pytest.param(ended(0), 0, id="success"),
    pytest.param(ended(7), 7, id="a code"),
    pytest.param(ended(signal=11), 139, id="a signal"),
    pytest.param(ended(0, stopped=True), 75, id="0 after our signal"),
    pytest.param(ended(0, stopped=True, own_message=REACHED), 0, id="0 at the goal"),
    pytest.param(ended(0, stopped=True, own_message=REACHED, outputs_taken=False), 75, id="0 at the goal, before its outputs were taken"),
    pytest.param(ended(0, stopped=True, own_message=BEFORE), 75, id="0 before the goal"),
    pytest.param(ended(1, stopped=True, own_message=REACHED), 75, id="1 at the goal"),
    pytest.param(
        ended(0, stopped=True, derived_end={"step": 9, "totalSteps": 9}), 75, id="a goal that is guessed"
    ),
    pytest.param(ended(0, without_space=["a"]), 74, id="0, and no space for an output"),
    pytest.param(ended(0, stopped=True, without_space=["a"]), 75, id="0 after our signal, and no space"),
    pytest.param(ended(3, without_space=["a"]), 3, id="an error, and no space"),
    pytest.param(ended(1, worker_exit=Exit(65, None)), 65, id="a launcher's worker"),
    pytest.param(ended(1, worker_exit=Exit(None, 9)), 137, id="a launcher's killed worker"),
    pytest.param(ended(0, worker_exit=Exit(65, None)), 0, id="a launcher that started it again"),
    pytest.param(ended(signal=9, out_of_memory=True), 69, id="killed for its memory"),
    pytest.param(ended(137, out_of_memory=True), 69, id="a shell's last command was"),
    pytest.param(ended(1, worker_exit=Exit(None, 9), out_of_memory=True), 69, id="a worker was"),
    pytest.param(ended(1, out_of_memory=True), 1, id="another process was"),
    pytest.param(ended(0, own_message='{"end": {"step": 1, "totalSteps": "x"}}', stopped=True), 75, id="an odd goal"),
    pytest.param(ended(0, own_message='{"end": [1]}', stopped=True), 75, id="an odd end"),
]  # fmt: skip


@pytest.mark.parametrize(("found", "code"), CODES)
def test_the_exit_code(found: Outcome, code: int) -> None:
    assert found.exit_code == code


WELL = [
    pytest.param(Exit(0, None), "", True, False, id="0"),
    pytest.param(Exit(0, None), "its own text", True, False, id="0 with a text"),
    pytest.param(Exit(0, None), REACHED, True, True, id="0 at the goal"),
    pytest.param(Exit(0, None), BEFORE, False, False, id="0 before the goal"),
    pytest.param(Exit(1, None), REACHED, False, False, id="1 at the goal"),
    pytest.param(Exit(None, 9), "", False, False, id="killed"),
    pytest.param(Exit(None, 9), REACHED, False, False, id="killed at the goal"),
    pytest.param(None, "", False, False, id="never started"),
]


@pytest.mark.parametrize(("program", "message", "well", "stopped_well"), WELL)
def test_outputs_count_where_the_program_did_what_it_wanted(
    program: Exit | None, message: str, well: bool, stopped_well: bool
) -> None:
    assert ended_well(program, message, stopped=False) is well
    assert ended_well(program, message, stopped=True) is stopped_well


MESSAGES = [
    pytest.param(ended(0), "", id="nothing to say"),
    pytest.param(ended(0, own_message="its own text"), "its own text", id="success with a text"),
    pytest.param(ended(0, own_message=REACHED), REACHED, id="success with an end"),
    pytest.param(ended(7), {"programExit": 7, "lastLogLines": ["last"]}, id="a failure"),
    pytest.param(
        ended(signal=9), {"programSignal": 9, "lastLogLines": ["last"]}, id="a killed program"
    ),
    pytest.param(
        ended(7, own_message='{"reason": "BadData", "lastLogLines": ["own"]}', last_lines=[]),
        {"reason": "BadData", "programExit": 7, "lastLogLines": ["own"]},
        id="the program's own reason",
    ),
    pytest.param(
        ended(7, own_message="Traceback\nboom", last_lines=[]),
        {"programExit": 7, "lastLogLines": ["Traceback", "boom"]},
        id="the program's own text",
    ),
    pytest.param(
        ended(75, own_message='{"interrupted": true, "programExit": 0, "reason": "Mine"}'),
        {"reason": "Mine", "programExit": 75, "lastLogLines": ["last"]},
        id="a program that calls itself interrupted",
    ),
    pytest.param(
        ended(0, derived_end={"step": 3, "totalSteps": 10}),
        {"end": {"step": 3, "totalSteps": 3}, "lastLogLines": ["last"]},
        id="a guessed goal is what was done",
    ),
    pytest.param(
        ended(signal=15, stopped=True, derived_end={"step": 3, "totalSteps": 10}),
        {
            "end": {"step": 3, "totalSteps": 10},
            "interrupted": True,
            "programSignal": 15,
            "lastLogLines": ["last"],
        },
        id="an interruption",
    ),
    pytest.param(
        ended(0, derived_end={"step": 3, "totalSteps": 10}, without_space=list("abcdef")),
        {
            "end": {"step": 3, "totalSteps": 3},
            "reason": "VolumeFull",
            "message": "The program has ended with 0, and the data volume is full: 'a', 'b', 'c',"
            " 'd', 'e', … cannot be registered. A retry registers what is declared, and does not"
            " run the program again.",
            "hint": "Free space on the data volume, or let an administrator enlarge it. What the"
            " program wrote is in the files of the session: trainyard files ls SESSION.",
            "programExit": 0,
            "lastLogLines": ["last"],
        },
        id="no space for outputs",
    ),
    pytest.param(
        ended(0, own_message=BEFORE, derived_end={"step": 99}),
        BEFORE,
        id="the program's end is the one",
    ),
]


@pytest.mark.parametrize(("found", "message"), MESSAGES)
def test_the_termination_message(found: Outcome, message: dict[str, Any] | str) -> None:
    assert (json.loads(found.message) if isinstance(message, dict) else found.message) == message


@settings(max_examples=200, deadline=None)
@given(
    st.text(max_size=5000)
    | st.dictionaries(st.text(max_size=20), st.text(max_size=3000)).map(json.dumps),
    st.lists(st.text(max_size=2000), max_size=30),
)
def test_any_message_fits_the_kubelet_and_is_json(own: str, lines: list[str]) -> None:
    found = ended(3, own_message=own, last_lines=lines)

    assert len(found.message.encode()) <= 4096
    assert json.loads(found.message)["programExit"] == 3


LAUNCHERS = [
    pytest.param(
        "E1128 09:14:28.123000 140 torch/distributed/elastic/multiprocessing/api.py:984] failed "
        "(exitcode: 1) local_rank: 0 (pid: 48) of binary: /usr/bin/python",
        Exit(1, None),
        id="torchrun",
    ),
    pytest.param(
        "failed (exitcode: -9) local_rank: 1 (pid: 48) of binary: /usr/bin/python",
        Exit(None, 9),
        id="torchrun, a signal",
    ),
    pytest.param(
        "subprocess.CalledProcessError: Command '['python', 'x.py']' returned non-zero exit status 65.",
        Exit(65, None),
        id="accelerate",
    ),
    pytest.param(
        "subprocess.CalledProcessError: Command '['python']' died with <Signals.SIGKILL: 9>.",
        Exit(None, 9),
        id="accelerate, a signal",
    ),
    pytest.param("failed (exitcode: 999) local_rank: 1 (pid: 48)", None, id="no exit code"),
    pytest.param("it failed (exitcode: 1)", None, id="another text"),
]  # fmt: skip


@pytest.mark.parametrize(("line", "want"), LAUNCHERS)
def test_a_launcher_says_how_its_worker_ended(line: str, want: Exit | None) -> None:
    assert worker_exit(line) == want
