"""`trainyard models verify`: the model comes from the gateway, the dataset from there or from here."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from client_lab import safetensors
from command_line import CommandLine
from gateway_lab import GatewayLab
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


@pytest.mark.integration
def test_the_dataset_that_the_card_names_is_fetched(
    tmp_path: Path, lab: GatewayLab, dataset: Path, model: bytes
) -> None:
    cli = CommandLine(tmp_path / "home", lab.url, lab.key)
    (tmp_path / "m.safetensors").write_bytes(model)
    with lab.client() as gateway:
        gateway.upload_dataset("d", dataset)
        gateway.upload_model("m", tmp_path / "m.safetensors")
        gateway.upload_model("bare", safetensors(tmp_path / "bare.safetensors"))
    sound = cli.run("models", "verify", "m")
    bare = cli.run("models", "verify", "bare")
    absent = cli.run("models", "verify", "m@2")

    other = tmp_path / "d.csv"
    other.write_text(dataset.read_text().replace("0.333,q", "0.334,q"))
    cli.ok("datasets", "rm", "d")
    gone = cli.run("models", "verify", "m")
    cli.ok("datasets", "put", str(other))
    replaced = cli.run("models", "verify", "m@1")
    here = cli.run("models", "verify", "m", "--dataset", str(dataset))

    assert sound.code == 0, sound
    assert "DIFFERS" not in sound.out
    assert "metrics.val/accuracy" in sound.out
    assert (bare.code, absent.code, gone.code, replaced.code, here.code) == (2, 5, 5, 6, 0)
    assert "the card of 'bare' names no dataset; give the file" in bare.err
    assert "'d' that the model learned is not there any more; give its file" in gone.err
    assert "'d' was replaced after the model learned it: its sha256 begins with" in replaced.err
    digest = hashlib.sha256(dataset.read_bytes()).hexdigest()
    assert f"the card names {digest[:12]}" in replaced.err


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
