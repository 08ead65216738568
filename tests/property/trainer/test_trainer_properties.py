"""The plan's properties of training, by their numbers: tiny real trainings that report over HTTP."""

from __future__ import annotations

import io
import tempfile
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from report_stand_in import ReportStandIn
from tiny_training import TinySession, write_blobs

from trainyard_api import contract
from trainyard_api.contract import ExitCode
from trainyard_trainer.inference.generate import Sampling
from trainyard_trainer.inference.predict import Predictor

CONFIGS = st.fixed_dictionaries(
    {
        "task": st.just("tabular-classification"),
        "epochs": st.integers(1, 2),
        "batchSize": st.integers(1, 80),
        "optimizer": st.sampled_from(["adam", "adamw", "sgd", "rmsprop"]),
        "learningRate": st.floats(1e-4, 1e-2),
        "validationSplit": st.sampled_from([0, 0.2, 0.5]),
        "seed": st.integers(0, 2**32 - 1),
        "precision": st.sampled_from(["fp32", "bf16"]),
        "model": st.fixed_dictionaries(
            {
                "architecture": st.just("mlp"),
                "parameters": st.fixed_dictionaries(
                    {
                        "hiddenSizes": st.lists(st.integers(1, 8), min_size=1, max_size=2),
                        "activation": st.sampled_from(["relu", "gelu", "tanh", "silu"]),
                    }
                ),
            }
        ),
    },
    optional={"gradientClip": st.floats(0.1, 10)},
)


@given(config=CONFIGS)
def test_property_04_completed_session_saves_model(
    gateway: ReportStandIn, config: dict[str, Any]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        data = write_blobs(Path(folder) / "d" / "data.npz", samples=20)
        tiny = TinySession(Path(folder), gateway.url, config)

        assert tiny.run_here() == ExitCode.SUCCEEDED

        predictor = Predictor.load(tiny.run_dir / contract.OUTPUT)
        predictions, truth = predictor.predict_file(data, Sampling())
        assert len(predictions) == len(truth or ()) == 20
        assert gateway.models[-1]["name"] == "tiny"
        assert predictor.card["training"]["seed"] == config["seed"]


FAILURES = st.sampled_from(
    [
        ("a,y\n1,0\nx,1\n2,0\n3,1\n", {}, ExitCode.SUCCEEDED, ""),
        ("a,y\n1,0\n2,0\n", {}, ExitCode.BAD_DATA, "one value"),
        ("a,y\n1,\n2,1\n", {}, ExitCode.BAD_DATA, "column 'y': the target has the one value '1'"),
        ("a,y\n1,0\n2,1\n", {"target": "z"}, ExitCode.BAD_CONFIGURATION, "there is no column 'z'"),
        ("a,y\n1,0\n2,1\n", {"ignoreColumns": ["b"]}, ExitCode.BAD_CONFIGURATION, "there is no column 'b'"),
        ("a,y\n1,0\n2,1\n", {"precision": "fp16"}, ExitCode.BAD_CONFIGURATION, "fp16"),
        ("a,y\ninf,0\n2,1\n", {}, ExitCode.BAD_DATA, "is not finite"),
        ("", {}, ExitCode.BAD_DATA, "is empty"),
        (None, {}, ExitCode.DATASET_MISSING, "not on the volume"),
        ("a,y\n1,1e30\n2,-1e30\n", {"task": "tabular-regression", "learningRate": 10, "optimizer": "sgd",
          "epochs": 200, "validationSplit": 0, "model": {"architecture": "mlp", "parameters": {"hiddenSizes": [4] * 4}}},
         None, ""),
    ]
)  # fmt: skip


@given(failure=FAILURES)
def test_property_05_failed_session_logs_error(
    gateway: ReportStandIn, failure: tuple[str | None, dict[str, Any], int | None, str]
) -> None:
    content, training, code, words = failure
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "d" / "data.csv"
        path.parent.mkdir()
        if content is not None:
            path.write_text(content)
        config = {"task": "tabular-classification", "epochs": 1, "validationSplit": 0, **training}
        tiny = TinySession(Path(folder), gateway.url, config, "d/data.csv", "csv")

        # The supervisor reports what is printed.
        with redirect_stdout(io.StringIO()) as out, redirect_stderr(out):
            ended = tiny.run_here()

        if code is not None:
            assert ended == code
        if ended != ExitCode.SUCCEEDED:
            message = tiny.explanation()
            assert words in message["message"]
            assert message["message"] in out.getvalue()


@pytest.mark.parametrize("samples", [2, 3])
def test_batches_larger_than_the_data(gateway: ReportStandIn, tmp_path: Path, samples: int) -> None:
    path = tmp_path / "d" / "data.npz"
    path.parent.mkdir()
    np.savez(path, x=np.arange(samples * 2.0).reshape(samples, 2), y=np.arange(samples) % 2)
    config = {"task": "tabular-classification", "epochs": 1, "batchSize": 64, "validationSplit": 0}

    assert TinySession(tmp_path, gateway.url, config).run_here() == ExitCode.SUCCEEDED
