"""Every format gives the same tensors; archives cannot hurt; the second start reads no file twice."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from poll import eventually
from pyarrow import csv, parquet

from trainyard_api.datasets.schema import ColumnSchema, DatasetSchema
from trainyard_api.training import TrainingConfig
from trainyard_data import errors as data_errors
from trainyard_data import tables
from trainyard_data.inspection import inspect
from trainyard_data.tables import Column, TextColumn
from trainyard_trainer import data
from trainyard_trainer.data.split import SplitRule
from trainyard_trainer.errors import BadData

ROWS = 50
TABLE = pa.table(
    {
        "a": np.linspace(-3, 5, ROWS),
        "n": np.arange(ROWS) % 7,
        "flag": np.arange(ROWS) % 3 == 0,
        "city": [["ulm", "bonn", "köln"][i % 3] for i in range(ROWS)],
        "y": np.arange(ROWS) % 2,
    }
)


def config(task: str = "tabular-classification", **given: Any) -> TrainingConfig:
    return TrainingConfig.model_validate({"task": task, **given})


def read(path: Path, kind: str, cache: Path | None = None) -> dict[str, Column]:
    return tables.read(path, kind, inspect(path, kind), cache=cache)


def write_jsonl(table: pa.Table, path: Path) -> None:
    import json

    path.write_text("".join(f"{json.dumps(row)}\n" for row in table.to_pylist()))


WRITERS: dict[str, Callable[[Any, Path], None]] = {
    "csv": csv.write_csv,
    "parquet": parquet.write_table,
    "jsonl": write_jsonl,
}


def test_what_the_schema_leaves_out_is_no_input(tmp_path: Path) -> None:
    path = tmp_path / "d.csv"
    rows = [
        f"{i},name {i},2024-01-{i % 28 + 1:02},,{i / 7:.3f},{'pq'[i % 2]}" for i in range(1, 41)
    ]
    path.write_text("id,name,day,empty,a,kind\n" + "\n".join(rows) + "\n")
    found = data.load(path, "csv", config())

    assert [f.name for f in found.schema.features] == ["a"]
    assert found.shape.sample == (1,)
    assert any("'id' (it numbers the rows)" in note for note in found.notes)


@pytest.mark.parametrize("kind", WRITERS)
@pytest.mark.parametrize("cached", [False, True], ids=["parsed", "mapped"])
def test_every_table_format_gives_the_same_tensors(tmp_path: Path, kind: str, cached: bool) -> None:
    WRITERS[kind](TABLE, tmp_path / "t")
    csv.write_csv(TABLE, tmp_path / "reference")
    cache = tmp_path / "cache" / "hash.arrow" if cached else None
    for _ in range(2 if cached else 1):
        found = data.load(tmp_path / "t", kind, config(), data.Terms(cache=cache))
    wanted = data.load(tmp_path / "reference", "csv", config())

    assert found.schema == wanted.schema
    assert torch.equal(found.train.inputs, wanted.train.inputs)
    assert found.train.targets is not None
    assert wanted.train.targets is not None
    assert torch.equal(found.train.targets, wanted.train.targets)


def test_arrays_give_the_tensors_of_the_same_table(tmp_path: Path) -> None:
    values = np.random.default_rng(0).normal(size=(30, 4))
    labels = np.arange(30) % 3
    np.savez(tmp_path / "a.npz", x=values, y=labels)
    parquet.write_table(
        pa.table({f"x{i}": values[:, i] for i in range(4)} | {"y": labels}), tmp_path / "t"
    )
    from_arrays = data.load(tmp_path / "a.npz", "npz", config())

    assert torch.equal(
        from_arrays.train.inputs, data.load(tmp_path / "t", "parquet", config()).train.inputs
    )


def test_pickles_are_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x=np.array([{"a": 1}, {"b": 2}], dtype=object), y=[0, 1])
    np.save(tmp_path / "a.npy", np.array([{"a": 1}], dtype=object))

    with pytest.raises(BadData, match="'x' holds Python objects, which are not read"):
        data.load(tmp_path / "a.npz", "npz", config())
    with pytest.raises(data_errors.BadData, match="holds Python objects, which are not read"):
        inspect(tmp_path / "a.npy", "npy")


def test_a_lone_array_is_a_table_whose_last_column_is_the_target(tmp_path: Path) -> None:
    labels = np.arange(30) % 2
    np.save(tmp_path / "a.npy", np.column_stack([np.arange(30.0), labels * 3.0, labels]))
    found = data.load(tmp_path / "a.npy", "npy", config())

    assert found.train.inputs.shape[1] == 2
    assert found.schema.classes == ["0", "1"]


class TestTheMappedCopy:
    """The cache beside the content hash."""

    def test_the_second_start_does_not_read_the_dataset(self, tmp_path: Path) -> None:
        cache = tmp_path / "cache" / "hash.arrow"
        csv.write_csv(TABLE, tmp_path / "t.csv")
        first = data.load(tmp_path / "t.csv", "csv", config(), data.Terms(cache=cache))
        eventually(cache.is_file)
        (tmp_path / "t.csv").write_text("not even a table")

        terms = data.Terms(source=first.source, cache=cache)
        second = data.load(tmp_path / "t.csv", "csv", config(), terms)
        assert torch.equal(first.train.inputs, second.train.inputs)

    def test_numbers_are_views_of_the_file(self, tmp_path: Path) -> None:
        csv.write_csv(TABLE, tmp_path / "t.csv")
        for _ in range(2):
            found = read(tmp_path / "t.csv", "csv", tmp_path / "c.arrow")
            eventually((tmp_path / "c.arrow").is_file)
        numbers = found["a"]

        assert isinstance(numbers, np.ndarray)
        assert not numbers.flags.owndata
        assert not numbers.flags.writeable

    @pytest.mark.parametrize("left", [0, 10, 1000])
    def test_a_damaged_copy_is_made_again(self, tmp_path: Path, left: int) -> None:
        cache = tmp_path / "c.arrow"
        csv.write_csv(TABLE, tmp_path / "t.csv")
        read(tmp_path / "t.csv", "csv", cache)
        eventually(cache.is_file)
        os.truncate(cache, left)
        found = read(tmp_path / "t.csv", "csv", cache)

        assert np.array_equal(np.asarray(found["a"]), TABLE["a"].to_numpy())
        assert eventually(lambda: cache.is_file() and cache.stat().st_size > 1000)

    def test_a_volume_that_takes_nothing_costs_only_speed(self, tmp_path: Path) -> None:
        csv.write_csv(TABLE, tmp_path / "t.csv")
        (tmp_path / "file").write_text("")
        found = read(tmp_path / "t.csv", "csv", tmp_path / "file" / "c.arrow")

        assert len(found["a"]) == ROWS

    def test_nothing_is_left_beside_it(self, tmp_path: Path) -> None:
        csv.write_csv(TABLE, tmp_path / "t.csv")
        (tmp_path / "cache").mkdir()
        (tmp_path / "cache" / "c.0123.tmp").write_text("a killed attempt's")
        read(tmp_path / "t.csv", "csv", tmp_path / "cache" / "c.arrow")

        assert eventually(lambda: [p.name for p in (tmp_path / "cache").iterdir()] == ["c.arrow"])

    def test_a_program_that_ends_waits_for_a_piece_at_most(self, tmp_path: Path) -> None:
        program = (
            "import sys, pyarrow as pa, numpy as np\n"
            "from pathlib import Path\n"
            "from trainyard_data.tables import column_cache\n"
            "table = pa.table({'a': np.zeros(2_000_000)})\n"
            "column_cache.keep(table, Path(sys.argv[1]) / 'c.arrow', 'key', piece=1024)\n"
            "sys.exit(75)\n"
        )
        ended = subprocess.run(
            [sys.executable, "-c", program, str(tmp_path)], check=False, timeout=60
        )

        assert ended.returncode == 75
        assert list(tmp_path.iterdir()) == []


@given(
    texts=st.lists(st.sampled_from(["a", "b", "", "ö", "long text"]), min_size=1, max_size=40),
    numbers=st.data(),
)
def test_columns_survive_the_copy(
    tmp_path_factory: pytest.TempPathFactory, texts: list[str], numbers: st.DataObject
) -> None:
    drawn = numbers.draw(
        st.lists(
            st.one_of(st.none(), st.floats(allow_infinity=False, width=32), st.just(np.nan)),
            min_size=len(texts),
            max_size=len(texts),
        )
    )
    folder = tmp_path_factory.mktemp("columns")
    parquet.write_table(
        pa.table({"t": pa.array(texts), "n": pa.array(drawn, pa.float64())}), folder / "t"
    )
    schema = DatasetSchema(
        samples=len(texts),
        dimensions=[len(texts), 2],
        columns=[ColumnSchema(name="t", type="text"), ColumnSchema(name="n", type="number")],
    )
    parsed = tables.read(folder / "t", "parquet", schema)
    for _ in range(2):
        mapped = tables.read(folder / "t", "parquet", schema, cache=folder / "c")
        eventually((folder / "c").is_file, every=0.001)

    expected = np.array([np.nan if v is None else v for v in drawn])
    for found in (parsed, mapped):
        column = found["t"]
        assert isinstance(column, TextColumn)
        assert [column[i] for i in range(len(texts))] == [t or None for t in texts]
        assert np.array_equal(np.asarray(found["n"]), expected, equal_nan=True)


def test_rows_without_a_target_are_left_out_and_said(tmp_path: Path) -> None:
    """Of a column that only this session predicts: the dataset's own target has no gaps."""
    rows = [(i / 2, i % 5, "" if i % 7 == 3 else "pq"[i % 2], i % 3) for i in range(50)]
    lines = ["a,b,kind,y", *(",".join(map(str, row)) for row in rows)]
    (tmp_path / "t.csv").write_text("\n".join(lines) + "\n")
    source = inspect(tmp_path / "t.csv", "csv")
    wanted = config(target="kind", ignoreColumns=["b"])
    for rule in (SplitRule.STRATIFIED, SplitRule.SHUFFLED):
        terms = data.Terms(source=source, classes_by=rule)
        found = data.load(tmp_path / "t.csv", "csv", wanted, terms)

        assert found.schema.classes == ["p", "q"]
        assert len(found.train) + len(found.validation) == 50 - 7
        assert found.train.targets is not None
        assert found.train.targets.min() == 0
        mean = np.mean([a for (a, _, kind, _) in rows if kind])
        assert abs(found.schema.features[0].mean - mean) < 3
        notes = " ".join(found.notes)
        assert "the target is 'kind': the session names it" in notes
        assert "7 rows without a value of the target 'kind' left out, the first is row 4" in notes
        assert "ignoreColumns leaves out 'b'" in notes


def test_a_number_target_with_gaps(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(
        "a,price,y\n" + "".join(f"{i},{'' if i % 5 == 0 else i / 4},{i % 2}\n" for i in range(40))
    )
    source = inspect(tmp_path / "t.csv", "csv")
    wanted = config("tabular-regression", target="price")
    found = data.load(tmp_path / "t.csv", "csv", wanted, data.Terms(source=source))

    assert len(found.train) + len(found.validation) == 32
    for half in (found.train, found.validation):
        assert half.targets is not None
        assert torch.isfinite(half.targets).all()


def test_json_lines_of_text(tmp_path: Path) -> None:
    (tmp_path / "t").write_text('{"text": "hello "}\n\n{"text": "world"}\n' * 40)
    (tmp_path / "plain").write_text("\n".join(["hello ", "world"] * 40))
    sizes = {"architecture": "transformer", "parameters": {"contextLength": 8}}
    wanted = config("language-modeling", model=sizes)
    lines = data.load(tmp_path / "t", "jsonl", wanted)

    assert torch.equal(
        lines.train.inputs, data.load(tmp_path / "plain", "text", wanted).train.inputs
    )


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ('{"text": "a"}\n{"text": 3}\n', "line 2, field 'text': 3 is not a text"),
        ('{"text": "a"}\noops\n', "line 2 is not JSON"),
        ("[1]\n", "line 1 is no object"),
    ],
)
def test_bad_json_lines_are_named(tmp_path: Path, content: str, words: str) -> None:
    (tmp_path / "t").write_text(content)

    with pytest.raises(BadData, match=words):
        data.load(tmp_path / "t", "jsonl", config("language-modeling"))


def test_a_text_that_is_too_short(tmp_path: Path) -> None:
    (tmp_path / "t").write_text("short")

    with pytest.raises(BadData, match="5 bytes; contextLength 128 needs at least 258"):
        data.load(tmp_path / "t", "text", config("language-modeling"))
