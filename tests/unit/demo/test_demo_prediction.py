"""The pod that tries the downloaded model: what it is made of, and what it refuses."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from trainyard_demo import prediction
from trainyard_demo.installation import DemoError, Tools


def test_the_config_map_holds_the_files_that_the_pod_reads() -> None:
    contents = {"m.safetensors": b"\x00\xff", "digits.npz": b"PK"}

    config, pod = prediction.manifest(
        "predict-1", "trainyard/trainer:7", contents, "m.safetensors", "digits.npz"
    )["items"]

    assert {k: base64.b64decode(v) for k, v in config["binaryData"].items()} == contents
    assert pod["spec"]["volumes"] == [{"name": "input", "configMap": {"name": "predict-1"}}]
    (container,) = pod["spec"]["containers"]
    assert container["image"] == "trainyard/trainer:7"
    assert container["args"] == [
        "predict",
        "--model=/input/m.safetensors",
        "--input=/input/digits.npz",
        "--output=/dev/null",
    ]


def test_files_that_no_config_map_holds_are_refused_before_anything_is_created(
    tmp_path: Path,
) -> None:
    model, samples = tmp_path / "model.safetensors", tmp_path / "digits.npz"
    model.write_bytes(b"0" * 600_000)
    samples.write_bytes(b"0" * 600_000)
    nothing = Tools("/does/not/exist", "/does/not/exist", tmp_path)

    with pytest.raises(DemoError, match="1,200,000 bytes, more than a ConfigMap holds"):
        prediction.predict(nothing, "default", "image", model, samples)
