"""Files that nobody should accept, made byte by byte: each names what is wrong with it."""

from __future__ import annotations

import gzip
import io
import json
import pickle
import struct
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

CANARY = "/tmp/trainyard-canary"


class BadFile(NamedTuple):
    """A file with its ending."""

    id: str
    filename: str
    content: bytes


class _Canary:
    def __reduce__(self) -> tuple[Any, ...]:
        return open, (CANARY, "w")


def datasets() -> Iterator[BadFile]:
    """Datasets of every format."""
    for name, content in _TABLES:
        ending = "jsonl" if name.startswith("jsonl") else "csv"
        yield BadFile(name, f"x.{ending}", content)
    yield from _parquet()
    for name, content in _npy():
        yield BadFile(name, "x.npy", content)
    for name, content in _npz():
        yield BadFile(name, "x.npz", content)
    for name, content in _zips():
        yield BadFile(name, "x.zip", content)
    for name, content in _tars():
        yield BadFile(name, "x.tar", content)
    yield BadFile("text-not-utf8", "x.txt", b"\xff\xfe\x00")
    for filename in (
        "x.pkl",
        "x.pt",
        "x.bin",
        "x.ckpt",
        "x.exe",
        "x",
        "x.csv.gz",
        "x.csv/",
        ".git",
    ):
        yield BadFile(f"ending-{filename}", filename, b"a,y\n1,2\n")
    for filename in ("x.csv", "x.parquet", "x.npz", "x.npy", "x.jsonl", "x.txt", "x.zip", "x.tar"):
        yield BadFile(f"empty-{filename}", filename, b"")


_TABLES = [
    ("csv-header-only", b"a,b\n"),
    ("csv-blank-header", b"\n1,2\n"),
    ("csv-nameless-column", b"a,,c\n1,2,3\n"),
    ("csv-doubled-column", b"a,a\n1,2\n"),
    ("csv-numbers-as-header", b"1,2\n3,4\n"),
    ("csv-short-row", b"a,b\n1\n"),
    ("csv-long-row", b"a,b\n1,2,3\n"),
    ("csv-latin-1", b"a,b\nf\xfcr,1\n"),
    ("csv-utf16", "a,b\n1,2\n".encode("utf-16")),
    ("csv-nul", b"a,b\n1,\x002\n"),
    ("csv-many-columns", ",".join(f"c{n}" for n in range(20_000)).encode() + b"\n1\n"),
    ("csv-long-line", b"a,b\n" + b"x" * (17 << 20)),
    ("csv-long-field", b"a,b\n" + b"x" * (1 << 18) + b",1\n"),
    ("csv-open-quote", b'a,b\n"1,2\n3,4\n'),
    ("jsonl-number", b"1\n"),
    ("jsonl-list", b"[1]\n"),
    ("jsonl-cut", b'{"a": 1'),
    ("jsonl-nan", b'{"a": NaN}\n'),
    ("jsonl-infinity", b'{"a": Infinity}\n'),
    ("jsonl-huge-number", b'{"a": 1e400}\n'),
    ("jsonl-not-utf8", b'{"a": "\xff"}\n'),
    ("jsonl-lone-surrogate", b'{"a": "\\ud800"}\n'),
    ("jsonl-deep", b'{"a":' * 100_000 + b"1" + b"}" * 100_000),
    ("jsonl-only-nulls", b'{"a": null}\n'),
    ("jsonl-blank", b"\n\n\n"),
    ("jsonl-many-names", json.dumps({f"c{n}": 1 for n in range(20_000)}).encode()),
    ("jsonl-two-in-a-line", b'{"a": 1}{"a": 2}\n'),
    ("jsonl-long-line", b'{"a": "' + b"x" * (17 << 20)),
]


def _parquet() -> Iterator[BadFile]:
    import pyarrow as pa
    from pyarrow import parquet

    def table(columns: dict[str, Any]) -> bytes:
        out = io.BytesIO()
        parquet.write_table(pa.table(columns), out)
        return out.getvalue()

    sound = table({"a": [1, 2]})
    files = {
        "not": b"PAR1 this is none PAR1",
        "only-mark": b"PAR1",
        "cut": sound[: len(sound) // 2],
        "footer-too-long": sound[:-8] + struct.pack("<I", 2**31 - 1) + b"PAR1",
        "footer-zero": sound[:-8] + struct.pack("<I", 0) + b"PAR1",
        "footer-garbage": b"PAR1" + b"\xff" * 64 + struct.pack("<I", 64) + b"PAR1",
        "encrypted": sound[:-4] + b"PARE",
        "no-rows": table({"a": pa.array([], pa.int64())}),
        "many-columns": table({f"c{n}": [1] for n in range(10_001)}),
        "csv": b"a,b\n1,2\n",
    }
    for name, content in files.items():
        yield BadFile(f"parquet-{name}", "x.parquet", content)


def npy(header: str | bytes, values: bytes = b"", version: bytes = b"\x01\x00") -> bytes:
    """An NPY file with that header."""
    raw = header.encode("latin-1") if isinstance(header, str) else header
    return b"\x93NUMPY" + version + struct.pack("<H", len(raw)) + raw + values


def _descr(descr: str, shape: str) -> str:
    return f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}\n"


_SOUND_NPY = npy(_descr("'<f8'", "(2,)"), b"\0" * 16)


def _npy() -> Iterator[tuple[str, bytes]]:
    yield "npy-not", b"hello, this is no array"
    yield "npy-only-mark", b"\x93NUMPY"
    yield "npy-cut-length", b"\x93NUMPY\x01\x00\x10"
    yield "npy-cut-header", _SOUND_NPY[:20]
    yield "npy-cut-values", _SOUND_NPY[:-1]
    yield "npy-trailing", _SOUND_NPY + b"x"
    yield "npy-objects", npy(_descr("'|O'", "(1,)"), pickle.dumps([_Canary()]))
    yield "npy-pickle", pickle.dumps(_Canary())
    yield "npy-version-9", npy(_descr("'<f8'", "(2,)"), b"\0" * 16, b"\x09\x00")
    yield "npy-shape-negative", npy(_descr("'<f8'", "(-1,)"))
    yield "npy-shape-zero", npy(_descr("'<f8'", "(0,)"))
    yield "npy-shape-text", npy(_descr("'<f8'", "('a',)"))
    yield "npy-shape-overflow", npy(_descr("'<f8'", "(2**62, 2**62)"))
    yield "npy-shape-huge", npy(_descr("'<f8'", f"({2**62}, {2**62})"))
    yield "npy-shape-true", npy(_descr("'<f8'", "(True,)"))
    yield "npy-dtype-unknown", npy(_descr("'<q99'", "(1,)"))
    yield "npy-dtype-call", npy(_descr("__import__('os').getcwd()", "(1,)"))
    yield "npy-deep-header", npy("(" * 5000 + ")" * 5000)
    yield "npy-long-header", b"\x93NUMPY\x02\x00" + struct.pack("<I", 2**32 - 1) + b"{"
    yield "npy-header-list", npy("[1, 2]\n")
    yield (
        "npy-extra-key",
        npy("{'descr': '<f8', 'fortran_order': False, 'shape': (1,), 'x': 1}", b"\0" * 8),
    )


def zipped(members: dict[str, bytes], method: int = zipfile.ZIP_STORED) -> bytes:
    """A zip archive."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return out.getvalue()


def _marked(archive: bytes, offset: int, value: bytes) -> bytes:
    """The same archive with another value in the directory's first entry and in the first local header."""
    raw = bytearray(archive)
    directory = raw.index(b"PK\x01\x02")
    raw[directory + offset : directory + offset + len(value)] = value
    local = offset - 2
    raw[local : local + len(value)] = value
    return bytes(raw)


def _npz() -> Iterator[tuple[str, bytes]]:
    sound = zipped({"a.npy": _SOUND_NPY})
    yield "npz-not", b"PK\x03\x04 nothing more"
    yield "npz-npy", _SOUND_NPY
    yield "npz-no-members", zipped({})
    yield "npz-text-member", zipped({"a.npy": b"hello"})
    yield "npz-objects", zipped({"a.npy": npy(_descr("'|O'", "(1,)"), pickle.dumps(_Canary()))})
    yield "npz-pickle", zipped({"data.pkl": pickle.dumps(_Canary())})
    yield "npz-cut", sound[:-10]
    yield "npz-false-size", _marked(sound, 24, struct.pack("<I", 2**31))
    yield "npz-encrypted", _marked(sound, 8, b"\x01\x00")
    yield "npz-method-99", _marked(sound, 10, b"\x63\x00")
    yield "npz-many", zipped({f"{n}.npy": b"" for n in range(2000)})
    yield (
        "npz-bomb",
        zipped({"a.npy": npy(_descr("'<f8'", "(1,)")) + b"\0" * (64 << 20)}, zipfile.ZIP_DEFLATED),
    )
    yield "npz-nested", zipped({"a.npz": sound})


PNG = b"\x89PNG\r\n\x1a\n"


def _zips() -> Iterator[tuple[str, bytes]]:
    for name in ("../up/a.png", "/etc/a.png", "a/../../b.png", "cat/../../../x.png"):
        yield f"zip-slip-{name.replace('/', '_')}", zipped({name: PNG})
    for kind, name in (
        ("newline", "cat/a\n.png"),
        ("escape", "cat/\x1b[31m.png"),
        ("override", "cat/\u202egnp.png"),
    ):
        yield f"zip-name-{kind}", zipped({name: PNG})
    yield "zip-backslash", zipped({"cat\\..\\..\\x.png": PNG})
    yield "zip-no-images", zipped({"cat/a.txt": b"x"})
    yield "zip-no-folders", zipped({"a.png": PNG})
    yield "zip-empty", zipped({})
    yield "zip-cut", zipped({"cat/a.png": PNG})[:-8]
    yield "zip-encrypted", _marked(zipped({"cat/a.png": PNG}), 8, b"\x01\x00")
    yield "zip-many-folders", zipped({f"c{n}/a.png": b"" for n in range(1500)})
    yield "zip-false-directory", zipped({"cat/a.png": PNG}).replace(b"PK\x01\x02", b"PK\x09\x09")
    link = zipfile.ZipInfo("cat/a.png")
    link.create_system, link.external_attr = 3, 0o120777 << 16
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr(link, "/etc/passwd")
    yield "zip-link", out.getvalue()
    yield "zip-twins", _twins("cat/a.png", "cat/a.png")
    yield "zip-case-twins", _twins("cat/a.png", "cat/A.PNG")
    yield "zip-false-size", _marked(zipped({"cat/a.png": PNG}), 24, struct.pack("<I", 2**32 - 2))
    yield "zip-ratio", zipped({"cat/a.png": b"\0" * (32 << 20)}, zipfile.ZIP_DEFLATED)


def _twins(first: str, second: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr(first, PNG)
        if second == first:
            second = first[:-1] + "h"
        archive.writestr(second, PNG)
    return out.getvalue().replace(b"cat/a.pnh", b"cat/a.png")


def tarred(change: Callable[[tarfile.TarInfo], None], name: str = "cat/a.png") -> bytes:
    """A tar archive of one member that `change` has touched."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        member = tarfile.TarInfo(name)
        change(member)
        archive.addfile(member)
    return out.getvalue()


def _tars() -> Iterator[tuple[str, bytes]]:
    kinds = {
        "symlink": tarfile.SYMTYPE, "hardlink": tarfile.LNKTYPE, "device": tarfile.CHRTYPE,
        "block": tarfile.BLKTYPE, "fifo": tarfile.FIFOTYPE,
    }  # fmt: skip
    for kind, code in kinds.items():

        def change(member: tarfile.TarInfo, code: bytes = code) -> None:
            member.type, member.linkname = code, "/etc/passwd"

        yield f"tar-{kind}", tarred(change)
    for name in ("../up/a.png", "/etc/a.png", "cat/../../x.png", "cat/\x1b[0m.png", "cat/a\n.png"):
        yield f"tar-name-{name!r}".replace("/", "_"), tarred(lambda _: None, name)
    plain = tarred(lambda _: None)
    yield "tar-cut", plain[:300]
    yield "tar-checksum", b"x" + plain[1:]
    yield "tar-not", b"hello" * 300
    yield "tar-no-images", tarred(lambda _: None, "cat/a.txt")
    yield "tar-false-size", tarred(lambda member: setattr(member, "size", 1 << 40))
    yield "tar-gzip-cut", gzip.compress(plain)[:-12]
    yield "tar-gzip-garbage", b"\x1f\x8b\x08\x00" + b"\xff" * 200
    yield "tar-gzip-bomb", gzip.compress(plain[:512] + b"\x01" * (64 << 20), 9)
    yield "tar-pickle", pickle.dumps(_Canary())


def models() -> Iterator[BadFile]:
    """What is no safetensors file."""
    for name, content in _models():
        yield BadFile(name, "x.safetensors", content)


def safetensors(header: bytes | dict[str, Any], data: bytes = b"") -> bytes:
    """A file with that header."""
    raw = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(raw)) + raw + data


def tensor(start: int, end: int, dtype: Any = "F32", shape: Any = (1,)) -> dict[str, Any]:
    """An entry of the header."""
    return {"dtype": dtype, "shape": shape, "data_offsets": [start, end]}


def _models() -> Iterator[tuple[str, bytes]]:
    four, eight = b"\0" * 4, b"\0" * 8
    yield "empty", b""
    yield "seven-bytes", b"\0" * 7
    yield "no-header", b"\0" * 8
    for exponent in (31, 32, 62, 63):
        yield f"header-2^{exponent}", struct.pack("<Q", 2**exponent) + b"{}"
    yield "header-over-file", struct.pack("<Q", 100) + b"{}"
    yield "header-all-ones", b"\xff" * 64
    for name, raw in {
        "cut": b'{"w"', "list": b"[]", "number": b"1", "null": b"null", "text": b'"x"', "nan": b'{"w": NaN}',
        "not-utf8": b'{"\xff": 1}', "deep": b"[" * 100_000, "two": b"{}{}", "surrogate": b'{"\\ud800": 1}',
    }.items():  # fmt: skip
        yield f"json-{name}", safetensors(raw)
    headers: dict[str, tuple[dict[str, Any], bytes]] = {
        "overlap": ({"a": tensor(0, 4), "b": tensor(2, 6)}, b"\0" * 6),
        "same-place": ({"a": tensor(0, 4), "b": tensor(0, 4)}, four),
        "gap": ({"a": tensor(0, 4), "b": tensor(8, 12)}, b"\0" * 12),
        "gap-at-start": ({"a": tensor(4, 8)}, eight),
        "trailing": ({"a": tensor(0, 4)}, eight),
        "cut-data": ({"a": tensor(0, 4)}, b"\0" * 3),
        "backwards": ({"a": tensor(4, 0)}, four),
        "negative-offset": ({"a": tensor(-4, 0)}, four),
        "float-offset": ({"a": tensor(0.0, 4.0)}, four),  # type: ignore[arg-type]  # wrong on purpose
        "text-offset": ({"a": tensor("0", "4")}, four),  # type: ignore[arg-type]  # wrong on purpose
        "one-offset": ({"a": {**tensor(0, 4), "data_offsets": [0]}}, four),
        "three-offsets": ({"a": {**tensor(0, 4), "data_offsets": [0, 4, 8]}}, four),
        "dtype-unknown": ({"a": tensor(0, 4, "F31")}, four),
        "dtype-number": ({"a": tensor(0, 4, 5)}, four),
        "dtype-list": ({"a": tensor(0, 4, [])}, four),
        "shape-wrong": ({"a": tensor(0, 4, shape=[2])}, four),
        "shape-negative": ({"a": tensor(0, 4, shape=[-1, -1])}, four),
        "shape-float": ({"a": tensor(0, 4, shape=[1.0])}, four),
        "shape-true": ({"a": tensor(0, 4, shape=[True])}, four),
        "shape-text": ({"a": tensor(0, 4, shape="1")}, four),
        "shape-number": ({"a": tensor(0, 4, shape=1)}, four),
        "shape-null": ({"a": tensor(0, 4, shape=None)}, four),
        "shape-overflow": ({"a": tensor(0, 0, shape=[2**62, 4])}, b""),
        "shape-missing": ({"a": {"dtype": "F32", "data_offsets": [0, 4]}}, four),
        "tensor-null": ({"a": None}, b""),
        "tensor-list": ({"a": []}, b""),
        "unknown-field": ({"a": {**tensor(0, 4), "code": "x"}}, four),
        "metadata-list": ({"__metadata__": [], "a": tensor(0, 4)}, four),
        "metadata-number": ({"__metadata__": {"n": 1}, "a": tensor(0, 4)}, four),
    }
    for name, (header, data) in headers.items():
        yield name, safetensors(header, data)
    once = json.dumps(tensor(0, 4)).encode()
    yield "duplicate-tensor", safetensors(b'{"a":' + once + b',"a":' + once + b"}", four)
    yield "long-dimensions", safetensors({"a": tensor(0, 4, shape=[1] * 2_000_000)}, four)
    yield "pickle", pickle.dumps(_Canary())
    yield "pickle-legacy", pickle.dumps(0x1950A86A20F9469CFC6C, 2) + pickle.dumps(1001, 2)
    yield (
        "torch-zip",
        zipped({"archive/data.pkl": pickle.dumps(_Canary()), "archive/version": b"3"}),
    )
    yield "torch-tar", tarred(lambda _: None, "pickle")
    yield "polyglot-zip", safetensors({"a": tensor(0, 4)}, four) + zipped({"data.pkl": b"x"})
    yield "hdf5", b"\x89HDF\r\n\x1a\n" + b"\0" * 100
    yield "gguf", b"GGUF" + struct.pack("<IQQ", 3, 0, 0)
