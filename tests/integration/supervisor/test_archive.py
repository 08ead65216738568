"""The supervisor as one file, by other Pythons than that of the tests."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from interpreters import interpreter
from report_stand_in import report_stand_in
from supervisor_lab import SupervisorLab

from trainyard_supervisor.install import install

FLOOR = "3.9"
VERSIONS = [(3, minor) for minor in range(9, 15)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("trainyard")
    install(place)
    return place


REPORTS = """
import trainyard
session = trainyard.init(total_steps=1, run_dir=__import__("pathlib").Path("."))
print("printed", flush=True)
session.log({"loss": 0.5}, step=1)
assert session.finish(20)
"""


@pytest.mark.parametrize("version", VERSIONS, ids=lambda v: f"{v[0]}.{v[1]}")
def test_any_python_from_3_9_on_supervises_and_reports(
    tmp_path: Path, folder: Path, version: tuple[int, int]
) -> None:
    program = interpreter(version)
    with report_stand_in() as gateway:
        lab = SupervisorLab(tmp_path, gateway)
        by = (program, "-I", "-S", str(folder / "supervisor.pyz"))
        ended = lab.run(program, "-S", "-c", REPORTS, by=by)

    assert (ended.code, ended.err) == (0, b"")
    assert ended.out == b"printed\n"
    assert gateway.lines() == ["printed"]
    assert gateway.rows() == [(1, "loss", 0.5)]


def test_the_code_needs_no_more_than_the_floor(tmp_path: Path, folder: Path) -> None:
    """Also on a machine that has no such Python."""
    with zipfile.ZipFile(folder / "supervisor.pyz") as archive:
        archive.extractall(tmp_path)
    shutil.copytree(folder / "lib", tmp_path / "lib")
    checked = subprocess.run(
        [
            Path(sys.executable).with_name("vermin"),
            f"-t={FLOOR}-",
            "--no-tips",
            "--violations",
            str(tmp_path),
        ],
        capture_output=True,
        text=True,
    )

    assert checked.returncode == 0, checked.stdout


def test_the_archive_reports_by_the_library_that_programs_import(folder: Path) -> None:
    """All but the packages' own modules, which would import what the supervisor does not need."""
    with zipfile.ZipFile(folder / "supervisor.pyz") as archive:
        shared = {
            name: archive.read(name)
            for name in archive.namelist()
            if name.startswith("trainyard/")
            and name.endswith(".py")
            and not name.endswith("__init__.py")
        }

    assert "trainyard/reporting/sender.py" in shared
    assert {name: (folder / "lib" / name).read_bytes() for name in shared} == shared


def test_the_library_hides_nothing_of_a_client_that_is_installed(
    tmp_path: Path, folder: Path
) -> None:
    for package in ("trainyard", "trainyard_api"):
        (tmp_path / package).mkdir()
        (tmp_path / package / "__init__.py").touch()
        (tmp_path / package / "rest.py").write_text("FOUND = True")
    program = (
        "import sys; sys.path.append(sys.argv[1])\n"
        "import trainyard.rest, trainyard_api.rest, trainyard.reporting\n"
        "print(trainyard.reporting.__file__)"
    )
    done = subprocess.run(
        [sys.executable, "-S", "-c", program, str(tmp_path)],
        env={"PYTHONPATH": str(folder / "lib")},
        capture_output=True,
        text=True,
    )

    assert done.stdout.startswith(str(folder / "lib")), done.stderr


def test_an_older_python_is_refused_in_a_sentence(folder: Path, tmp_path: Path) -> None:
    program = interpreter((3, 8))
    done = subprocess.run(
        [program, "-I", "-S", str(folder / "supervisor.pyz"), "--", "true"], capture_output=True
    )

    assert done.returncode == 64
    assert b"the supervisor needs Python 3.9 or newer" in done.stderr


def test_installing_again_replaces_what_was_there(tmp_path: Path) -> None:
    install(tmp_path)
    (tmp_path / "lib" / "trainyard" / "stale.py").write_text("raise SystemExit")
    install(tmp_path)

    assert not (tmp_path / "lib" / "trainyard" / "stale.py").exists()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["lib", "supervisor.pyz"]


def test_nothing_loads_the_library_of_hashes_while_a_program_runs(
    tmp_path: Path, folder: Path
) -> None:
    """It would take four megabytes of twenty; only code and outputs need it."""
    with report_stand_in() as gateway:
        lab = SupervisorLab(tmp_path, gateway)
        by = (sys.executable, "-I", "-S", str(folder / "supervisor.pyz"))
        ended = lab.run("sh", "-c", "grep -c -e _hashlib -e libcrypto /proc/$PPID/maps", by=by)

    assert ended.out == b"0\n"
