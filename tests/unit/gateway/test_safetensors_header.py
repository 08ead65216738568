"""The check of a safetensors file agrees with the library, for headers of any size."""

from __future__ import annotations

import json
import math
import os
import pickle
import re
import struct
import time
import tracemalloc
from pathlib import Path

import pytest
import safetensors
from bad_files import safetensors as made
from bad_files import tensor, zipped
from hypothesis import given, settings
from hypothesis import strategies as st

from trainyard_gateway.errors import BadRequest
from trainyard_gateway.files.safetensors import BITS, check


def checked(folder: Path, content: bytes) -> dict[str, str]:
    (folder / "x").write_bytes(content)
    handle = os.open(folder / "x", os.O_RDONLY)
    try:
        return check(handle)
    finally:
        os.close(handle)


@pytest.mark.parametrize("dtype", sorted(BITS))
def test_every_dtype_of_the_library(tmp_path: Path, dtype: str) -> None:
    size = BITS[dtype]
    content = made({"w": tensor(0, size, dtype, (2, 4))}, b"\0" * size)

    assert [name for name, _ in safetensors.deserialize(content)] == ["w"]
    assert checked(tmp_path, content) == {}


def test_the_dtypes_are_all_that_the_library_knows() -> None:
    with pytest.raises(safetensors.SafetensorError) as caught:
        safetensors.deserialize(made({"w": tensor(0, 1, "NONE", (1,))}, b"\0"))
    _, _, listed = str(caught.value).partition("expected one of ")

    assert set(re.findall(r"`(\w+)`", listed)) == set(BITS)


def test_a_part_of_a_byte_is_no_place(tmp_path: Path) -> None:
    with pytest.raises(BadRequest, match="'w' does not fit its place"):
        checked(tmp_path, made({"w": tensor(0, 1, "F4", (1,))}, b"\0"))


@pytest.mark.parametrize(
    ("metadata", "found"),
    [("null", {}), ("{}", {}), ('{"a": "\\u00e4\\n", "b": ""}', {"a": "ä\n", "b": ""})],
    ids=["null", "empty", "texts"],
)
def test_metadata(tmp_path: Path, metadata: str, found: dict[str, str]) -> None:
    assert checked(tmp_path, made(b'{"__metadata__": ' + metadata.encode() + b"}  ")) == found


@pytest.mark.parametrize("where", ["metadata", "spaces", "tensors"])
def test_long_headers_are_read_in_bounded_memory(tmp_path: Path, where: str) -> None:
    if where == "tensors":
        entries = {f"layer.{n}.weight": tensor(4 * n, 4 * n + 4) for n in range(5_000)}
        content = made(entries, b"\0" * 20_000)
    elif where == "spaces":
        content = made(json.dumps({"a": tensor(0, 4)}).encode() + b" " * (60 << 20), b"\0" * 4)
    else:
        long = {"__metadata__": {"card": "{}", "long": "ä" * (30 << 20)}, "a": tensor(0, 4)}
        content = made(json.dumps(long, ensure_ascii=False).encode(), b"\0" * 4)
    (tmp_path / "x").write_bytes(content)
    handle = os.open(tmp_path / "x", os.O_RDONLY)
    started = time.process_time()
    tracemalloc.start()
    try:
        found = check(handle)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
        os.close(handle)

    assert found == ({"card": "{}"} if where == "metadata" else {})
    assert peak < 48 << 20
    assert time.process_time() - started < 20


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "pointer of Git LFS"),
        (zipped({"archive/data.pkl": b"x"}), "zip archive"),
        (b"\x89HDF\r\n\x1a\n" + b"\0" * 90, "HDF5"),
        (b"GGUF" + b"\0" * 90, "GGUF"),
        (b"\x08\x07\x12\x07pytorch\x1a\x052.1.0" + b"x" * 90, "ONNX"),
        (b"<!DOCTYPE html><html>" + b" " * 90, "web page"),
        (pickle.dumps({"w": list(range(50))}), "pickle"),
        (struct.pack("<Q", 900) + b'{"w": ' + b"x" * 90, "was it cut off"),
        (made({"a": tensor(0, 4)}, b"\0" * 3), "was it cut off"),
        (b"\xff" * 90, "18446744073709551615"),
    ],
    ids=["lfs", "torch", "hdf5", "gguf", "onnx", "html", "pickle", "cut head", "cut", "ones"],
)
def test_what_is_none_is_named(tmp_path: Path, content: bytes, words: str) -> None:
    with pytest.raises(BadRequest, match=words):
        checked(tmp_path, content)


NAMES = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
ENTRY = st.tuples(st.sampled_from(sorted(BITS)), st.lists(st.integers(0, 4), max_size=3))


def written(tensors: dict[str, tuple[str, list[int]]], metadata: dict[str, str]) -> bytes:
    """A file with those tensors, one after the other."""
    header: dict[str, object] = {"__metadata__": metadata} if metadata else {}
    at = 0
    for name, (dtype, shape) in tensors.items():
        bits = BITS[dtype]
        for extent in shape:
            bits *= extent
        header[name] = tensor(at, at + bits // 8, dtype, shape)
        at += bits // 8
    return made(json.dumps(header, ensure_ascii=False).encode(), b"\0" * at)


@settings(max_examples=200, deadline=None)
@given(
    tensors=st.dictionaries(NAMES.filter(lambda n: n != "__metadata__"), ENTRY, max_size=5),
    metadata=st.dictionaries(NAMES, st.text(max_size=20).filter(str.isprintable), max_size=3),
    at=st.integers(0, 300),
    change=st.binary(max_size=3),
)
def test_what_is_accepted_the_library_reads(
    tmp_path_factory: pytest.TempPathFactory,
    tensors: dict[str, tuple[str, list[int]]],
    metadata: dict[str, str],
    at: int,
    change: bytes,
) -> None:
    """Sound files are accepted, with their metadata; damaged ones only if the library reads them."""
    folder = tmp_path_factory.mktemp("tensors")
    sound = written(tensors, metadata)
    parts = all((BITS[dtype] * math.prod(shape)) % 8 == 0 for dtype, shape in tensors.values())
    if parts:
        safetensors.deserialize(sound)
        assert checked(folder, sound) == metadata
    damaged = sound[:at] + change + sound[at + len(change) :]
    try:
        checked(folder, damaged)
    except BadRequest:
        return
    assert safetensors.deserialize(damaged) is not None
