"""Every format gives the same tensors; archives cannot hurt; the second start reads no file twice."""

from __future__ import annotations

import io
import os
import stat
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from poll import eventually
from pyarrow import csv, parquet

from trainyard_api.training import TrainingConfig
from trainyard_trainer import data
from trainyard_trainer.data import columns, images
from trainyard_trainer.data.columns import TextColumn
from trainyard_trainer.errors import BadConfiguration, BadData

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


def write_jsonl(table: pa.Table, path: Path) -> None:
    import json

    path.write_text("".join(f"{json.dumps(row)}\n" for row in table.to_pylist()))


WRITERS: dict[str, Callable[[Any, Path], None]] = {
    "csv": csv.write_csv,
    "parquet": parquet.write_table,
    "jsonl": write_jsonl,
}


@pytest.mark.parametrize("kind", WRITERS)
@pytest.mark.parametrize("cached", [False, True], ids=["parsed", "mapped"])
def test_every_table_format_gives_the_same_tensors(tmp_path: Path, kind: str, cached: bool) -> None:
    WRITERS[kind](TABLE, tmp_path / "t")
    csv.write_csv(TABLE, tmp_path / "reference")
    cache = tmp_path / "cache" / "hash.arrow" if cached else None
    for _ in range(2 if cached else 1):
        found = data.load(tmp_path / "t", kind, config(), data.Terms(cache))
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

    with pytest.raises(BadData, match="cannot be read as npz"):
        data.load(tmp_path / "a.npz", "npz", config())
    with pytest.raises(BadData, match="cannot be read as npy"):
        data.load(tmp_path / "a.npy", "npy", config())


def test_a_lone_array_has_no_target(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.zeros((3, 2)))

    with pytest.raises(BadConfiguration, match=r"no target among the arrays \['data'\]"):
        data.load(tmp_path / "a.npy", "npy", config())


class TestTheMappedCopy:
    """The cache beside the content hash."""

    def test_the_second_start_does_not_read_the_dataset(self, tmp_path: Path) -> None:
        cache = tmp_path / "cache" / "hash.arrow"
        csv.write_csv(TABLE, tmp_path / "t.csv")
        first = data.load(tmp_path / "t.csv", "csv", config(), data.Terms(cache))
        eventually(cache.is_file)
        (tmp_path / "t.csv").write_text("not even a table")

        second = data.load(tmp_path / "t.csv", "csv", config(), data.Terms(cache))
        assert torch.equal(first.train.inputs, second.train.inputs)

    def test_numbers_are_views_of_the_file(self, tmp_path: Path) -> None:
        csv.write_csv(TABLE, tmp_path / "t.csv")
        for _ in range(2):
            found = columns.read(tmp_path / "t.csv", "csv", tmp_path / "c.arrow")
            eventually((tmp_path / "c.arrow").is_file)
        numbers = found["a"]

        assert isinstance(numbers, np.ndarray)
        assert not numbers.flags.owndata
        assert not numbers.flags.writeable

    @pytest.mark.parametrize("left", [0, 10, 1000])
    def test_a_damaged_copy_is_made_again(self, tmp_path: Path, left: int) -> None:
        cache = tmp_path / "c.arrow"
        csv.write_csv(TABLE, tmp_path / "t.csv")
        columns.read(tmp_path / "t.csv", "csv", cache)
        eventually(cache.is_file)
        os.truncate(cache, left)
        found = columns.read(tmp_path / "t.csv", "csv", cache)

        assert np.array_equal(np.asarray(found["a"]), TABLE["a"].to_numpy())
        assert eventually(lambda: cache.is_file() and cache.stat().st_size > 1000)

    def test_a_volume_that_takes_nothing_costs_only_speed(self, tmp_path: Path) -> None:
        csv.write_csv(TABLE, tmp_path / "t.csv")
        (tmp_path / "file").write_text("")
        found = columns.read(tmp_path / "t.csv", "csv", tmp_path / "file" / "c.arrow")

        assert len(found["a"]) == ROWS

    def test_nothing_is_left_beside_it(self, tmp_path: Path) -> None:
        csv.write_csv(TABLE, tmp_path / "t.csv")
        (tmp_path / "cache").mkdir()
        (tmp_path / "cache" / "c.0123.tmp").write_text("a killed attempt's")
        columns.read(tmp_path / "t.csv", "csv", tmp_path / "cache" / "c.arrow")

        assert eventually(lambda: [p.name for p in (tmp_path / "cache").iterdir()] == ["c.arrow"])

    def test_a_program_that_ends_waits_for_a_piece_at_most(self, tmp_path: Path) -> None:
        program = (
            "import sys, pyarrow as pa, numpy as np\n"
            "from pathlib import Path\n"
            "from trainyard_trainer.data import column_cache\n"
            "table = pa.table({'a': np.zeros(2_000_000)})\n"
            "column_cache.keep(table, Path(sys.argv[1]) / 'c.arrow', piece=1024)\n"
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
            st.one_of(st.none(), st.floats(allow_nan=True, width=32)),
            min_size=len(texts),
            max_size=len(texts),
        )
    )
    folder = tmp_path_factory.mktemp("columns")
    parquet.write_table(
        pa.table({"t": pa.array(texts), "n": pa.array(drawn, pa.float64())}), folder / "t"
    )
    parsed = columns.read(folder / "t", "parquet")
    for _ in range(2):
        mapped = columns.read(folder / "t", "parquet", folder / "c")
        eventually((folder / "c").is_file, every=0.001)

    expected = np.array([np.nan if v is None else v for v in drawn])
    for found in (parsed, mapped):
        column = found["t"]
        assert isinstance(column, TextColumn)
        assert [column[i] for i in range(len(texts))] == [t or None for t in texts]
        assert np.array_equal(np.asarray(found["n"]), expected, equal_nan=True)


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
        ('{"text": "a"}\n{"text": 3}\n', "row 2, field 'text': 3 is not a text"),
        ('{"text": "a"}\noops\n', "row 2 is not JSON"),
        ("[1]\n", "row 1, field 'text'"),
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


def png(value: int = 0, size: tuple[int, int] = (4, 4)) -> bytes:
    out = io.BytesIO()
    Image.new("L", size, value).save(out, "PNG")
    return out.getvalue()


def make_zip(path: Path, entries: dict[str, bytes], links: tuple[str, ...] = ()) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries.items():
            info = zipfile.ZipInfo(name)
            info.compress_type = zipfile.ZIP_DEFLATED
            info.external_attr = (stat.S_IFLNK if name in links else stat.S_IFREG) << 16
            archive.writestr(info, content)
    return path


def make_tar(path: Path, entries: dict[str, bytes], links: tuple[str, ...] = ()) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for name, content in entries.items():
            info = tarfile.TarInfo(name)
            if name in links:
                info.type, info.linkname = tarfile.SYMTYPE, "/etc/passwd"
            info.size = 0 if name in links else len(content)
            archive.addfile(info, io.BytesIO(content))
    return path


GOOD = {"dark/1.png": png(0), "light/2.png": png(200)}
SMALL = images.Limits(entries=5, file_bytes=20_000, total_bytes=50_000, pixels=10_000)


@pytest.mark.parametrize("make", [make_zip, make_tar])
@pytest.mark.parametrize(
    ("extra", "links", "words"),
    [
        pytest.param({"dark/l.png": b"/etc/passwd"}, ("dark/l.png",), "is a link", id="link"),
        pytest.param({"../dark/x.png": png()}, (), "leads out of the archive", id="dots"),
        pytest.param({"/dark/x.png": png()}, (), "leads out of the archive", id="absolute"),
        pytest.param({"dark\\..\\x.png": png()}, (), "leads out of the archive", id="backslashes"),
        pytest.param({"dark/big.png": bytes(30_000)}, (), "at most 20000", id="large image"),
        pytest.param({"bomb.bin": bytes(60_000)}, (), "more than 5 files or 50000", id="bomb"),
        pytest.param(
            {f"dark/{i}.txt": b"" for i in range(9)}, (), "more than 5 files", id="many files"
        ),
        pytest.param({"dark/x.png": png(size=(200, 200))}, (), "200 × 200 pixels", id="pixel bomb"),
        pytest.param({"dark/x.png": b"\x89PNG broken"}, (), "dark/x.png is no image", id="broken"),
        pytest.param({"dark/x.png": png()[:40]}, (), "dark/x.png is no image", id="cut off"),
    ],
)
def test_archives_that_could_hurt_are_refused(
    tmp_path: Path,
    make: Callable[..., Path],
    extra: dict[str, bytes],
    links: tuple[str, ...],
    words: str,
) -> None:
    path = make(tmp_path / "a", {**GOOD, **extra}, links)

    with pytest.raises(BadData, match=words):
        images.read(path, SMALL)
    assert [p.name for p in tmp_path.iterdir()] == ["a"]


@pytest.mark.parametrize("make", [make_zip, make_tar])
def test_what_is_no_image_is_passed_over(tmp_path: Path, make: Callable[..., Path]) -> None:
    extra = {"README.md": b"#", "__MACOSX/dark/._1.png": b"x", "dark/.hidden.png": b"x"}
    pixels, classes = images.read(make(tmp_path / "a", {**GOOD, **extra}), SMALL)

    assert classes == ["dark", "light"]
    assert pixels[:, 0, 0, 0].tolist() == [0, 200]


def test_images_of_several_sizes_and_colours_become_one_shape(tmp_path: Path) -> None:
    colour = io.BytesIO()
    Image.new("RGB", (7, 5), (255, 0, 0)).save(colour, "PNG")
    path = make_zip(tmp_path / "a", {**GOOD, "red/3.png": colour.getvalue()})
    pixels, _ = images.read(path)

    assert pixels.shape == (3, 3, images.SIDE, images.SIDE)


@pytest.mark.parametrize("content", [b"", b"neither", make_tar])
def test_what_is_no_archive(tmp_path: Path, content: Any) -> None:
    path = tmp_path / "a"
    if callable(content):
        content(path, GOOD)
        os.truncate(path, path.stat().st_size // 2)
    else:
        path.write_bytes(content)

    with pytest.raises(BadData, match="cannot be read as zip or tar"):
        images.read(path)
