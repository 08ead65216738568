"""A program that has ended with 0 is not run again, however its supervisor ends afterwards."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from poll import eventually
from report_stand_in import ReportStandIn, report_stand_in
from supervisor_lab import Ended, SupervisorLab, python

from trainyard_api import contract
from trainyard_api.contract import ExitCode

SLOW = """
import os
open('runs', 'a').write('x')
os.makedirs('out', exist_ok=True)
with open('out/big', 'wb') as file: file.truncate(200 << 30)
print('step 6/8: loss 0.5', flush=True)
"""
"""Leaves a file of 200 GiB, all of it a hole, which takes minutes to hash."""


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[ReportStandIn]:
    with report_stand_in() as state:
        state.run_dir = tmp_path
        yield state


@pytest.fixture
def lab(tmp_path: Path, gateway: ReportStandIn) -> SupervisorLab:
    return SupervisorLab(tmp_path, gateway)


def attempt(number: int, worker: int = 0, grace: str = "2", **more: Any) -> dict[str, str]:
    outputs = [{"path": "out", "name": "mine"}]
    run = {"uid": "uid", "attempt": number, "outputs": outputs, **more}
    return {
        contract.ENV_RUN: json.dumps(run),
        contract.ENV_COMPLETION_INDEX: str(worker),
        contract.ENV_GRACE_SECONDS: grace,
    }


def runs(lab: SupervisorLab) -> int:
    return len((lab.folder / "runs").read_text())


def started(lab: SupervisorLab, source: str, **environment: Any) -> subprocess.Popen[bytes]:
    """A supervisor that takes the output of its program, which is gone."""
    place = lab.folder / contract.ARTIFACTS
    before = set(place.glob(".part-*/files/big"))
    process = lab.start(*python(source), **environment)
    eventually(
        lambda: set(place.glob(".part-*/files/big")) - before,
        within=60,
        what="the output is being taken",
    )
    return process


def interrupted(lab: SupervisorLab, how: int, **more: Any) -> int:
    """The exit code of a first attempt that gets a signal while it takes its output."""
    process = started(lab, SLOW, environment=attempt(1, **more))
    process.send_signal(how)
    code = lab.end(process).code
    os.truncate(lab.folder / "out" / "big", 5)
    lab.message_file.write_text("")
    return code


@pytest.mark.parametrize(
    ("how", "code"),
    [
        pytest.param(signal.SIGTERM, ExitCode.PREEMPTED, id="asked to end"),
        pytest.param(signal.SIGKILL, -signal.SIGKILL, id="killed"),
    ],
)
def test_the_next_attempt_delivers_the_outputs_and_runs_nothing(
    lab: SupervisorLab, gateway: ReportStandIn, how: int, code: int
) -> None:
    assert interrupted(lab, how) == code
    assert gateway.trees == []
    second = lab.run(*python(SLOW), environment=attempt(2))

    assert (second.code, runs(lab)) == (0, 1)
    assert [gateway.files[t["tree"]] for t in gateway.trees] == [{"big": b"\0" * 5}]
    assert b"is not run again" in second.err
    assert second.message["end"] == {"step": 6, "totalSteps": 6}
    assert not (lab.folder / contract.ARTIFACTS).exists()


def waiting(lab: SupervisorLab) -> list[str]:
    """Contents of the outputs that wait for the gateway with their report."""
    place = lab.folder / contract.ARTIFACTS
    reported = {report.parent for report in place.glob("*/report-mine.json")}
    return [(tree / "files" / "big").read_text() for tree in reported]


def test_a_signal_leaves_the_rest_of_the_grace_to_the_outputs(
    lab: SupervisorLab, gateway: ReportStandIn
) -> None:
    process = started(lab, SLOW, environment=attempt(1, grace="600"))
    process.terminate()
    os.truncate(lab.folder / "out" / "big", 5)
    ended = lab.end(process)

    assert (ended.code, "interrupted" in ended.message) == (0, False)
    assert (waiting(lab), gateway.trees) == (["\0" * 5], []), "the gateway finds it there"


AT_SIGTERM = """
import os, signal, time
open('runs', 'a').write('x')
def stop(*_):
    os.makedirs('out', exist_ok=True)
    {writes}
    {says}
    os._exit({code})
signal.signal(signal.SIGTERM, stop)
print('up', flush=True)
time.sleep(600)
"""
SMALL = "open('out/big', 'w').write('whole')"
LARGE = "open('out/big', 'w').truncate(200 << 30)"
GOAL = "open('termination-log', 'w').write('{\"end\": {\"step\": 8, \"totalSteps\": 8}}')"
BEFORE = "open('termination-log', 'w').write('{\"end\": {\"step\": 7, \"totalSteps\": 8}}')"


def stopped(lab: SupervisorLab, environment: dict[str, str], **parts: Any) -> Ended:
    """How a supervisor ends whose program does so much at SIGTERM."""
    source = AT_SIGTERM.format(**{"writes": SMALL, "says": "pass", "code": 0, **parts})
    process = lab.start(*python(source), environment=environment)
    assert process.stdout is not None
    assert process.stdout.readline() == b"up\n"
    process.terminate()
    return lab.end(process)


def test_a_program_that_reaches_its_goal_after_the_signal_delivers(
    lab: SupervisorLab, gateway: ReportStandIn
) -> None:
    ended = stopped(lab, attempt(1, grace="600"), says=GOAL)

    assert (ended.code, ended.message) == (0, {"end": {"step": 8, "totalSteps": 8}})
    assert (waiting(lab), gateway.trees) == (["whole"], [])


def test_if_the_grace_does_not_suffice_the_next_attempt_delivers(
    lab: SupervisorLab, gateway: ReportStandIn
) -> None:
    first = stopped(lab, attempt(1, grace="6"), says=GOAL, writes=LARGE)
    os.truncate(lab.folder / "out" / "big", 5)
    lab.message_file.write_text("")
    second = lab.run(*python(SLOW), environment=attempt(2))

    assert (first.code, first.message["interrupted"]) == (ExitCode.PREEMPTED, True)
    assert b"the next attempt takes them" in first.err
    assert (second.code, runs(lab)) == (0, 1)
    assert [gateway.files[t["tree"]] for t in gateway.trees] == [{"big": b"\0" * 5}]


LEAVES_A_CHILD = """
import os, signal, time
open('runs', 'a').write('x')
os.makedirs('out', exist_ok=True)
open('out/big', 'w').write('whole')
signal.signal(signal.SIGTERM, signal.SIG_IGN)
if os.fork() == 0:
    while not os.path.exists('go'): time.sleep(0.01)
"""
"""Ends with 0; a process of it goes on until there is a file `go`."""


def test_a_signal_after_the_programs_own_end_with_0_is_no_interruption(
    lab: SupervisorLab, gateway: ReportStandIn
) -> None:
    process = lab.start(*python(LEAVES_A_CHILD), environment=attempt(1, grace="600"))
    assert process.stderr is not None
    while b"the program has ended" not in process.stderr.readline():
        assert process.poll() is None
    process.terminate()
    (lab.folder / "go").touch()
    ended = lab.end(process)

    sent = [gateway.files[t["tree"]]["big"].decode() for t in gateway.trees]
    assert (ended.code, [*waiting(lab), *sent]) == (0, ["whole"])


@pytest.mark.parametrize(
    ("parts", "more"),
    [
        pytest.param({}, {}, id="no goal is known"),
        pytest.param({"says": BEFORE}, {}, id="before its goal"),
        pytest.param({"says": GOAL, "code": 1}, {}, id="at its goal with an error"),
        pytest.param({"says": GOAL}, {"workers": 2}, id="at its goal, one of two workers"),
    ],
)
def test_what_a_signal_interrupted_runs_again_and_delivers_when_it_ends_well(
    lab: SupervisorLab, gateway: ReportStandIn, parts: dict[str, Any], more: dict[str, Any]
) -> None:
    """The second attempt resumes where nothing is left to do, and ends at once."""
    stopped(lab, attempt(1, **more), **parts)
    left = waiting(lab)
    lab.message_file.write_text("")
    resumed = "open('runs', 'a').write('x'); open('out/big', 'a').write(' and resumed')"
    second = lab.run(*python(resumed), environment=attempt(2, **more))

    assert (left, second.code, runs(lab)) == ([], 0, 2)
    assert [(t["attempt"], gateway.files[t["tree"]]) for t in gateway.trees] == [
        (2, {"big": b"whole and resumed"})
    ]


def test_what_the_program_left_as_its_message_is_left_by_the_next_attempt(
    lab: SupervisorLab, gateway: ReportStandIn
) -> None:
    end = '{"end": {"step": 8, "totalSteps": 8}, "own": "words"}'
    source = f"{SLOW}\nopen('termination-log', 'w').write({end!r})"
    process = started(lab, source, environment=attempt(1))
    process.kill()
    lab.end(process)
    os.truncate(lab.folder / "out" / "big", 5)
    lab.message_file.write_text("")
    second = lab.run(*python(source), environment=attempt(2))

    assert (second.code, second.message, len(gateway.trees)) == (0, json.loads(end), 1)


def test_asked_to_end_a_second_time_the_third_attempt_delivers(
    lab: SupervisorLab, gateway: ReportStandIn
) -> None:
    interrupted(lab, signal.SIGTERM)
    os.truncate(lab.folder / "out" / "big", 200 << 30)
    process = started(lab, SLOW, environment=attempt(2))
    process.terminate()
    second = lab.end(process)
    os.truncate(lab.folder / "out" / "big", 5)
    third = lab.run(*python(SLOW), environment=attempt(3))

    assert (second.code, second.message["interrupted"]) == (ExitCode.PREEMPTED, True)
    assert (third.code, runs(lab), len(gateway.trees)) == (0, 1, 1)


def test_of_several_workers_none_runs_again_once_all_have_ended(
    lab: SupervisorLab, gateway: ReportStandIn
) -> None:
    interrupted(lab, signal.SIGTERM, workers=2)
    other = lab.start(*python(SLOW), environment=attempt(2, worker=1, workers=2))
    first = started(lab, SLOW, environment=attempt(2, workers=2))
    again = lab.end(other)
    assert (again.code, runs(lab)) == (0, 3), "the other worker had not ended: both run again"
    first.terminate()
    lab.end(first)
    os.truncate(lab.folder / "out" / "big", 5)
    third = [lab.run(*python(SLOW), environment=attempt(3, w, workers=2)) for w in (1, 0)]

    assert [one.code for one in third] == [0, 0]
    assert (runs(lab), len(gateway.trees)) == (3, 1)


RUNS_AGAIN = [
    pytest.param("import sys; open('runs', 'a').write('x'); sys.exit(3)", id="an error"),
    pytest.param("import os; open('runs', 'a').write('x'); os.kill(os.getpid(), 9)", id="killed"),
    pytest.param(
        "open('runs', 'a').write('x')\n"
        "open('termination-log', 'w').write('{\"end\": {\"step\": 1, \"totalSteps\": 2}}')",
        id="before its goal",
    ),
]


@pytest.mark.parametrize("source", RUNS_AGAIN)
def test_a_program_that_has_not_done_all_it_wanted_runs_again(
    lab: SupervisorLab, source: str
) -> None:
    for number in (1, 2):
        lab.message_file.write_text("")
        lab.run(*python(source), environment=attempt(number))
    assert runs(lab) == 2


def test_an_end_that_cannot_be_kept_is_said_and_no_failure(
    lab: SupervisorLab, gateway: ReportStandIn
) -> None:
    source = "import os, shutil; os.mkdir('out'); open('out/a', 'w')"
    spoils = "shutil.rmtree('.trainyard/ended'); open('.trainyard/ended', 'w')"
    ended = lab.run(*python(f"{source}; {spoils}"), environment=attempt(1))

    assert (ended.code, len(gateway.trees)) == (0, 1)
    assert b"cannot be written to the run folder" in ended.err


KILLED_AT = """
import json, os, signal, sys
from pathlib import Path
from trainyard_supervisor import session
from trainyard_supervisor.outputs import delivering, taking

FILES = ("/conclusion.py", "/kept_end.py", "/taking.py", "/session.py")
PROGRAM = ["sh", "-c", "printf x >> runs; mkdir -p out; printf 1234 > out/a; printf 5 > out/b"]

def supervised(folder, number, at):
    pid = os.fork()
    if pid:
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    os.chdir(folder)
    run = {"uid": folder.name, "attempt": number, "outputs": [{"path": "out", "name": "mine"}]}
    os.environ["TRAINYARD_RUN"] = json.dumps(run)
    seen = [0, False]
    def trace(frame, event, _):
        seen[1] = seen[1] or frame.f_code.co_name == "of_program"
        if not seen[1] or not frame.f_code.co_filename.endswith(FILES):
            return None if event == "call" else trace
        if event == "line":
            seen[0] += 1
            if seen[0] == at:
                os.kill(os.getpid(), signal.SIGKILL)
        return trace
    sys.settrace(trace)
    code = session.run_session(PROGRAM, folder, folder / "message", 0.5)
    sys.settrace(None)
    os._exit(code)

def main(top, every):
    at = 1
    while True:
        folder = Path(top, f"killed-at-{at}")
        folder.mkdir()
        first = supervised(folder, 1, at)
        kept = (folder / ".trainyard" / "ended" / "000001-0.json").exists()
        second = supervised(folder, 2, 0)
        runs = len((folder / "runs").read_text())
        print(json.dumps({"first": first, "kept": kept, "second": second, "runs": runs}), flush=True)
        if first == 0:
            return
        at += every

main(sys.argv[1], int(sys.argv[2]))
"""
"""Runs supervisors that are killed at one line each after their program has ended."""


def test_killed_at_any_line_the_outputs_are_registered_once(
    lab: SupervisorLab, gateway: ReportStandIn
) -> None:
    gateway.run_dir = None
    done = subprocess.run(
        [sys.executable, "-c", KILLED_AT, str(lab.folder), "4"],
        env=lab.environment,
        capture_output=True,
        text=True,
        timeout=280,
    )
    found = [json.loads(line) for line in done.stdout.splitlines()]

    assert done.returncode == 0, done.stderr
    assert {one["second"] for one in found} == {0}
    assert {one["first"] for one in found[:-1]} == {-signal.SIGKILL}
    for one in found:
        assert one["runs"] == (1 if one["kept"] else 2), one
    assert {one["kept"] for one in found} == {True, False}
    registered = {(t["sessionUid"], t["name"], t["tree"]) for t in gateway.trees}
    assert len(registered) == len({uid for uid, _, _ in registered}) == len(found)
    assert len({(t["sessionUid"]) for t in gateway.trees}) == len(found)
