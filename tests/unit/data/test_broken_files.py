"""What a dataset's file is found to hold, and what is said of one that is broken."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import struct
import tarfile
import time
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from trainyard_data.errors import BadData
from trainyard_data.formats import format_of
from trainyard_data.inspection import inspect


def npy(array: np.ndarray) -> bytes:
    out = io.BytesIO()
    np.save(out, array, allow_pickle=True)
    return out.getvalue()


def npz(**arrays: np.ndarray) -> bytes:
    out = io.BytesIO()
    np.savez_compressed(out, **arrays)
    return out.getvalue()


def archive(**members: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as target:
        for name, content in members.items():
            target.writestr(name, content)
    return out.getvalue()


def patched(body: bytes, *, flag: int = 0, method: int | None = None) -> bytes:
    """A zip archive whose members claim to be encrypted or packed in another way."""
    changed = bytearray(body)
    for signature, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        place = changed.find(signature)
        while place >= 0:
            struct.pack_into("<H", changed, place + at, flag)
            if method is not None:
                struct.pack_into("<H", changed, place + at + 2, method)
            place = changed.find(signature, place + 4)
    return bytes(changed)


def tar(**members: tarfile.TarInfo) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as target:
        for member in members.values():
            target.addfile(member, io.BytesIO(b"\0" * member.size))
    return out.getvalue()


def link() -> tarfile.TarInfo:
    member = tarfile.TarInfo("cat/a.png")
    member.type, member.linkname = tarfile.SYMTYPE, "/etc/passwd"
    return member


def picture() -> bytes:
    out = io.BytesIO()
    Image.new("L", (4, 4)).save(out, "PNG")
    return out.getvalue()


PICTURE = picture()


def looked_at(tmp_path: Path, name: str, body: bytes) -> object:
    path = tmp_path / name
    path.write_bytes(body)
    return inspect(path, format_of(name))


GOOD = npy(np.zeros((4, 3), np.float32))


@pytest.mark.parametrize(
    ("name", "body", "message"),
    [
        ("a.npy", b"\x93NUMPY\x01\x00", "ends within its header"),
        ("a.npy", b"\x93NUMPY\x01\x00\x10\x00{'descr': '<f4',", "not an NPY array"),
        ("a.npy", b"\x93NUMPY\x01\x00\x10\x00" + b"(" * 16, "not an NPY array"),
        ("a.npy", b"\x93NUMPY\x01\x00\x06\x00\xff\xfe\xfd{}\n", "not an NPY array"),
        ("a.npy", b"\x93NUMPY\x02\x00\xff\xff\xff\xff{}", "a header of 4294967295 bytes"),
        ("a.npy", b"\x93NUMPY\x09\x09" + GOOD[8:], "not an NPY array"),
        ("a.npy", GOOD[:-1], "should have 48 bytes of values, the file has 47"),
        ("a.npy", npy(np.array([object()])), "Python objects"),
        ("a.npy", npy(np.zeros((0, 3))), "nothing is in it"),
        ("a.npz", b"PK\x03\x04 cut", "not a sound zip archive"),
        ("a.npz", patched(npz(x=np.ones(3)), flag=1), "is encrypted"),
        ("a.npz", patched(npz(x=np.ones(3)), method=77), "packed with the method 77"),
        ("a.npz", archive(**{"x.npy": b"nonsense"}), r"member 'x.npy': not an NPY array"),
        ("a.npz", archive(**{"x.npy": GOOD[:-4]}), "does not fit its shape"),
        ("a.npz", archive(), "holds no arrays"),
        ("a.zip", patched(archive(**{"cat/a.png": b"x"}), flag=1), "is encrypted"),
        ("a.zip", archive(**{"../a/b.png": b"x"}), "points outside"),
        ("a.zip", archive(**{"a.png": PICTURE}), "outside of folders"),
        ("a.tar.gz", tar(a=link()), "is a link"),
        ("a.tar.gz", b"\x1f\x8b\x08\x00broken", "no archive: it is a gzip file"),
        ("a.csv", b"a,b\n1,2\n3\n", "line 3: 1 values, but the header has 2 columns"),
        ("a.csv", b"a,b\n1,2\n3,4\n\xff,6\n", "line 4: byte 1 is not UTF-8"),
        ("a.csv", b'a,b\n"1\n2",3\n4,\x81\n', "line 4: byte 3 is not UTF-8"),
        ("a.csv", b"a,a\n1,2\n", "occurs twice"),
        ("a.csv", b"1,2\n3,4\n", "is the header missing"),
        ("a.csv", b"a,b\n", "no rows"),
        ("a.jsonl", b'{"a": 1}\n[1]\n', "line 2: an object is needed"),
        ("a.jsonl", b'{"a": 1}\n{"a"\n', "line 2 is not JSON"),
        ("a.parquet", b"PAR1 nonsense PAR1", "not a Parquet file"),
        ("a.txt", b"ab\xff", "not UTF-8"),
    ],
    ids=lambda value: "" if isinstance(value, bytes) else None,
)
def test_broken_files_are_explained(tmp_path: Path, name: str, body: bytes, message: str) -> None:
    with pytest.raises(BadData, match=message):
        looked_at(tmp_path, name, body)


@pytest.mark.parametrize(
    ("name", "body", "samples", "dimensions"),
    [
        ("a.npy", GOOD, 4, [4, 3]),
        ("a.npz", npz(x=np.zeros((5, 2, 2)), y=np.zeros(5)), 5, [5, 2, 2]),
        ("a.csv", "\ufeffä,y\r\n1,2\r\n3,4\r\n".encode(), 2, [2, 2]),
        ("a.jsonl", b'{"a": 1, "b": 2}\n\n{"b": 3}\n', 2, [2, 2]),
        (
            "a.zip",
            archive(**{"cat/a.png": PICTURE, "dog/b.jpg": PICTURE, "read.me": b""}),
            2,
            [2, 1, 4, 4],
        ),
    ],
    ids=["npy", "npz", "csv", "jsonl", "zip of images"],
)
def test_sound_files_are_measured(
    tmp_path: Path, name: str, body: bytes, samples: int, dimensions: list[int]
) -> None:
    found = looked_at(tmp_path, name, body)

    assert (found.samples, found.dimensions) == (samples, dimensions)  # type: ignore[attr-defined]


@pytest.mark.parametrize(("ending", "start"), [("csv", b"a,b\n1,"), ("jsonl", b"")])
def test_a_line_without_end_is_refused_before_it_is_in_memory(
    tmp_path: Path, ending: str, start: bytes
) -> None:
    path = tmp_path / f"a.{ending}"
    with path.open("wb") as file:
        file.write(start)
        file.truncate(1 << 30)

    with pytest.raises(BadData, match="line [12].* is longer than 16 MiB"):
        inspect(path, ending)


def header(kind: bytes, size: int, name: str = "x") -> bytes:
    """The block of a member or extension that declares `size` bytes."""
    member = tarfile.TarInfo(name)
    member.type, member.size = kind, size
    return member.tobuf(tarfile.GNU_FORMAT)


PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "plain": bytes,
    "gzip": gzip.compress,
    "bzip2": bz2.compress,
    "xz": lzma.compress,
}
MEBIBYTES = 130
"""More than an archive may unpack to beyond its size."""


def bomb(kind: bytes) -> bytes:
    """A bzip2 archive of a member of many zeros, in one bzip2 stream for each mebibyte."""
    zeros = bz2.compress(b"\0" * (1 << 20))
    return bz2.compress(header(kind, MEBIBYTES << 20)) + zeros * MEBIBYTES


@pytest.mark.parametrize(
    "kind",
    [
        tarfile.XHDTYPE,
        tarfile.SOLARIS_XHDTYPE,
        tarfile.XGLTYPE,
        tarfile.GNUTYPE_LONGNAME,
        tarfile.GNUTYPE_LONGLINK,
        tarfile.REGTYPE,
        tarfile.CONTTYPE,
    ],
    ids=["pax", "solaris", "global", "long name", "long link", "file", "contiguous"],
)
def test_a_small_archive_that_unpacks_to_much_is_refused(tmp_path: Path, kind: bytes) -> None:
    path = tmp_path / "x.tar"
    path.write_bytes(bomb(kind))
    started = time.process_time()
    tracemalloc.start()
    try:
        with pytest.raises(BadData, match="header of|times its size"):
            inspect(path, "images")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert path.stat().st_size < 10_000
    assert peak < 8 << 20
    assert time.process_time() - started < 10


@pytest.mark.parametrize("pack", PACKERS.values(), ids=PACKERS)
@pytest.mark.parametrize(
    "form",
    [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT],
    ids=["ustar", "gnu", "pax"],
)
def test_every_form_of_tar_is_read(
    tmp_path: Path, pack: Callable[[bytes], bytes], form: int
) -> None:
    long = "n" * 90
    names = [f"{long}/cat/a.png", f"{long}/dog/ä.png"]
    if form != tarfile.USTAR_FORMAT:
        names.append(f"{long}/bird/{long}{long}.png")
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=form) as target:
        folder = tarfile.TarInfo("folder")
        folder.type = tarfile.DIRTYPE
        target.addfile(folder)
        for number, name in enumerate(names):
            member = tarfile.TarInfo(name)
            content = PICTURE + b"\0" * 700 * number
            member.size = len(content)
            target.addfile(member, io.BytesIO(content))
    path = tmp_path / "x.tar"
    path.write_bytes(pack(out.getvalue()))

    found = inspect(path, "images")

    assert found.samples == len(names)
    assert found.classes == sorted(name.split("/")[-2] for name in names)
