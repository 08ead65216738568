"""The exit code of an error that nobody has expected."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path

import pytest
import torch
from report_stand_in import report_stand_in
from tiny_training import TinySession, write_blobs

from trainyard_api.contract import ExitCode
from trainyard_trainer import error_report


@pytest.mark.parametrize(
    ("error", "want"),
    [
        pytest.param(OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)), 74, id="full"),
        pytest.param(OSError(errno.EDQUOT, os.strerror(errno.EDQUOT)), 74, id="quota"),
        pytest.param(OSError(errno.EACCES, os.strerror(errno.EACCES)), 77, id="denied"),
        pytest.param(OSError(errno.EPERM, os.strerror(errno.EPERM)), 77, id="not permitted"),
        pytest.param(OSError(errno.EROFS, os.strerror(errno.EROFS)), 77, id="read-only"),
        pytest.param(OSError(errno.EIO, os.strerror(errno.EIO)), 1, id="a broken disk"),
        pytest.param(OSError("no number"), 1, id="an error without a number"),
        pytest.param(torch.OutOfMemoryError("CUDA out of memory."), 69, id="GPU memory"),
        pytest.param(RuntimeError("[gloo/transport/tcp/pair.cc:534] closed"), 71, id="gloo"),
        pytest.param(torch.distributed.DistBackendError("nccl"), 71, id="nccl"),
        pytest.param(RuntimeError("shapes do not match"), 1, id="any other"),
    ],
)
def test_the_code_names_the_cause(error: Exception, want: int) -> None:
    assert error_report.exit_code_of(error) == want


def test_a_lost_worker_does_not_talk_over_the_one_that_knows_why(tmp_path: Path) -> None:
    file = tmp_path / "termination"
    error_report.report_error(file, "BadData", "row 3 is bad", "correct it")
    error_report.report_crash(file, RuntimeError("[gloo] Connection closed by peer"))
    error_report.report_killed_process(file, ExitCode.BAD_DATA)

    assert json.loads(file.read_text())["message"] == "row 3 is bad"


def test_a_full_gpu_is_explained_with_a_hint(tmp_path: Path) -> None:
    file = tmp_path / "termination"
    error = torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
    error_report.report_crash(file, error)

    found = json.loads(file.read_text())
    assert found["reason"] == "OutOfMemoryError"
    assert found["message"] == "CUDA out of memory. Tried to allocate 2.00 GiB."
    assert "lower batchSize" in found["hint"]


def test_somebody_says_that_a_process_was_killed(tmp_path: Path) -> None:
    file = tmp_path / "termination"
    file.touch()
    error_report.report_killed_process(file, ExitCode.WORKER_LOST)

    assert "71" in json.loads(file.read_text())["message"]


@pytest.mark.parametrize(
    ("status", "want"),
    [
        pytest.param(403, ExitCode.ACCESS_DENIED, id="denied"),
        pytest.param(400, ExitCode.PROGRAM_ERROR, id="refused"),
        pytest.param(503, ExitCode.SUCCEEDED, id="away for a moment"),
    ],
)
def test_what_the_gateway_says_to_the_model_decides_the_end(
    tmp_path: Path, status: int, want: ExitCode
) -> None:
    write_blobs(tmp_path / "d" / "data.npz", samples=20)
    with report_stand_in() as gateway:
        gateway.model_answers = [status]
        config = {"task": "tabular-classification", "epochs": 1}
        tiny = TinySession(tmp_path, gateway.url, config)

        assert tiny.run_here() == want
        assert want is ExitCode.SUCCEEDED or str(status) in tiny.explanation()["message"]
