"""The supervisor as process 1 of a namespace, as in a container."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from poll import eventually
from supervisor_lab import SupervisorLab, python

from trainyard_api.contract import ExitCode
from trainyard_supervisor.install import ARCHIVE, install

NAMESPACE = (
    "unshare",
    "--user",
    "--map-root-user",
    "--pid",
    "--fork",
    "--mount-proc",
    "--kill-child",
)
AS_ONE = (*NAMESPACE, sys.executable, "-m", "trainyard_supervisor")


UP = "import time\nprint('up', flush=True)\ntime.sleep(600)"


def child_of(process: subprocess.Popen[bytes]) -> int:
    """The supervisor below `unshare`, once its program has printed a line."""
    assert process.stdout is not None
    process.stdout.readline()
    (one,) = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    return int(one)


@pytest.fixture(scope="module", autouse=True)
def _namespaces() -> None:
    try:
        done = subprocess.run([*NAMESPACE, "true"], capture_output=True)
    except FileNotFoundError:
        pytest.skip("this machine has no unshare")
    if done.returncode != 0:
        pytest.skip("this machine gives no namespace of processes to a user")


def test_it_ends_what_the_program_left(tmp_path: Path) -> None:
    source = (
        "import os, signal, time\nprint(os.getppid(), flush=True)\nif os.fork() == 0:\n"
        " os.setsid(); signal.signal(15, signal.SIG_IGN); open('ready', 'w'); time.sleep(600)\n"
        "while not os.path.exists('ready'): pass\nos._exit(3)"
    )
    ended = SupervisorLab(tmp_path).run(*python(source), by=AS_ONE)

    assert (ended.code, ended.out) == (3, b"1\n")
    assert b"they ignore SIGTERM; killed 1 process" in ended.err


SENDS = {
    "it": "os.kill(1, 15)",
    "its child": "os.fork() or (os.kill(1, 15), time.sleep(600))",
    "its child, which ends": "os.fork() or (os.kill(1, 15), os._exit(0))",
    "its orphan": "os.fork() or (os.setsid(), os.fork() or (os.kill(1, 15), os._exit(0)), os._exit(0))",
}


@pytest.mark.parametrize("sends", SENDS.values(), ids=SENDS)
def test_a_signal_of_its_program_ends_that_and_is_no_interruption(
    tmp_path: Path, sends: str
) -> None:
    """The kernel drops signals that process 1 does not handle."""
    source = f"import os, time\nprint('up', flush=True)\n{sends}\ntime.sleep(600)"
    ended = SupervisorLab(tmp_path).run(*python(source), by=AS_ONE)

    assert ended.code == 128 + signal.SIGTERM
    assert ended.message["programSignal"] == signal.SIGTERM
    assert "interrupted" not in ended.message
    assert b"of the program sent SIGTERM to the supervisor" in ended.err


def test_a_program_that_answers_its_own_signal_ends_as_it_wants(tmp_path: Path) -> None:
    source = (
        "import os, signal, sys\nsignal.signal(15, lambda *_: (os.kill(1, 15), sys.exit(0)))\n"
        "os.kill(1, 15)\nwhile True: signal.pause()"
    )
    ended = SupervisorLab(tmp_path).run(*python(source), by=AS_ONE)

    assert (ended.code, ended.message) == (0, {})


def test_a_signal_of_what_is_run_beside_the_program_interrupts_it(tmp_path: Path) -> None:
    """As by `kubectl exec POD -- kill 1`."""
    lab = SupervisorLab(tmp_path)
    process = lab.start(*python(UP), by=AS_ONE)
    one = child_of(process)
    beside = subprocess.Popen(
        ["nsenter", "--user", "--pid", "--preserve-credentials", "--target", str(one)]
        + [*python("import os, time\nos.kill(1, 15)\ntime.sleep(600)")]
    )
    ended = lab.end(process, seconds=60)
    beside.wait(60)

    assert ended.code == ExitCode.PREEMPTED
    assert ended.message["interrupted"] is True


def test_without_it_nothing_is_left(tmp_path: Path) -> None:
    """SIGKILL of process 1 ends all of its namespace."""
    lab = SupervisorLab(tmp_path)
    source = "import os, time\nos.fork()\nprint('up', flush=True)\ntime.sleep(600)"
    process = lab.start(*python(source), by=AS_ONE)
    os.kill(child_of(process), signal.SIGKILL)
    # Its pipes end only when no process holds them.
    assert lab.end(process, seconds=20).code != 0


def test_hundreds_that_ignore_it_are_killed_in_time(tmp_path: Path) -> None:
    source = (
        "import os, signal, time\nsignal.signal(15, signal.SIG_IGN)\n"
        "for _ in range(500):\n if os.fork() == 0: os.setsid(); time.sleep(600)\n"
        "print('up', flush=True)\ntime.sleep(600)"
    )
    lab = SupervisorLab(tmp_path)
    process = lab.start(*python(source), by=AS_ONE, environment={"TRAINYARD_GRACE_SECONDS": "1"})
    os.kill(child_of(process), signal.SIGTERM)
    ended = lab.end(process)

    assert ended.code == ExitCode.PREEMPTED
    assert b"killed 501 processes" in ended.err


def test_a_signal_during_its_start_is_not_lost(tmp_path: Path) -> None:
    """It is blocked from the archive's first line on, until the handlers are there."""
    install(tmp_path / "trainyard")
    archive = str(tmp_path / "trainyard" / ARCHIVE)
    lab = SupervisorLab(tmp_path)
    process = lab.start(
        *python("import time\ntime.sleep(600)"), by=(*NAMESPACE, sys.executable, "-IS", archive)
    )

    def blocked() -> int | None:
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        for child in children:
            status = Path(f"/proc/{child}/status").read_text()
            mask = int(status.partition("SigBlk:")[2].split()[0], 16)
            # `unshare` blocks it as well, and lets it through before it becomes Python.
            if "Name:\tunshare" not in status and mask >> (signal.SIGTERM - 1) & 1:
                return int(child)
        return None

    os.kill(eventually(blocked, within=60, every=0.001), signal.SIGTERM)
    ended = lab.end(process)

    assert ended.code == ExitCode.PREEMPTED
    assert ended.message["interrupted"] is True
