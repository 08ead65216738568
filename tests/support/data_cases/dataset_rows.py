"""The samples of a dataset's file one by one, to write some of them into another file of its kind."""

from __future__ import annotations

import codecs
import csv
import io
import tarfile
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
import pyarrow as pa
from pyarrow import parquet

from trainyard_api.datasets.schema import DatasetSchema, TableDialect

PICTURES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff")
NO_CLASSES = ("__MACOSX", "@eaDir", ".ipynb_checkpoints")


@dataclass(frozen=True, slots=True)
class Rows:
    """`write(path, order)` makes a file of the samples in this order."""

    count: int
    write: Callable[[Path, Sequence[int]], object]


def rows(path: Path, file_format: str, schema: DatasetSchema) -> Rows | None:
    """The samples of a file; None of a text, which has none."""
    match file_format:
        case "csv":
            return _csv(path, schema.dialect or TableDialect())
        case "jsonl":
            return _jsonl(path)
        case "parquet":
            return _parquet(path)
        case "npz":
            return _npz(path, schema.samples)
        case "npy":
            values = np.load(path)
            return Rows(len(values), lambda to, order: np.save(to, values[list(order)]))
        case "images":
            return _images(path)
        case _:
            return None


def _csv(path: Path, dialect: TableDialect) -> Rows:
    text = _decoded(path.read_bytes(), dialect.encoding)
    records = [r for r in _records(text, dialect) if r.strip("\r\n")]
    head = records[: dialect.skip_lines + int(dialect.header)]
    body = records[len(head) :]

    def write(to: Path, order: Sequence[int]) -> None:
        ended = [r if r.endswith(("\n", "\r")) else r + "\n" for r in (body[i] for i in order)]
        to.write_bytes("".join(head + ended).encode())

    return Rows(len(body), write)


def _decoded(data: bytes, encoding: str) -> str:
    """Text of UTF-8, of the encoding that its byte order mark names, or of Windows."""
    if encoding == "windows-1252":
        return data.decode(encoding)
    if data.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):
        return data.decode("utf-32")
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return data.decode("utf-16")
    return data.decode("utf-8-sig")


def _records(text: str, dialect: TableDialect) -> Iterator[str]:
    """Records as they are written; line ends inside of quotes belong to them."""
    read: list[str] = []

    def lines() -> Iterator[str]:
        for line in io.StringIO(text, newline=""):
            read.append(line)
            yield line

    csv.field_size_limit(2**24)
    for _ in csv.reader(lines(), delimiter=dialect.delimiter, quotechar=dialect.quote):
        yield "".join(read)
        read.clear()


def _parquet(path: Path) -> Rows:
    table = parquet.read_table(path)

    def write(to: Path, order: Sequence[int]) -> None:
        # `take` does not know every type.
        parquet.write_table(pa.concat_tables([table.slice(i, 1) for i in order]), to)

    return Rows(table.num_rows, write)


def _jsonl(path: Path) -> Rows:
    text = path.read_bytes().decode("utf-8-sig")
    lines = [line for line in text.split("\n") if line.strip()]
    return Rows(
        len(lines), lambda to, order: to.write_text("".join(f"{lines[i]}\n" for i in order))
    )


def _npz(path: Path, samples: int) -> Rows:
    with np.load(path, allow_pickle=False) as archive:
        arrays = {name: archive[name] for name in archive.files}

    def write(to: Path, order: Sequence[int]) -> None:
        chosen = list(order)
        per_sample = {n: a for n, a in arrays.items() if a.ndim and len(a) == samples}
        with to.open("wb") as file:
            np.savez(file, **{n: a[chosen] for n, a in per_sample.items()})

    return Rows(samples, write)


def _images(path: Path) -> Rows:
    pictures = [(name, data) for name, data in _members(path) if _is_picture(name)]

    def write(to: Path, order: Sequence[int]) -> None:
        with zipfile.ZipFile(to.with_suffix(".zip"), "w") as archive:
            for i in order:
                archive.writestr(zipfile.ZipInfo(pictures[i][0]), pictures[i][1])

    return Rows(len(pictures), write)


def _members(path: Path) -> Iterator[tuple[str, bytes]]:
    if path.name.endswith(".zip"):
        with zipfile.ZipFile(path) as archive:
            yield from [(e.filename, archive.read(e)) for e in archive.infolist()]
        return
    with tarfile.open(path) as tar:
        for member in tar:
            content = tar.extractfile(member) if member.isfile() else None
            if content is not None:
                yield member.name, content.read()


def _is_picture(name: str) -> bool:
    path = PurePosixPath(name.replace("\\", "/"))
    hidden = any(part.startswith(".") or part in NO_CLASSES for part in path.parts)
    return path.suffix.lower() in PICTURES and not hidden
