"""A program runs with the packages of its session, which stay as long as it lives."""

from __future__ import annotations

import fcntl
import json
import os
from pathlib import Path

import pytest
from poll import eventually
from report_stand_in import report_stand_in
from supervisor_lab import SupervisorLab, python

from trainyard_api import contract
from trainyard_api.contract import ExitCode

SAYS = "import os; print(os.environ['PATH'].split(':')[0], os.environ['VIRTUAL_ENV'])"
BAR = "import sys\nfor i in range(4): print(f'step {i + 1}/4', flush=True)"


@pytest.fixture
def packages(tmp_path: Path) -> Path:
    folder = tmp_path / "environment"
    (folder / "bin").mkdir(parents=True)
    (folder / "environment.json").write_text("{}")
    tool = folder / "bin" / "tool"
    tool.write_text("#!/bin/sh\necho the tool of the packages\n")
    tool.chmod(0o755)
    return folder


def lab_of(folder: Path, packages: Path) -> SupervisorLab:
    lab = SupervisorLab(folder)
    lab.environment[contract.ENV_ENVIRONMENT_DIR] = str(packages)
    return lab


def test_programs_of_the_packages_come_first(tmp_path: Path, packages: Path) -> None:
    lab = lab_of(tmp_path, packages)

    assert lab.run("tool").out == b"the tool of the packages\n"
    assert lab.run(*python(SAYS)).out.decode() == f"{packages}/bin {packages}\n"


def test_the_packages_are_held_until_the_program_has_ended(tmp_path: Path, packages: Path) -> None:
    lab = lab_of(tmp_path, packages)

    def free() -> bool:
        with (packages / "environment.json").open("r+") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
            return True

    program = (*python("import time; print('runs', flush=True); time.sleep(60)"),)
    process = lab.start(*program)
    assert process.stdout is not None
    assert process.stdout.readline() == b"runs\n"
    assert not free()
    process.terminate()
    lab.end(process)
    eventually(free, within=60, what="the lock's end")


def missing(packages: Path) -> None:
    (packages / "environment.json").unlink()


def removed(packages: Path) -> None:
    packages.rename(packages.with_name("gone"))


def being_removed(packages: Path) -> None:
    handle = os.open(packages / "environment.json", os.O_RDWR)
    fcntl.flock(handle, fcntl.LOCK_EX)


@pytest.mark.parametrize("spoil", [missing, removed, being_removed])
def test_packages_that_are_gone_are_a_reason_and_no_start(
    tmp_path: Path, packages: Path, spoil: object
) -> None:
    lab = lab_of(tmp_path, packages)
    spoil(packages)  # type: ignore[operator]  # one of the three

    ended = lab.run("tool")

    assert (ended.code, ended.out) == (ExitCode.BAD_CONFIGURATION, b"")
    assert ended.message["reason"] == "EnvironmentGone"


def test_progress_can_be_off(tmp_path: Path) -> None:
    with report_stand_in() as gateway:
        lab = SupervisorLab(tmp_path, gateway)
        on = lab.run(*python(BAR))
        lab.environment[contract.ENV_PROGRESS] = "off"
        (tmp_path / "termination-log").write_text("")
        off = lab.run(*python(BAR))

    assert on.message["end"]["step"] == 4
    assert (off.code, off.message) == (0, {})


def test_what_a_builder_leaves_stays(tmp_path: Path) -> None:
    lab = SupervisorLab(tmp_path)
    lab.environment[contract.ENV_PROGRESS] = "off"
    said = {"environment": {"lock": "0" * 64, "packages": 1, "bytes": 2, "reused": False}}
    program = f"open({str(lab.message_file)!r}, 'w').write({json.dumps(said)!r})"

    assert lab.run(*python(program)).message == said


def test_a_progress_that_is_neither_on_nor_off_is_refused(tmp_path: Path) -> None:
    lab = SupervisorLab(tmp_path)
    lab.environment[contract.ENV_PROGRESS] = "maybe"

    ended = lab.run("true")

    assert ended.code == ExitCode.BAD_CONFIGURATION
    assert "TRAINYARD_PROGRESS is 'maybe'" in ended.message["message"]
