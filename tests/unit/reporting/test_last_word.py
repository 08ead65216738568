"""What a program leaves in its pod when it ends, read by real processes' exits."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from report_stand_in import ReportStandIn

from trainyard.reporting.gateway_reporter import GatewayReporter
from trainyard.reporting.last_word import LastWord
from trainyard.reporting.transport import GatewayTransport


def a_run(folder: Path, url: str, rank: int = 0) -> GatewayReporter:
    token = folder / "token"
    token.write_text("token\n")
    word = None if rank else LastWord(folder / "termination-log")
    (folder / "termination-log").touch()
    transport = GatewayTransport(url, token, timeout=5)
    return GatewayReporter(transport, folder / "spool", "uid", 1, rank, last_word=word)


def end_in(folder: Path) -> dict[str, Any]:
    written = (folder / "termination-log").read_text()
    return dict(json.loads(written)["end"]) if written else {}


STEPS = [
    pytest.param([1, 2, 3], 1, id="every step"),
    pytest.param([0, 10, 20], 10, id="every tenth step"),
    pytest.param([10, 20, 23], 3, id="the last one out of turn"),
    pytest.param([0, 500], 1, id="one jump says nothing"),
    pytest.param([7], 1, id="one report"),
    pytest.param([5, 5, 4], 1, id="no way forward"),
]


@pytest.mark.parametrize(("steps", "stride"), STEPS)
def test_the_end_says_how_far_it_came(
    tmp_path: Path, gateway: ReportStandIn, steps: list[int], stride: int
) -> None:
    run = a_run(tmp_path, gateway.url)
    run.goal(total_steps=1000, epochs=4)
    for step in steps:
        run.progress(step, epoch=2)
    run.finish(timeout=20)

    assert end_in(tmp_path) == {
        "step": steps[-1],
        "totalSteps": 1000,
        "epoch": 2,
        "epochs": 4,
        "stride": stride,
    }


def test_a_lowered_goal_is_the_goal(tmp_path: Path, gateway: ReportStandIn) -> None:
    run = a_run(tmp_path, gateway.url)
    run.goal(total_steps=1000)
    run.progress(16)
    run.goal(total_steps=16)
    run.finish(timeout=20)

    assert end_in(tmp_path)["totalSteps"] == 16
    beat = [b["heartbeat"] for b in gateway.batches.values() if b.get("heartbeat")][-1]
    assert (beat["step"], beat["totalSteps"]) == (16, 16)


def test_the_end_needs_no_gateway(tmp_path: Path) -> None:
    run = a_run(tmp_path, "http://127.0.0.1:9")
    run.progress(16)
    assert not run.finish(timeout=0.2)
    assert end_in(tmp_path)["step"] == 16


def test_an_error_of_the_program_stays(tmp_path: Path, gateway: ReportStandIn) -> None:
    run = a_run(tmp_path, gateway.url)
    (tmp_path / "termination-log").write_text("the program's own")
    run.progress(1)
    run.finish(timeout=20)
    assert (tmp_path / "termination-log").read_text() == "the program's own"


def test_only_the_first_worker_speaks(tmp_path: Path, gateway: ReportStandIn) -> None:
    run = a_run(tmp_path, gateway.url, rank=1)
    run.progress(1)
    run.finish(timeout=20)
    assert end_in(tmp_path) == {}


def test_outside_a_pod_nothing_is_written(tmp_path: Path) -> None:
    word = LastWord(tmp_path / "termination-log")
    word.leave({"step": 1})
    assert not (tmp_path / "termination-log").exists()


END = {"step": 16, "totalSteps": 1000, "stride": 1}
EXITS = [
    pytest.param("run.progress(16)", END, id="no finish"),
    pytest.param("run.progress(16); sys.exit(0)", END, id="exit 0"),
    pytest.param("run.progress(16); raise ValueError('x')", END, id="a crash"),
    pytest.param("run.progress(16); run.finish(0.1); raise ValueError('x')", END, id="a crash after finish"),
    pytest.param("pass", {}, id="no progress"),
]  # fmt: skip


@pytest.mark.parametrize(("program", "end"), EXITS)
def test_a_program_that_ends_in_any_way(tmp_path: Path, program: str, end: dict[str, int]) -> None:
    """After a crash, too: a program that made steps is tried again."""
    (tmp_path / "termination-log").touch()
    run = {"uid": "uid", "attempt": 1, "outputModel": "m"}
    lines = [
        "import pathlib, sys",
        "from trainyard_api import contract",
        f"contract.TERMINATION_MESSAGE_FILE = {str(tmp_path / 'termination-log')!r}",
        "from trainyard import reporting",
        f"run = reporting.init(total_steps=1000, run_dir=pathlib.Path({str(tmp_path)!r}))",
        program,
    ]
    subprocess.run(
        [sys.executable, "-c", "\n".join(lines)],
        env={"TRAINYARD_RUN": json.dumps(run), "TRAINYARD_GATEWAY_URL": "http://127.0.0.1:9"},
        check=False,
        timeout=60,
    )
    assert end_in(tmp_path) == end
