"""Programs that do what programs should not, each as real processes."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest
from poll import eventually
from report_stand_in import report_stand_in
from supervisor_lab import SupervisorLab, python

from trainyard_api.contract import ExitCode

SLEEPER = "import os, time\nopen('pids', 'a').write(f'{os.getpid()}\\n')\n"


def alive(folder: Path) -> list[int]:
    """The processes that noted themselves in `pids` and still run."""
    file = folder / "pids"
    pids = [int(line) for line in file.read_text().split()] if file.exists() else []
    return [pid for pid in pids if Path(f"/proc/{pid}").exists()]


def first_line(process: subprocess.Popen[bytes]) -> bytes:
    assert process.stdout is not None
    return process.stdout.readline()


LEFT_BEHIND = [
    pytest.param("os.fork() or time.sleep(600)", id="a child"),
    pytest.param("os.fork() or (os.setsid(), os.fork() or time.sleep(600))", id="a daemon"),
    pytest.param(
        "os.fork() or (signal.signal(15, signal.SIG_IGN), time.sleep(600))", id="deaf to SIGTERM"
    ),
    pytest.param("[os.fork() or time.sleep(600) for _ in range(50)]", id="fifty"),
]


@pytest.mark.parametrize("leave", LEFT_BEHIND)
def test_what_a_program_leaves_behind_is_ended_and_named(tmp_path: Path, leave: str) -> None:
    note = "open('pids', 'a').write(f'{os.getpid()}\\n')"
    leave = leave.replace("time.sleep(600)", f"({note}, time.sleep(600))")
    lab = SupervisorLab(tmp_path)
    program = (
        f"import os, signal, time\n{leave}\nwhile not os.path.exists('pids'): pass\nos._exit(3)"
    )
    ended = lab.run(*python(program))

    assert ended.code == 3
    assert alive(tmp_path) == []
    assert b"the program has ended; " in ended.err


def test_after_our_signal_the_rest_has_the_grace_and_no_attempt_outlives_it(
    tmp_path: Path,
) -> None:
    """As a launcher does that ends at once while the training beneath saves."""
    saves = (
        "import time, signal, os\ndef save(*_):\n time.sleep(1); open('saved', 'w'); os._exit(0)\n"
    )
    child = saves + "signal.signal(15, save)\nprint('up', flush=True)\ntime.sleep(600)"
    parent = f"import subprocess, sys\nsubprocess.Popen([sys.executable, '-S', '-c', {child!r}])\n"
    lab = SupervisorLab(tmp_path)
    process = lab.start(*python(parent + "import time; time.sleep(600)"))
    assert first_line(process) == b"up\n"
    process.terminate()
    ended = lab.end(process)

    assert ended.code == ExitCode.PREEMPTED
    assert (tmp_path / "saved").exists()
    assert ended.message["programSignal"] == signal.SIGTERM


def test_the_signal_comes_once(tmp_path: Path) -> None:
    counts = (
        "import signal, time\nn = 0\ndef on(*_):\n global n; n += 1\nsignal.signal(15, on)\n"
        "print('up', flush=True)\nend = time.monotonic() + 1.5\n"
        "while time.monotonic() < end: time.sleep(0.1)\nprint('signals', n, flush=True)"
    )
    lab = SupervisorLab(tmp_path)
    process = lab.start(*python(counts))
    first_line(process)
    for _ in range(5):
        process.terminate()
    ended = lab.end(process)

    assert ended.out == b"signals 1\n"
    assert (ended.code, ended.message["interrupted"]) == (ExitCode.PREEMPTED, True)


def test_with_the_gateway_away_it_still_ends_before_the_kubelets_kill(tmp_path: Path) -> None:
    lab = SupervisorLab(tmp_path)
    source = "import signal, time\nsignal.signal(15, signal.SIG_IGN)\nprint('up', flush=True)\ntime.sleep(600)"
    environment = {
        "TRAINYARD_RUN": '{"uid": "uid", "attempt": 1}',
        "TRAINYARD_GATEWAY_URL": "http://127.0.0.1:9",
        "TRAINYARD_GRACE_SECONDS": "4",
    }
    process = lab.start(*python(source), environment=environment)
    first_line(process)
    began = time.monotonic()
    process.terminate()
    ended = lab.end(process)

    assert ended.code == ExitCode.PREEMPTED
    assert time.monotonic() - began < 4.5
    assert list((tmp_path / "spool").glob("000001/supervisor-0/*.json")) != []


def test_a_killed_child_is_the_programs_own_affair(tmp_path: Path) -> None:
    source = "import os, time\npid = os.fork() or time.sleep(600)\nos.kill(pid, 9); os.wait(); print('on')"
    ended = SupervisorLab(tmp_path).run(*python(source))

    assert (ended.code, ended.out) == (0, b"on\n")


def test_a_program_that_closes_its_descriptors_still_runs_to_its_end(tmp_path: Path) -> None:
    source = "import os, time\nos.closerange(0, 100)\ntime.sleep(1)\nopen('done', 'w')\nos._exit(4)"
    ended = SupervisorLab(tmp_path).run(*python(source))

    assert (ended.code, (tmp_path / "done").exists()) == (4, True)


def test_a_closed_output_costs_no_time_of_the_processor(tmp_path: Path) -> None:
    source = (
        "import os, time\nos.closerange(0, 3)\nopen('closed', 'w')\ntime.sleep(1.5)\n"
        "open('done', 'w')\ntime.sleep(0.5)"
    )
    lab = SupervisorLab(tmp_path)
    process = lab.start(*python(source))
    eventually(lambda: (tmp_path / "closed").exists(), within=60)
    before = ticks(process.pid)
    eventually(lambda: (tmp_path / "done").exists(), within=60)
    spent = ticks(process.pid) - before
    lab.end(process)

    assert spent < 30


def ticks(pid: int) -> int:
    """The processor's time of a process, in hundredths of a second."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    return int(fields[11]) + int(fields[12])


def test_orphans_become_no_zombies(tmp_path: Path) -> None:
    source = (
        "import os, time\nfor _ in range(200):\n if os.fork() == 0:\n  if os.fork() == 0: os._exit(0)\n"
        "  os._exit(0)\n os.wait()\ntime.sleep(1)\nprint('made', flush=True)\ntime.sleep(600)"
    )
    lab = SupervisorLab(tmp_path)
    process = lab.start(*python(source))
    assert first_line(process) == b"made\n"

    def zombies() -> list[str]:
        listed = subprocess.run(
            ["ps", "--ppid", str(process.pid), "-o", "stat="], capture_output=True, text=True
        )
        return [state for state in listed.stdout.split() if state.startswith("Z")]

    assert eventually(lambda: not zombies(), within=60)
    process.terminate()
    assert lab.end(process).code == ExitCode.PREEMPTED


def test_a_thousand_children_are_ended(tmp_path: Path) -> None:
    source = (
        "import os, signal, time\nsignal.signal(15, signal.SIG_IGN)\n"
        "for _ in range(1000):\n if os.fork() == 0: time.sleep(600)\n"
        "print('made', flush=True)\ntime.sleep(600)"
    )
    lab = SupervisorLab(tmp_path)
    process = lab.start(*python(source), environment={"TRAINYARD_GRACE_SECONDS": "1"})
    assert first_line(process) == b"made\n"
    process.terminate()
    ended = lab.end(process, seconds=60)

    assert ended.code == ExitCode.PREEMPTED
    assert b"killed 1001 processes" in ended.err


def test_a_flood_neither_stops_the_program_nor_fills_memory(tmp_path: Path) -> None:
    """100 MB, then a last line, which is not lost among what is left out."""
    source = (
        "import os, time\nline = b'x' * 99 + b'\\n'\nfor _ in range(1000): os.write(1, line * 1000)\n"
        "time.sleep(3)\nos.write(1, b'the end\\n')"
    )
    with report_stand_in() as gateway:
        lab = SupervisorLab(tmp_path, gateway)
        began = time.monotonic()
        process = lab.start(*python(source))
        peak = highest_memory(process, lab.folder)
        ended = lab.end(process)
        lines = gateway.lines()

    assert ended.code == 0
    assert time.monotonic() - began < 60
    assert lines[-1] == "the end"
    assert any("are not reported" in line for line in lines)
    assert sum(map(len, lines)) < 30 << 20
    assert peak < 60 << 20


def highest_memory(process: subprocess.Popen[bytes], folder: Path) -> int:
    """Read the output slowly, and watch the memory of the supervisor meanwhile; in bytes."""
    assert process.stdout is not None
    peak = 0
    while True:
        text = Path(f"/proc/{process.pid}/status").read_text()
        found = [int(line.split()[1]) << 10 for line in text.splitlines() if "VmHWM" in line]
        peak = max([peak, *found])
        if b"the end\n" in os.read(process.stdout.fileno(), 1 << 20) or not found:
            return peak


def test_a_reader_that_never_reads_holds_nothing_up(tmp_path: Path) -> None:
    lab = SupervisorLab(tmp_path)
    source = (
        "import os\nfor _ in range(300): os.write(1, b'y' * 99_999 + b'\\n')\nopen('done', 'w')"
    )
    process = lab.start(*python(source))
    eventually(lambda: (tmp_path / "done").exists(), within=30, what="the program's end")
    ended = lab.end(process)

    assert ended.code == 0
    assert b"bytes that were printed here are left out" in ended.out
