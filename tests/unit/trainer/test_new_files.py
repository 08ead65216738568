"""`predict` reads a new file as the training data was read, and refuses what the model cannot mean."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from trained_models import save_model

from trainyard_trainer.__main__ import main


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def trained(folder: Path, path: Path, kind: str, **training: Any) -> Path:
    config = {"task": "tabular-classification", "epochs": 25, "batchSize": 8, "learningRate": 0.05}
    with redirect_stdout(io.StringIO()):
        return save_model(folder, path, kind, {**config, **training})


def predict(model: Path, given: Path) -> tuple[int, list[Any], str]:
    """Exit code, predictions, and what is said beside them."""
    printed, said = io.StringIO(), io.StringIO()
    with redirect_stdout(printed), redirect_stderr(said):
        code = main(["predict", f"--model={model}", f"--input={given}"])
    lines = [json.loads(line)["prediction"] for line in printed.getvalue().splitlines()]
    return code, lines, said.getvalue()


@pytest.mark.parametrize(
    "values",
    [("01", "02", "A1"), ("true", "false", "unknown"), ("1.50", "2.00", "XL")],
    ids=["codes", "booleans", "decimals"],
)
def test_a_category_means_the_same_beside_all_others(
    tmp_path: Path, values: tuple[str, str, str]
) -> None:
    kinds = dict(zip(values, ("p", "q", "r"), strict=True))
    rows = [(values[i % 3], i % 5 / 4) for i in range(60)]
    path = tmp_path / "d.csv"
    path.write_text("v,a,kind\n" + "".join(f"{v},{a},{kinds[v]}\n" for v, a in rows))
    model = trained(tmp_path, path, "csv")
    given = tmp_path / "g.csv"
    for chosen in (values, values[:2], values[:1]):
        given.write_text("v,a\n" + "".join(f"{v},0.5\n" for v in chosen))
        assert predict(model, given) == (0, [kinds[v] for v in chosen], "")


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("table")
    rows = "".join(f"{i % 7},{i % 5},{'pq'[(i % 7) > 3]}\n" for i in range(60))
    (folder / "d.csv").write_text("a,b,kind\n" + rows)
    return trained(folder, folder / "d.csv", "csv")


@pytest.mark.parametrize(
    ("name", "content", "found"),
    [
        ("g.csv", "a,b,seen\n6,2,2024-01-01\n", ["q"]),
        ("g.csv", "b;a\n2;6\n2;0\n", ["q", "p"]),
        ("g.jsonl", '{"a": 6, "b": "2"}\n{"b": 1, "a": 0}\n', ["q", "p"]),
        ("g.csv", "a,b\n6,\n", ["q"]),
    ],
    ids=["a column of dates beside", "another dialect and order", "a number as text", "missing"],
)
def test_what_the_model_can_read(
    table: Path, tmp_path: Path, name: str, content: str, found: list[str]
) -> None:
    (tmp_path / name).write_text(content)

    assert predict(table, tmp_path / name) == (0, found, "")


def test_a_value_that_leaves_the_range_of_a_model_is_refused(tmp_path: Path) -> None:
    """It is finite itself, but not once the column's deviation has divided it."""
    rows = "".join(f"{1 + i % 7 / 1e4},{'pq'[(i % 7) > 3]}\n" for i in range(60))
    (tmp_path / "d.csv").write_text("a,kind\n" + rows)
    model = trained(tmp_path, tmp_path / "d.csv", "csv", epochs=1)
    (tmp_path / "g.csv").write_text("a\n1\n3e38\n")
    code, found, said = predict(model, tmp_path / "g.csv")

    assert (code, found) == (65, [])
    assert "row 2, column 'a': the value 3e+38 is not finite, or too far from the column's" in said


def test_rows_without_a_class_do_not_count(table: Path, tmp_path: Path) -> None:
    (tmp_path / "g.csv").write_text("a,b,kind\n0,2,p\n6,2,\n6,2,p\n")
    code, found, said = predict(table, tmp_path / "g.csv")

    assert (code, found) == (0, ["p", "q", "q"])
    assert json.loads(said) == {"samples": 2, "accuracy": 0.5, "withoutClass": 1}


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("g.csv", "a,b\n1,inf\n", "row 1 (line 2), column 'b': 'inf' is not finite"),
        ("g.csv", "a,b\n1,1e300\n", "column 'b': '1e300' is larger than 3.4e+38"),
        ("g.csv", "a\n1\n", "columns 'b' are missing; the model learned 'a', 'b'"),
        ("g.csv", "a,b\n1,2\n1,x\n", "row 2 (line 3), column 'b': 'x' is not a number"),
        ("g.jsonl", '{"a": 1}\n{"a": [1]}\n', "g.jsonl"),
    ],
    ids=["infinite", "too large", "a column less", "a text", "a list"],
)
def test_what_the_model_cannot_read(
    table: Path, tmp_path: Path, name: str, content: str, words: str
) -> None:
    (tmp_path / name).write_text(content)
    code, found, said = predict(table, tmp_path / name)

    assert (code, found) == (65, [])
    assert words in said
    assert "Traceback" not in said


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pictures")
    labels = np.arange(24) % 2
    pixels = np.full((24, 8, 8), 10) + 200 * labels[:, None, None] + np.arange(24)[:, None, None]
    np.savez(folder / "d.npz", x=pixels.astype(np.uint8), y=np.array(["dark", "light"])[labels])
    return trained(folder, folder / "d.npz", "npz", task="image-classification")


def test_a_single_image(pictures: Path, tmp_path: Path) -> None:
    for name, shade in (("dark", 8), ("light", 240)):
        Image.new("L", (20, 11), shade).save(tmp_path / f"{name}.png")

        assert predict(pictures, tmp_path / f"{name}.png") == (0, [name], "")


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (np.zeros((2, 10, 10), np.uint8), "the model learned 1 × 8 × 8"),
        (np.full((2, 8, 8), 0.5), "the model learned values up to 255"),
        (np.full((2, 8, 8), np.nan), "is not finite"),
    ],
    ids=["another size", "another range", "no numbers"],
)
def test_arrays_that_are_no_images_of_the_model(
    pictures: Path, tmp_path: Path, values: Any, words: str
) -> None:
    np.savez(tmp_path / "g.npz", x=values)
    code, found, said = predict(pictures, tmp_path / "g.npz")

    assert (code, found) == (65, [])
    assert words in said


def test_arrays_for_a_table(table: Path, tmp_path: Path) -> None:
    np.savez(
        tmp_path / "d.npz", x=np.random.default_rng(0).normal(size=(40, 4)), y=np.arange(40) % 2
    )
    np.savez(tmp_path / "g.npz", x=np.zeros((2, 6)))
    model = trained(tmp_path, tmp_path / "d.npz", "npz", epochs=1)

    assert (
        "the model learned 4 columns, the array 'x' has 6" in predict(model, tmp_path / "g.npz")[2]
    )
    assert "the model learned columns by name: 'a', 'b'" in predict(table, tmp_path / "g.npz")[2]


def test_a_file_that_is_no_model_is_named(tmp_path: Path) -> None:
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:" + "0" * 64 + "\nsize 9\n"
    (tmp_path / "m.safetensors").write_text(pointer)
    (tmp_path / "g.csv").write_text("a\n1\n")
    code, _, said = predict(tmp_path / "m.safetensors", tmp_path / "g.csv")

    assert code == 65
    assert "Git LFS" in said
