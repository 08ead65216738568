"""Outputs on a volume that is full: nothing half, and the next attempt delivers them without running again."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from report_stand_in import ReportStandIn, report_stand_in
from small_volume import small_volume
from supervisor_lab import Ended, SupervisorLab, python

from trainyard_api import contract
from trainyard_api.contract import ExitCode

FILLS = """
import os
os.mkdir('out')
for n in range({files}): open(f'out/{{n}}', 'w')
open(os.environ['RUNS'], 'a').write('x')
with open('ballast', 'wb', buffering=0) as file:
    try:
        while True: file.write(bytes(4096))
    except OSError:
        print('full', flush=True)
"""


@pytest.fixture
def gateway() -> Iterator[ReportStandIn]:
    with report_stand_in() as state:
        yield state


@pytest.fixture
def lab(tmp_path: Path, gateway: ReportStandIn) -> Iterator[SupervisorLab]:
    """Its run folder is a volume of 1 MiB."""
    with small_volume(tmp_path / "volume", 1 << 20) as volume:
        gateway.run_dir = volume
        lab = SupervisorLab(volume, gateway)
        lab.message_file = tmp_path / "termination-log"
        lab.message_file.touch()
        lab.environment["RUNS"] = str(tmp_path / "runs")
        yield lab


def attempt(lab: SupervisorLab, number: int, source: str, **more: Any) -> Ended:
    lab.message_file.write_text("")
    run = {"uid": "uid", "attempt": number, "outputs": [{"path": "out", "name": "mine"}], **more}
    return lab.run(*python(source), environment={contract.ENV_RUN: json.dumps(run)})


def left(lab: SupervisorLab) -> list[str]:
    place = lab.folder / contract.ARTIFACTS
    return sorted(p.name for p in place.iterdir()) if place.exists() else []


def test_the_next_attempt_delivers_them_and_runs_nothing(
    lab: SupervisorLab, gateway: ReportStandIn, tmp_path: Path
) -> None:
    first = attempt(lab, 1, FILLS.format(files=1000))
    second = attempt(lab, 2, FILLS.format(files=1000))
    half = left(lab)
    (lab.folder / "ballast").unlink()
    third = attempt(lab, 3, FILLS.format(files=1000))

    assert (first.code, second.code) == (ExitCode.VOLUME_FULL, ExitCode.VOLUME_FULL), first.err
    for ended in (first, second):
        assert (ended.message["reason"], ended.message["programExit"]) == ("VolumeFull", 0)
        assert "the data volume is full: 'mine' cannot be registered" in ended.message["message"]
        assert b"'mine' (out) is not registered: the data volume is full" in ended.err
    assert [name for name in half if name != ".lock"] == []
    assert (third.code, (tmp_path / "runs").read_text()) == (0, "x")
    assert [(t["attempt"], t["files"]) for t in gateway.trees] == [(3, 1000)]
    assert left(lab) == []


def test_a_small_output_of_a_program_that_filled_the_volume_is_delivered(
    lab: SupervisorLab, gateway: ReportStandIn
) -> None:
    """The space that is kept for the record of the end suffices for it."""
    ended = attempt(lab, 1, FILLS.format(files=3))

    assert b"full" in ended.out
    assert (ended.code, len(gateway.trees)) == (0, 1), ended.err


def test_if_the_programs_end_cannot_be_kept_it_is_said_and_no_failure(
    lab: SupervisorLab, gateway: ReportStandIn
) -> None:
    """A retry would run the program again."""
    spoils = "import shutil; shutil.rmtree('.trainyard/ended'); open('.trainyard/ended', 'w')\n"
    # Enough for the lines of the log, and not for the list of the files.
    leaves = "\nos.truncate('ballast', os.path.getsize('ballast') - (32 << 10))"
    ended = attempt(lab, 1, spoils + FILLS.format(files=1000) + leaves)

    assert (ended.code, gateway.trees) == (0, []), ended.err
    assert b"cannot be written to the run folder" in ended.err
    assert b"'mine' (out) is not registered: the data volume is full" in ended.err


def test_a_file_beyond_a_limit_of_the_pod_is_said_and_the_others_are_delivered(
    lab: SupervisorLab, gateway: ReportStandIn
) -> None:
    """Files are copied where other workers may still write; a copy may be too large."""
    (lab.folder / "out").mkdir()
    (lab.folder / "out" / "large").write_bytes(b"x" * (400 << 10))
    (lab.folder / "small").write_text("small")
    outputs = [{"path": "out", "name": "mine"}, {"path": "small", "name": "small"}]
    run = {"uid": "uid", "attempt": 1, "workers": 2, "outputs": outputs}
    limited = ("prlimit", f"--fsize={200 << 10}", sys.executable, "-m", "trainyard_supervisor")
    ended = lab.run(
        *python("pass"),
        by=limited,
        environment={contract.ENV_RUN: json.dumps(run)},
    )

    assert ended.code == 0, ended.err
    assert b"'mine' (out) is not registered: a file of it is larger than" in ended.err
    assert [t["name"] for t in gateway.trees] == ["small"]
    assert left(lab) == []
