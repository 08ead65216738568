"""`trainyard models verify`: the model comes from the gateway, the dataset's file is here."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from command_line import CommandLine
from scripted_gateway import KEY, Answer, ScriptedGateway
from trained_models import save_model

CONFIG = {"task": "tabular-classification", "epochs": 2, "batchSize": 8}


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("d") / "d.csv"
    path.write_text("a,kind\n" + "".join(f"{i / 3:.3f},{'pq'[i % 2]}\n" for i in range(40)))
    return path


@pytest.fixture(scope="module")
def model(dataset: Path) -> bytes:
    return save_model(dataset.parent, dataset, "csv", CONFIG).read_bytes()


def test_a_model_is_measured_again(tmp_path: Path, dataset: Path, model: bytes) -> None:
    with ScriptedGateway() as gateway:
        digest = hashlib.sha256(model).hexdigest()
        headers = {"X-Content-SHA256": digest, "ETag": f'"{digest}"', "X-Model-Version": "3"}
        gateway.answers["GET", "/models/m"] = Answer(model, headers=headers)
        command = CommandLine(tmp_path / "home", gateway.url, KEY)
        sound = command.run("models", "verify", "m@3", "--dataset", str(dataset))
        assert sound.code == 0, sound
        assert "metrics.val/accuracy" in sound.out
        assert gateway.of("GET", "/models/m")[-1].query == {"version": ["3"]}

        other = tmp_path / "d.csv"
        other.write_text(dataset.read_text().replace("0.333,q", "0.334,q"))
        spoilt = command.run("models", "verify", "m", "--dataset", str(other))
        assert spoilt.code == 1, spoilt
        assert "DIFFERS" in spoilt.out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["m", "--dataset", "absent.csv"], "absent.csv is not a file"),
        (["m@zero", "--dataset", __file__], "a version is a number from 1"),
        (["m@0", "--dataset", __file__], "a version is a number from 1"),
    ],
    ids=["no file", "no number", "no version"],
)
def test_what_cannot_be_verified(tmp_path: Path, arguments: list[str], words: str) -> None:
    command = CommandLine(tmp_path / "home", "http://127.0.0.1:9", KEY)
    said = command.run("models", "verify", *arguments)

    assert said.code == 2
    assert words in said.err
