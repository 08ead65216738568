"""Odd data and odd configurations: a clear error with its exit code, or a model; never a trace of Python."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from report_stand_in import ReportStandIn
from tiny_training import TinySession

from trainyard_api.contract import ExitCode

CLASSIFY: dict[str, Any] = {"task": "tabular-classification"}
REGRESS: dict[str, Any] = {"task": "tabular-regression"}
IMAGES: dict[str, Any] = {"task": "image-classification"}
MANY = "".join(f"{i}.5,{i % 2}\n" for i in range(70))


def outcome(
    folder: Path, gateway: ReportStandIn, content: str | dict[str, Any], training: dict[str, Any]
) -> tuple[int, str]:
    """Exit code and termination message of a whole session on a CSV text or arrays."""
    kind = "csv" if isinstance(content, str) else "npz"
    path = folder / "d" / f"data.{kind}"
    path.parent.mkdir(exist_ok=True)
    if isinstance(content, str):
        path.write_text(content)
    else:
        np.savez(path, **content)
    config = {"epochs": 1, "validationSplit": 0, **training}
    tiny = TinySession(folder, gateway.url, config, f"d/data.{kind}", kind)
    code = tiny.run_here()
    return code, "" if code == 0 else tiny.explanation()["message"]


@pytest.mark.parametrize(
    ("content", "training"),
    [
        pytest.param({"x": [[1.0]], "y": [2.0]}, REGRESS, id="one sample"),
        pytest.param({"x": [[1.0]], "y": [2.0]}, {**REGRESS, "validationSplit": 0.5}, id="one sample and a split"),
        pytest.param("a,y\n1,0\n2,1\n", {**CLASSIFY, "batchSize": 64}, id="batch above the data"),
        pytest.param("a,b,y\n7,1,0\n7,2,1\n7,3,0\n", CLASSIFY, id="constant column"),
        pytest.param("a,b,y\n0.1,1,0\n0.1,2,1\n0.1,3,0\n", CLASSIFY, id="constant fraction"),
        pytest.param({"x": [[1.0], [2.0], [3.0]], "y": [5.0] * 3}, REGRESS, id="constant target"),
        pytest.param("a,b,y\n1,,0\n2,,1\n3,,0\n", CLASSIFY, id="empty column"),
        pytest.param("a,y\n1,0\nnan,1\n3,0\n", CLASSIFY, id="NaN in a feature counts as missing"),
        pytest.param({"x": [[1.0, np.nan], [2, 3]], "y": [0, 1]}, CLASSIFY, id="NaN in an array"),
        pytest.param({"x": [[1.0], [2.0]], "y": [[0], [1]]}, CLASSIFY, id="targets as a column"),
        pytest.param({"x": [[1.0], [2.0]], "y": ["a", "b"]}, CLASSIFY, id="texts as classes"),
        pytest.param({"x": [[1.0], [2.0]], "y": [[0, 1], [1, 0]]}, CLASSIFY, id="one-hot classes"),
        pytest.param({"x": np.zeros((9, 4, 4), np.uint8), "y": np.arange(9) % 2}, {**IMAGES, "batchSize": 8}, id="a lone image left over"),
        pytest.param({"x": np.zeros((4, 4, 4), np.uint8), "y": np.arange(4) % 2}, IMAGES, id="black images"),
    ],
)  # fmt: skip
def test_odd_data_that_can_be_learned_from(
    tmp_path: Path, gateway: ReportStandIn, content: str | dict[str, Any], training: dict[str, Any]
) -> None:
    assert outcome(tmp_path, gateway, content, training) == (ExitCode.SUCCEEDED, "")


@pytest.mark.parametrize(
    ("content", "training", "code", "words"),
    [
        pytest.param(
            "a,y\n1,0\n",
            CLASSIFY,
            ExitCode.BAD_DATA,
            "the file has 1 row",
            id="one sample of one class",
        ),
        pytest.param(
            "a,y\n1,0\n2,0\n",
            CLASSIFY,
            ExitCode.BAD_DATA,
            "'y': the target has the one value '0'",
            id="one class",
        ),
        pytest.param(
            "a,y\n1,nan\n2,nan\n", REGRESS, ExitCode.BAD_DATA, "'y'", id="no target at all"
        ),
        pytest.param(
            "a,y\n1,3\n2,x\n",
            REGRESS,
            ExitCode.BAD_DATA,
            "'y' holds 2 different texts, not numbers",
            id="text as target",
        ),
        pytest.param(
            "a,y\n1,3\ninf,4\n",
            REGRESS,
            ExitCode.BAD_DATA,
            "row 2 (line 3), column 'a': 'inf' is not finite",
            id="infinite",
        ),
        pytest.param(
            "a,y\n" + MANY + "oops,1\n",
            CLASSIFY,
            ExitCode.BAD_DATA,
            "'a'",
            id="a text among numbers",
        ),
        pytest.param(
            "a,y\n1,0\n2\n",
            CLASSIFY,
            ExitCode.BAD_DATA,
            "line 3: 1 values, but the header has 2 columns",
            id="short row",
        ),
        pytest.param(
            "a,a,y\n1,1,0\n2,2,1\n",
            CLASSIFY,
            ExitCode.BAD_DATA,
            "the column name 'a' occurs twice",
            id="two of one name",
        ),
        pytest.param(
            "a,y\n1,0\n2,1\n",
            {**CLASSIFY, "ignoreColumns": ["a"]},
            ExitCode.BAD_DATA,
            "no column can be a feature",
            id="all ignored",
        ),
        pytest.param(
            "a,y\n1,0\n2,1\n",
            {**CLASSIFY, "ignoreColumns": ["a"], "target": "y"},
            ExitCode.BAD_DATA,
            "no column can be a feature",
            id="all but the target ignored",
        ),
        pytest.param(
            {"x": [[[1.0, 2], [np.nan, 4]]] * 2, "y": [0, 1]},
            IMAGES,
            ExitCode.BAD_DATA,
            "row 1, array 'x', place [1, 0]: the value nan",
            id="NaN in an image",
        ),
        pytest.param(
            {"x": np.zeros((0, 3)), "y": np.zeros(0)},
            CLASSIFY,
            ExitCode.BAD_DATA,
            "nothing is in it",
            id="nothing is in it",
        ),
        pytest.param(
            {"x": np.zeros((2, 0)), "y": [0, 1]},
            CLASSIFY,
            ExitCode.BAD_DATA,
            "nothing is in it",
            id="no values",
        ),
        pytest.param(
            {"x": [[1.0], [2]], "y": [[0, 2], [1, 0]]},
            CLASSIFY,
            ExitCode.BAD_DATA,
            "one value a sample",
            id="two targets",
        ),
        pytest.param(
            {"x": [[1.0], [2]], "y": 3},
            CLASSIFY,
            ExitCode.BAD_DATA,
            "the target 'y' is a single value; give one for each sample",
            id="target of no axis",
        ),
        pytest.param(
            {"x": [[1.0], [2]], "y": [0, 1, 0]},
            CLASSIFY,
            ExitCode.BAD_DATA,
            "'x' has 2 samples and 'y' has 3",
            id="lengths differ",
        ),
        pytest.param(
            {"x": [["a"], ["b"]], "y": [0, 1]},
            CLASSIFY,
            ExitCode.BAD_DATA,
            "samples are numbers",
            id="texts in a matrix",
        ),
        pytest.param(
            {"a": [[1.0], [2]], "b": [[0, 1], [1, 0]]},
            CLASSIFY,
            ExitCode.BAD_CONFIGURATION,
            "so that none of 'a', 'b' is the target",
            id="no target",
        ),
        pytest.param(
            {"x": np.zeros((4, 4, 4), np.uint8), "y": np.arange(4) % 2},
            {**IMAGES, "batchSize": 1, "model": {"architecture": "resnet18"}},
            ExitCode.BAD_CONFIGURATION,
            "batch of 1 sample",
            id="normalising one pixel",
        ),
        pytest.param(
            {"x": [[1e6], [-1e6]] * 8, "y": [1e6, -1e6] * 8},
            {**REGRESS, "epochs": 99, "optimizer": "sgd", "learningRate": 10},
            ExitCode.DIVERGED,
            "the loss is",
            id="NaN loss",
        ),
        pytest.param(
            {"x": np.zeros((2, 3)), "y": [0, 1]},
            IMAGES,
            ExitCode.BAD_DATA,
            "cannot be images",
            id="rows that are no images",
        ),
        pytest.param(
            "hello",
            {"task": "language-modeling"},
            ExitCode.BAD_CONFIGURATION,
            "needs text or jsonl",
            id="language from CSV",
        ),
    ],
)
def test_odd_data_that_cannot(
    tmp_path: Path,
    gateway: ReportStandIn,
    content: str | dict[str, Any],
    training: dict[str, Any],
    code: ExitCode,
    words: str,
) -> None:
    ended, message = outcome(tmp_path, gateway, content, training)

    assert (ended, words in message) == (code, True), message
