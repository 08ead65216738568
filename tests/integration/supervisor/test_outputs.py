"""Declared outputs and logged artifacts of real programs: what is registered, and when not."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from report_stand_in import ReportStandIn, report_stand_in
from supervisor_lab import SupervisorLab, python

from trainyard_api import contract
from trainyard_api.contract import ExitCode
from trainyard_supervisor.install import install

WRITES = """
import os
os.makedirs('out/deep', exist_ok=True)
open('out/deep/weights.pt', 'w').write('weights')
open('out/notes.txt', 'w').write('notes')
"""
OUTPUT = {"path": "out", "name": "mine"}


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[ReportStandIn]:
    with report_stand_in() as state:
        state.run_dir = tmp_path
        yield state


@pytest.fixture
def lab(tmp_path: Path, gateway: ReportStandIn) -> SupervisorLab:
    found = SupervisorLab(tmp_path, gateway)
    declare(found, OUTPUT)
    return found


def declare(lab: SupervisorLab, *outputs: dict[str, str], **more: Any) -> None:
    run = {"uid": "uid", "attempt": 1, "session": "s", "outputModel": "s", **more}
    lab.environment[contract.ENV_RUN] = json.dumps({**run, "outputs": list(outputs)})


def left(lab: SupervisorLab) -> list[str]:
    place = lab.folder / contract.ARTIFACTS
    return sorted(p.name for p in place.iterdir()) if place.exists() else []


def test_a_program_that_ends_well_registers_what_it_declared(
    lab: SupervisorLab, gateway: ReportStandIn
) -> None:
    declare(lab, OUTPUT, {"path": "./out/notes.txt", "name": "notes"})
    ended = lab.run(*python(WRITES))

    assert ended.code == 0
    assert {t["attempt"] for t in gateway.trees} == {1}
    contents = {t["name"]: gateway.files[t["tree"]] for t in gateway.trees}
    assert contents == {
        "mine": {"deep/weights.pt": b"weights", "notes.txt": b"notes"},
        "notes": {"notes.txt": b"notes"},
    }
    assert b"trainyard: 'mine' is registered as version 1 of that name\n" in ended.err
    assert any("'notes' is registered" in line for line in gateway.lines())
    assert left(lab) == []


ENDS_BADLY = [
    pytest.param("import sys; sys.exit(3)", id="an error"),
    pytest.param("import os; os.kill(os.getpid(), 9)", id="killed"),
    pytest.param(
        "open('termination-log', 'w').write('{\"end\": {\"step\": 1, \"totalSteps\": 2}}')",
        id="before its goal",
    ),
]


@pytest.mark.parametrize("how", ENDS_BADLY)
def test_a_program_that_does_not_end_well_registers_nothing(
    lab: SupervisorLab, gateway: ReportStandIn, how: str
) -> None:
    lab.run(*python(f"{WRITES}\n{how}"))

    assert (gateway.trees, left(lab)) == ([], [])


def test_a_program_that_was_asked_to_end_registers_nothing(
    lab: SupervisorLab, gateway: ReportStandIn
) -> None:
    source = f"{WRITES}\nimport os, signal, time\nsignal.signal(15, lambda *_: os._exit(0))\n"
    process = lab.start(*python(f"{source}print('up', flush=True)\ntime.sleep(300)"))
    assert process.stdout is not None
    assert process.stdout.readline() == b"up\n"
    process.terminate()
    ended = lab.end(process)

    assert ended.code == ExitCode.PREEMPTED
    assert (gateway.trees, left(lab)) == ([], [])


def test_other_workers_register_nothing(lab: SupervisorLab, gateway: ReportStandIn) -> None:
    ended = lab.run(*python(WRITES), environment={contract.ENV_COMPLETION_INDEX: "1"})

    assert (ended.code, gateway.trees, left(lab)) == (0, [], [])


MISSING = [
    pytest.param("out/none", "there is no such file or folder", id="not there"),
    pytest.param("outside", "which is outside of", id="a link that leads out"),
    pytest.param("/etc/hostname", "which is outside of", id="another place"),
    pytest.param("empty", "nothing is in it", id="empty"),
    pytest.param("pipe", "nothing is in it (pipe is no regular file)", id="a pipe"),
    pytest.param("spool", "it is Trainyard's own folder", id="the spool"),
    pytest.param("nul\0byte", "that is no path", id="no path at all"),
]


@pytest.mark.parametrize(("path", "said"), MISSING)
def test_an_output_that_cannot_be_taken_is_a_sentence_and_no_failure(
    lab: SupervisorLab, gateway: ReportStandIn, path: str, said: str
) -> None:
    declare(lab, {"path": path, "name": "gone"}, OUTPUT)
    more = "os.symlink('/etc', 'outside'); os.mkdir('empty'); os.mkfifo('pipe')"
    ended = lab.run(*python(f"{WRITES}\n{more}"))

    assert ended.code == 0
    assert [t["name"] for t in gateway.trees] == ["mine"]
    [line] = [line for line in gateway.lines() if "gone" in line]
    assert line.startswith("trainyard: the output 'gone' (")
    assert said in line
    assert left(lab) == []


@pytest.mark.parametrize("workers", [1, 2], ids=["one worker", "two workers"])
def test_files_that_another_worker_may_still_write_are_copied(
    lab: SupervisorLab, gateway: ReportStandIn, workers: int
) -> None:
    gateway.tree_answers = [503] * 10_000
    declare(lab, OUTPUT, workers=workers)
    lab.run(*python(WRITES))
    (lab.folder / "out" / "notes.txt").write_text("later")

    [staged] = (lab.folder / contract.ARTIFACTS).glob("*/files/notes.txt")
    assert staged.read_text() == {1: "later", 2: "notes"}[workers]


def test_a_path_that_is_a_link_within_the_run_folder_is_followed(
    lab: SupervisorLab, gateway: ReportStandIn
) -> None:
    declare(lab, {"path": "latest", "name": "mine"}, {"path": "best.pt", "name": "file"})
    links = "os.symlink('out/deep', 'latest'); os.symlink('out/deep/weights.pt', 'best.pt')"
    lab.run(*python(f"{WRITES}\n{links}"))

    contents = {t["name"]: gateway.files[t["tree"]] for t in gateway.trees}
    assert contents == {"mine": {"weights.pt": b"weights"}, "file": {"best.pt": b"weights"}}


def test_an_output_may_hold_another_and_all_of_the_run_folder(
    lab: SupervisorLab, gateway: ReportStandIn
) -> None:
    declare(
        lab, {"path": str(lab.folder), "name": "all"}, OUTPUT, {"path": "out/deep", "name": "d"}
    )
    ended = lab.run(*python(WRITES))

    contents = {t["name"]: sorted(gateway.files[t["tree"]]) for t in gateway.trees}
    assert ended.code == 0
    assert contents == {
        "all": ["out/deep/weights.pt", "out/notes.txt", "termination-log", "token"],
        "mine": ["deep/weights.pt", "notes.txt"],
        "d": ["weights.pt"],
    }


def test_what_is_left_out_is_named_in_the_log(lab: SupervisorLab, gateway: ReportStandIn) -> None:
    more = "os.symlink('/etc/hostname', 'out/l'); os.mkfifo('out/p')"
    lab.run(*python(f"{WRITES}\n{more}\nopen(b'out/\\xff', 'w')"))

    [line] = [line for line in gateway.lines() if "left out" in line]
    assert line.startswith("trainyard: the output 'mine' (out): left out: ")
    assert "l is a link to /etc/hostname, which leads out" in line
    assert "p is a named pipe" in line
    assert "its name is not UTF-8" in line
    assert len(gateway.trees) == 1


def test_names_of_secrets_values_do_not_show(lab: SupervisorLab, gateway: ReportStandIn) -> None:
    values = lab.secret("hub", TOKEN="hf_a-secret-value")
    more = "os.symlink('/nowhere', 'out/' + os.environ['TOKEN'])"
    ended = lab.run(*python(f"{WRITES}\n{more}"), environment=values)

    assert b"hf_a-secret-value" not in ended.err
    assert not any("hf_a-secret-value" in line for line in gateway.lines())
    assert any("*** is a link to /nowhere" in line for line in gateway.lines())


def test_without_a_gateway_it_waits_and_the_program_has_succeeded(
    lab: SupervisorLab, gateway: ReportStandIn
) -> None:
    gateway.tree_answers = [503] * 10_000
    ended = lab.run(*python(WRITES))

    assert ended.code == 0
    assert b"waits in the run folder; the gateway takes it in by itself" in ended.err
    [tree] = [name for name in left(lab) if len(name) == 64]
    place = lab.folder / contract.ARTIFACTS / tree
    report = json.loads((place / "report-mine.json").read_text())
    assert report == {
        "sessionUid": "uid", "attempt": 1, "name": "mine", "tree": tree, "files": 2, "sizeBytes": 12
    }  # fmt: skip
    assert (place / "files" / "deep" / "weights.pt").read_text() == "weights"


def test_a_refused_output_is_said_and_the_program_has_succeeded(
    lab: SupervisorLab, gateway: ReportStandIn
) -> None:
    gateway.tree_answers = [403]
    ended = lab.run(*python(WRITES))

    assert ended.code == 0
    assert b"'mine' is not registered: " in ended.err
    assert (gateway.trees, left(lab)) == ([], [])


LOGS = f"""
{WRITES}
from pathlib import Path
import trainyard
trainyard.init(run_dir=Path.cwd())
receipt = trainyard.log_artifact('out')
trainyard.log_artifact('out/notes.txt', name='notes')
open('out/notes.txt', 'w').write('changed')
"""


def program(source: str) -> tuple[str, ...]:
    return (sys.executable, "-c", source)


def test_logged_artifacts_are_registered_as_they_were(
    lab: SupervisorLab, gateway: ReportStandIn
) -> None:
    declare(lab)
    ended = lab.run(*program(f"{LOGS}\nassert trainyard.finish(60)\nprint(receipt['name'])"))

    assert (ended.code, ended.out) == (0, b"s.out\n")
    contents = {t["name"]: gateway.files[t["tree"]] for t in gateway.trees}
    assert contents == {
        "s.out": {"deep/weights.pt": b"weights", "notes.txt": b"notes"},
        "s.notes": {"notes.txt": b"notes"},
    }
    assert left(lab) == []


@pytest.mark.parametrize(
    ("end", "code"),
    [
        pytest.param("os._exit(0)", 0, id="well"),
        pytest.param("os._exit(3)", 3, id="with an error"),
        pytest.param("os.kill(os.getpid(), 9)", 137, id="killed"),
    ],
)
def test_what_a_program_logged_and_did_not_send_is_registered_all_the_same(
    lab: SupervisorLab, gateway: ReportStandIn, end: str, code: int
) -> None:
    """The program's own thread is not answered before the program is gone."""
    declare(lab)
    source = f"{LOGS}\nimport os\n{end}"
    environment = {contract.ENV_GATEWAY_URL: gateway.url}
    ended = lab.run("sh", "-c", 'TRAINYARD_GATEWAY_URL=http://127.0.0.1:9 exec "$@"', "sh",
                    *program(source), environment=environment)  # fmt: skip

    assert ended.code == code
    assert sorted(t["name"] for t in gateway.trees) == ["s.notes", "s.out"]
    assert left(lab) == []


def test_of_several_workers_the_first_one_registers(
    lab: SupervisorLab, gateway: ReportStandIn
) -> None:
    declare(lab)
    for rank in range(3):
        environment = {contract.ENV_COMPLETION_INDEX: str(rank), "RANK": str(rank)}
        ended = lab.run(*program(f"{LOGS}\nassert trainyard.finish(60)\nprint(receipt)"), environment=environment)  # fmt: skip
        assert ended.code == 0
        assert (ended.out == b"None\n") == (rank > 0)

    assert len(gateway.trees) == 2


def test_a_full_volume_fails_no_session(lab: SupervisorLab, gateway: ReportStandIn) -> None:
    """A volume of 4 MiB, and a file outside of it that would have to be copied."""
    own = ["unshare", "-rm", "sh", "-c", 'mount -t tmpfs -o size=4M none "$0" && exec "$@"']
    small = lab.folder / "small"
    small.mkdir()
    if subprocess.run([*own, str(small), "true"], capture_output=True).returncode:
        pytest.skip("this machine lets nobody mount a file system of its own")
    (lab.folder / "big").write_bytes(os.urandom(8 << 20))
    source = f"""
from pathlib import Path
import trainyard
trainyard.init(run_dir=Path({str(small)!r}))
try:
    trainyard.log_artifact({str(lab.folder / "big")!r}, name="big")
except trainyard.reporting.ArtifactError as error:
    print(error)
trainyard.log_artifact({str(lab.folder / "token")!r}, name="small")
trainyard.finish(0.1)
print(len(list(Path({str(small)!r}, ".trainyard/artifacts").glob(".part*"))))
"""
    declare(lab)
    gateway.tree_answers = [503] * 10_000
    done = subprocess.run(
        [*own, str(small), *program(source)], env=lab.environment, capture_output=True, text=True
    )

    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        f"{lab.folder / 'big'} is not taken as 's.big': the data volume is full", "0"
    ]  # fmt: skip


def test_the_archive_takes_and_sends_them_without_a_library(
    lab: SupervisorLab, gateway: ReportStandIn, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("trainyard")
    install(folder)
    by = (sys.executable, "-I", "-S", str(folder / "supervisor.pyz"))
    source = LOGS + "\nassert trainyard.finish(60)"
    ended = lab.run(*python(source), by=by)

    assert ended.code == 0, ended.err
    assert sorted(t["name"] for t in gateway.trees) == ["mine", "s.notes", "s.out"]


FILES = """
import os
os.mkdir('out')
for n in range(60): os.mkdir(f'out/{{n}}')
for n in range({number}): open(f'out/{{n % 60}}/{{n}}.txt', 'w').write(str(n))
"""
HOLE = "import os; os.mkdir('out'); open('out/big', 'w').truncate({number} << 20)"


@pytest.mark.parametrize(
    ("source", "few", "many"),
    [
        pytest.param(FILES, 1, 3000, id="3,000 files"),
        # OpenSSL hashes files of 32 MiB and more; it takes memory of its own.
        pytest.param(HOLE, 33, 128, id="a file of 128 MiB"),
    ],
)
def test_outputs_take_little_memory(
    lab: SupervisorLab,
    gateway: ReportStandIn,
    tmp_path_factory: pytest.TempPathFactory,
    source: str,
    few: int,
    many: int,
) -> None:
    """Beside what the same supervisor takes for few or small ones."""
    folder = tmp_path_factory.mktemp("trainyard")
    install(folder)
    by = (sys.executable, "-I", "-S", str(folder / "supervisor.pyz"))
    gateway.run_dir = None
    peaks = []
    for number in (few, many):
        shutil.rmtree(lab.folder / "out", ignore_errors=True)
        gateway.tree_answers = [503]
        process = lab.start(*python(source.format(number=number)), by=by)
        peak = 0
        while process.poll() is None:
            text = Path(f"/proc/{process.pid}/status").read_text()
            found = [int(line.split()[1]) for line in text.splitlines() if "VmHWM" in line]
            peak = max([peak, *found])
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(0.02)
        assert lab.end(process).code == 0
        peaks.append(peak)

    assert len(gateway.trees) == 2
    assert peaks[1] - peaks[0] < 3 << 10
