"""Reporting needs the standard library only, and knows the names of earlier versions."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from report_stand_in import report_stand_in

from trainyard import reporting
from trainyard.reporting import sender
from trainyard.reporting.sender import encoded
from trainyard_api import contract

PROGRAM = """\
import sys
from pathlib import Path


class OnlyTheStandardLibrary:
    def find_spec(self, name, path=None, target=None):
        top = name.partition(".")[0]
        if top not in sys.stdlib_module_names and top not in ("trainyard", "trainyard_api"):
            raise ModuleNotFoundError(f"{name} is not in the standard library", name=name)
        return None


sys.meta_path.insert(0, OnlyTheStandardLibrary())
import trainyard

session = trainyard.init(total_steps=2, run_dir=Path(sys.argv[1]))
trainyard.log({"loss": float("nan")}, step=1)
trainyard.log({"loss": 0.5}, step=2, epoch=1)
session.line("info", "a line \\ud800")
trainyard.checkpoint("step-2", 2)
sys.exit(0 if trainyard.finish(20) else 1)
"""


def test_a_session_reports_with_nothing_but_the_standard_library(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("token")
    described = {"uid": "uid", "attempt": 1, "outputModel": "m"}
    with report_stand_in() as gateway:
        environment = {
            **os.environ,
            contract.ENV_RUN: json.dumps(described),
            contract.ENV_GATEWAY_URL: gateway.url,
            contract.ENV_TOKEN_FILE: str(tmp_path / "token"),
            "PYTHONIOENCODING": "utf-8:surrogatepass",
        }
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM, str(tmp_path)],
            env=environment,
            capture_output=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr

        assert gateway.rows() == [(1, "loss", "NaN"), (2, "loss", 0.5)]
        assert gateway.lines() == ["a line \ud800"]


def test_both_encoders_write_the_same_batch() -> None:
    body: Any = sender.make_batch(
        [("metrics", 1.5, (1, None, {"loss": 0.1})), ("logs", 2.0, ("info", "ä", 0))]
    )

    assert json.loads(encoded(body, quick=None)) == json.loads(encoded(body))


@pytest.mark.parametrize(
    ("old", "new"),
    [("Run", "SessionReporter"), ("ReportingRun", "GatewayReporter"), ("QuietRun", "NoOpReporter")],
)
def test_an_old_name_is_deprecated_and_the_same(old: str, new: str) -> None:
    with pytest.warns(DeprecationWarning, match=f"{old} is now called {new}"):
        found = getattr(reporting, old)

    assert found is getattr(reporting, new)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Rum'"):
        _ = reporting.Rum
