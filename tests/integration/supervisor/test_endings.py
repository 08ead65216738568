"""How a program ends, and what its supervisor makes of it, with real processes."""

from __future__ import annotations

from pathlib import Path

import pytest
from supervisor_lab import SupervisorLab, python

from trainyard_api.contract import ExitCode

ENDS = [
    pytest.param("exit 0", 0, None, id="success"),
    pytest.param("exit 3", 3, {"programExit": 3}, id="an exit code"),
    pytest.param("kill -9 $$", 137, {"programSignal": 9}, id="SIGKILL"),
    pytest.param("kill -SEGV $$", 139, {"programSignal": 11}, id="SIGSEGV"),
    pytest.param("exit 75", 75, {"programExit": 75}, id="its own 75"),
]


@pytest.mark.parametrize(("script", "code", "said"), ENDS)
def test_the_exit_code_is_that_of_the_program(
    tmp_path: Path, script: str, code: int, said: dict[str, int] | None
) -> None:
    ended = SupervisorLab(tmp_path).run("sh", "-c", f"echo the last line; {script}")

    assert ended.code == code
    assert ended.out == b"the last line\n"
    assert ended.message == ({**said, "lastLogLines": ["the last line"]} if said else {})


STUBBORN = "import os, signal, time\n{set}\nprint('up', flush=True)\n{then}"
ASKED = [
    pytest.param("", "time.sleep(60)", 5, {"programSignal": 15}, id="dies of it"),
    pytest.param(
        "signal.signal(15, lambda *_: os._exit(0))", "time.sleep(60)", 5, {"programExit": 0}, id="0"
    ),
    pytest.param(
        "signal.signal(15, lambda *_: os._exit(1))", "time.sleep(60)", 5, {"programExit": 1}, id="1"
    ),
    pytest.param(
        "signal.signal(15, signal.SIG_IGN)", "time.sleep(60)", 1, {"programSignal": 9}, id="ignores"
    ),
]


@pytest.mark.parametrize(("handler", "then", "grace", "said"), ASKED)
def test_whatever_a_program_says_after_our_signal_it_was_interrupted(
    tmp_path: Path, handler: str, then: str, grace: int, said: dict[str, int]
) -> None:
    lab = SupervisorLab(tmp_path)
    program = python(STUBBORN.format(set=handler, then=then) + "\n")
    process = lab.start(*program, environment={"TRAINYARD_GRACE_SECONDS": str(grace)})
    assert process.stdout is not None
    assert process.stdout.readline() == b"up\n"
    process.terminate()
    ended = lab.end(process)

    assert ended.code == ExitCode.PREEMPTED
    assert ended.message == {
        "interrupted": True,
        **said,
        "lastLogLines": ended.message["lastLogLines"],
    }
