"""`predict` with models that were trained here: pictures in archives, prompts, and inputs that do not fit."""

from __future__ import annotations

import io
import json
import zipfile
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from trained_models import save_model

from trainyard_trainer.__main__ import main
from trainyard_trainer.exit_codes import ExitCode


def predict(model: Path, given: Path, *more: str) -> tuple[int, list[Any], str]:
    """Exit code, predictions, and what was said beside them."""
    printed, said = io.StringIO(), io.StringIO()
    with redirect_stdout(printed), redirect_stderr(said):
        code = main(["predict", f"--model={model}", f"--input={given}", *more])
    lines = [json.loads(line)["prediction"] for line in printed.getvalue().splitlines()]
    return code, lines, said.getvalue()


def archive(path: Path, pictures: dict[str, Image.Image]) -> Path:
    with zipfile.ZipFile(path, "w") as out:
        for name, picture in pictures.items():
            content = io.BytesIO()
            picture.save(content, "PNG")
            out.writestr(name, content.getvalue())
    return path


@pytest.fixture(scope="module")
def shades(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that tells dark pictures from light ones, 8 × 8 and grey."""
    folder = tmp_path_factory.mktemp("shades")
    pictures = {
        f"{name}/{i}.png": Image.new("L", (8, 8), value + i)
        for name, value in (("dark", 0), ("light", 200))
        for i in range(12)
    }
    training = {
        "task": "image-classification",
        "epochs": 12,
        "batchSize": 8,
        "learningRate": 0.01,
        "model": {"architecture": "mlp"},
    }
    return save_model(folder, archive(folder / "data.zip", pictures), "images", training)


def test_pictures_of_another_size_and_colour_are_made_to_fit(shades: Path, tmp_path: Path) -> None:
    given = archive(
        tmp_path / "new.zip",
        {
            "light/a.png": Image.new("RGB", (20, 11), (250, 240, 245)),
            "dark/b.png": Image.new("L", (64, 64), 5),
        },
    )

    code, predictions, said = predict(shades, given)

    assert code == 0, said
    assert predictions == ["dark", "light"]
    assert json.loads(said) == {"samples": 2, "accuracy": 1.0}


@pytest.fixture(scope="module")
def letters(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A language model of `abcd` over and over."""
    folder = tmp_path_factory.mktemp("letters")
    path = folder / "text.txt"
    path.write_text("abcd" * 400)
    sizes = {"layers": 1, "heads": 2, "embeddingSize": 16, "contextLength": 16}
    training = {
        "task": "language-modeling",
        "epochs": 12,
        "batchSize": 8,
        "learningRate": 0.01,
        "model": {"architecture": "transformer", "parameters": sizes},
    }
    return save_model(folder, path, "text", training)


def test_a_prompt_is_continued_beyond_the_context(letters: Path, tmp_path: Path) -> None:
    (tmp_path / "p.txt").write_text("abcda")

    code, predictions, said = predict(letters, tmp_path / "p.txt", "--tokens=40")

    assert code == 0, said
    assert predictions == ["bcda" * 10]


def test_every_json_line_is_a_prompt_and_draws_repeat_with_their_seed(
    letters: Path, tmp_path: Path
) -> None:
    (tmp_path / "p.jsonl").write_text('{"text": "ab"}\n\n{"text": "dab"}\n')
    more = ("--tokens=30", "--temperature=30", "--seed=7")

    first = predict(letters, tmp_path / "p.jsonl", *more)
    again = predict(letters, tmp_path / "p.jsonl", *more)
    other = predict(letters, tmp_path / "p.jsonl", *more[:2], "--seed=8")

    assert first == again
    assert [len(text) for text in first[1]] == [30, 30]
    assert other[1] != first[1]


@pytest.mark.parametrize(
    ("model", "name", "content", "words"),
    [
        ("letters", "p.txt", b"abxd", "byte 2 of the prompt ('x') does not occur"),
        ("letters", "p.txt", b"", "the prompt is empty"),
        ("letters", "p.csv", b"a,b\n1,2\n", "this model takes files that end in .jsonl, .txt"),
        ("shades", "p.txt", b"abc", "this model takes files that end in .npz, .npy, .zip"),
        ("shades", "p.zip", b"no archive", "is no image"),
    ],
    ids=["unknown byte", "empty", "table to text model", "text to image model", "broken archive"],
)
def test_inputs_that_do_not_fit(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    model: str,
    name: str,
    content: bytes,
    words: str,
) -> None:
    (tmp_path / name).write_bytes(content)

    code, predictions, said = predict(request.getfixturevalue(model), tmp_path / name)

    assert (code, predictions) == (ExitCode.BAD_DATA, [])
    assert words in said


def test_the_card_names_what_the_result_depends_on(shades: Path) -> None:
    card = json.loads((shades.parent / "model_card.json").read_text())

    assert {"python", "torch", "numpy", "pyarrow", "safetensors"} <= set(card["versions"])
    assert card["versions"]["torch"] == torch.__version__
