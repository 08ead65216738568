"""Which files run code when Python loads them: by their names and by what is in them."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import pickle
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainyard_gateway.trees.pickles import has_name_of_pickle, is_pickle


class Calls:
    """Its pickle calls a function."""

    def __reduce__(self) -> tuple[object, ...]:
        return (print, ("x",))


def found(content: bytes) -> bool:
    with tempfile.TemporaryFile() as file:
        file.write(content)
        file.flush()
        return is_pickle(file.fileno())


def zipped(method: int, **members: bytes) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return stream.getvalue()


def tarred(**members: bytes) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return stream.getvalue()


def array(*values: object, save: Callable[..., None] = np.save) -> bytes:
    stream = io.BytesIO()
    save(stream, np.array(values, dtype=object if isinstance(values[0], dict) else None))
    return stream.getvalue()


WHOLE = pickle.dumps(Calls())
LONG = pickle.dumps([Calls() for _ in range(50_000)], 0)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_pickles_of_every_protocol(protocol: int) -> None:
    assert found(pickle.dumps(Calls(), protocol))
    assert found(pickle.dumps([Calls()] * 30_000, protocol))


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"cos\nsystem\n(S'ls'\ntR.", id="written by hand"),
        pytest.param(b"0cos\nsystem\n.", id="after another opcode"),
        pytest.param(LONG, id="longer than what is looked at"),
        pytest.param(zipped(zipfile.ZIP_STORED, **{"archive/data.pkl": b"x"}), id="torch.save"),
        pytest.param(zipped(zipfile.ZIP_DEFLATED, weights=WHOLE), id="packed in a zip"),
        pytest.param(zipped(zipfile.ZIP_STORED, weights=WHOLE), id="stored in a zip"),
        pytest.param(b"#!x\n" + zipped(zipfile.ZIP_STORED, weights=WHOLE), id="zip behind a text"),
        pytest.param(tarred(data=b"1", pickle=WHOLE), id="in a tar"),
        pytest.param(gzip.compress(WHOLE), id="gzip"),
        pytest.param(bz2.compress(WHOLE), id="bzip2"),
        pytest.param(lzma.compress(WHOLE), id="xz"),
        pytest.param(lzma.compress(WHOLE, lzma.FORMAT_ALONE), id="lzma"),
        pytest.param(zlib.compress(WHOLE), id="zlib, as joblib"),
        pytest.param(array({}), id="array of objects"),
        pytest.param(array({}, save=np.savez), id="arrays of objects"),
    ],
)
def test_pickles_in_other_forms(content: bytes) -> None:
    assert found(content)


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b".", id="one opcode"),
        pytest.param(b"(hello).\n", id="text that is a pickle without a call"),
        pytest.param(b"import os\nos.system('x')\n", id="program"),
        pytest.param(b"config: 3\nfoo: bar.\n", id="settings"),
        pytest.param(b'{"a": [1, 2]}', id="JSON"),
        pytest.param(array(1.0, 2.0), id="array of numbers"),
        pytest.param(array(1.0, save=np.savez), id="arrays of numbers"),
        pytest.param(zipped(zipfile.ZIP_DEFLATED, **{"a.txt": b"hello"}), id="zip"),
        pytest.param(zipped(zipfile.ZIP_DEFLATED, **{"a.txt": b"hello"})[:-30], id="cut zip"),
        pytest.param(tarred(a=b"hello"), id="tar"),
        pytest.param(gzip.compress(b"hello"), id="gzip"),
        pytest.param(b"\x1f\x8b broken", id="no gzip"),
        pytest.param(b"\x10\0\0\0\0\0\0\0{}" + bytes(14), id="safetensors"),
        pytest.param(b"\x89HDF\r\n\x1a\n" + bytes(100), id="HDF5"),
    ],
)
def test_other_files(content: bytes) -> None:
    assert not found(content)


@pytest.mark.parametrize(
    ("path", "want"),
    [
        ("model.pt", True), ("a/b.PTH", True), ("x.pkl.gz", True), ("m.joblib", True),
        ("last.ckpt", True), ("model.safetensors", False), ("a.pt/b.txt", False), ("pt", False),
        ("model.bin", False), ("report", False),
    ],
    ids=str,
)  # fmt: skip
def test_names(path: str, want: bool) -> None:
    assert has_name_of_pickle(path) is want


@given(st.binary(max_size=2000))
def test_any_bytes_are_looked_at_without_an_error(content: bytes) -> None:
    head = zipped(zipfile.ZIP_DEFLATED, a=b"1")
    for whole in (
        content,
        content + head,
        head + content,
        b"\x1f\x8b\x08" + content,
        b"x" + content,
    ):
        assert found(whole) in (True, False)


@given(st.integers(0, 10_000), st.binary(min_size=1, max_size=4))
def test_a_damaged_archive_is_looked_at_without_an_error(at: int, noise: bytes) -> None:
    for archive in (zipped(zipfile.ZIP_DEFLATED, a=WHOLE, b=b"1"), tarred(a=WHOLE, b=b"1")):
        place = at % len(archive)
        assert found(archive[:place] + noise + archive[place + len(noise) :]) in (True, False)
