"""What a dataset's file holds: format, dimensions, samples, columns. Read in pieces, never loaded whole, never unpickled."""

from __future__ import annotations

import csv
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from trainyard_api.model import Status
from trainyard_gateway.errors import BadRequest

FORMATS = {
    ".csv": "csv",
    ".parquet": "parquet",
    ".npz": "npz",
    ".npy": "npy",
    ".jsonl": "jsonl",
    ".txt": "text",
    ".zip": "images",
    ".tar": "images",
    ".tar.gz": "images",
    ".tgz": "images",
}
_IMAGES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp"})
_MAX_CLASSES = 1000
_MAX_COLUMNS = 10_000


class ColumnInfo(Status):
    """One column or array."""

    name: str
    type: str
    """integer, number, text, boolean, or an array's dtype and shape."""


class DatasetDetails(Status):
    """What is in a dataset."""

    samples: int
    """Rows, images, or bytes of a text."""
    dimensions: list[int]
    """Samples, then the extent of one sample."""
    columns: list[ColumnInfo] = []
    """Columns of a table, arrays of an archive."""
    classes: list[str] | None = None
    """Values of the last column of a CSV when they are few, or the class folders of images."""


def format_of(filename: str) -> str:
    """The format by the file's ending. Raises BadRequest naming those that are accepted."""
    lowered = filename.lower()
    for ending, name in sorted(FORMATS.items(), key=lambda item: -len(item[0])):
        if lowered.endswith(ending):
            return name
    raise BadRequest(
        f"the format of {filename!r} is not known by its ending; accepted are {', '.join(FORMATS)}"
    )


def inspect(path: Path, file_format: str) -> DatasetDetails:
    """Details of a file. Raises BadRequest with the line or member that is wrong."""
    readers = {
        "csv": _csv,
        "parquet": _parquet,
        "npz": _npz,
        "npy": _npy,
        "jsonl": _jsonl,
        "text": _text,
        "images": _images,
    }
    if path.stat().st_size == 0:
        raise BadRequest("the file is empty")
    return readers[file_format](path)


def _csv(path: Path) -> DatasetDetails:
    with path.open("r", encoding="utf-8-sig", newline="") as file:
        reader = csv.reader(file)
        try:
            header = _header(next(reader, []))
            types = ["integer"] * len(header)
            last: set[str] | None = set()
            count = 0
            for row in reader:
                if not row:
                    continue
                if len(row) != len(header):
                    raise BadRequest(
                        f"line {reader.line_num}: {len(row)} values, but the header has {len(header)} columns"
                    )
                types = [
                    _widen(t, v) if t != "text" else t for t, v in zip(types, row, strict=True)
                ]
                last = _collect(last, row[-1])
                count += 1
        except UnicodeDecodeError as error:
            raise BadRequest(f"the file is not UTF-8 (after line {reader.line_num})") from error
        except csv.Error as error:
            raise BadRequest(f"line {reader.line_num}: {error}") from error
    if count == 0:
        raise BadRequest("the file has a header but no rows")
    columns = [ColumnInfo(name=n, type=t) for n, t in zip(header, types, strict=True)]
    classes = sorted(last) if last is not None and types[-1] != "number" else None
    return DatasetDetails(
        samples=count, dimensions=[count, len(header)], columns=columns, classes=classes
    )


def _header(header: list[str]) -> list[str]:
    if not header:
        raise BadRequest("line 1: the header is missing; the first line names the columns")
    if len(header) > _MAX_COLUMNS:
        raise BadRequest(f"line 1: {len(header)} columns; at most {_MAX_COLUMNS} are accepted")
    for position, name in enumerate(header, 1):
        if not name.strip():
            raise BadRequest(f"line 1: column {position} has no name")
        if header.index(name) != position - 1:
            raise BadRequest(f"line 1: the column name {name!r} occurs twice")
    if all(_widen("integer", name) != "text" for name in header):
        raise BadRequest("line 1: all column names are numbers; is the header missing?")
    return header


def _widen(known: str, value: str) -> str:
    if value == "":
        return "number" if known == "integer" else known
    try:
        int(value)
    except ValueError:
        try:
            float(value)
        except ValueError:
            return "text"
        return "number"
    return known


def _collect(values: set[str] | None, value: str) -> set[str] | None:
    if values is None:
        return None
    values.add(value)
    return values if len(values) <= _MAX_CLASSES else None


def _parquet(path: Path) -> DatasetDetails:
    import pyarrow as pa
    from pyarrow import parquet

    try:
        footer = parquet.ParquetFile(path)
    except (pa.ArrowException, OSError) as error:
        raise BadRequest(f"not a Parquet file: {error}") from error
    rows, schema = footer.metadata.num_rows, footer.schema_arrow
    columns = [ColumnInfo(name=f.name, type=str(f.type)) for f in schema]
    return DatasetDetails(samples=rows, dimensions=[rows, len(columns)], columns=columns)


def _npz(path: Path) -> DatasetDetails:
    try:
        with zipfile.ZipFile(path) as archive:
            arrays = {}
            for name in archive.namelist():
                with archive.open(name) as member:
                    arrays[name.removesuffix(".npy")] = _npy_header(member)
    except zipfile.BadZipFile as error:
        raise BadRequest(f"not an NPZ archive: {error}") from error
    if not arrays:
        raise BadRequest("the NPZ archive holds no arrays")
    largest = max(arrays.values(), key=lambda a: len(a[0]))
    columns = [ColumnInfo(name=n, type=f"{d}{list(s)}") for n, (s, d) in arrays.items()]
    shape = list(largest[0]) or [1]
    return DatasetDetails(samples=shape[0], dimensions=shape, columns=columns)


def _npy(path: Path) -> DatasetDetails:
    with path.open("rb") as file:
        shape, dtype = _npy_header(file)
    extents = list(shape) or [1]
    columns = [ColumnInfo(name="data", type=f"{dtype}{extents}")]
    return DatasetDetails(samples=extents[0], dimensions=extents, columns=columns)


def _npy_header(file: Any) -> tuple[tuple[int, ...], str]:
    from numpy.lib import format as npy

    try:
        version = npy.read_magic(file)
        read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
        shape, _, dtype = read(file)
    except (ValueError, EOFError) as error:
        raise BadRequest(f"not an NPY array: {error}") from error
    if dtype.hasobject:
        raise BadRequest(
            "the array holds Python objects; save numbers or fixed-length texts (dtype is not object)"
        )
    return shape, str(dtype)


def _jsonl(path: Path) -> DatasetDetails:
    import orjson

    columns: dict[str, str] = {}
    count = 0
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            if not line.strip():
                continue
            try:
                value = orjson.loads(line)
            except orjson.JSONDecodeError as error:
                raise BadRequest(f"line {number}: {error}") from error
            if not isinstance(value, dict):
                raise BadRequest(
                    f"line {number}: an object is needed, this is {type(value).__name__}"
                )
            count += 1
            columns |= {k: type(v).__name__ for k, v in value.items() if v is not None}
    if not columns:
        raise BadRequest("the file has no objects with values")
    listed = [ColumnInfo(name=n, type=t) for n, t in columns.items()]
    return DatasetDetails(samples=count, dimensions=[count, len(listed)], columns=listed)


def _text(path: Path) -> DatasetDetails:
    with path.open(encoding="utf-8") as file:
        try:
            while file.read(1 << 20):
                pass
        except UnicodeDecodeError as error:
            raise BadRequest("the file is not UTF-8") from error
    size = path.stat().st_size
    return DatasetDetails(samples=size, dimensions=[size])


def _images(path: Path) -> DatasetDetails:
    classes: set[str] = set()
    count = 0
    for name in _members(path):
        place = PurePosixPath(name)
        if ".." in place.parts or place.is_absolute():
            raise BadRequest(f"the archive's member {name!r} points outside of it")
        if place.suffix.lower() in _IMAGES and len(place.parts) > 1:
            classes.add(place.parent.name)
            count += 1
    if count == 0:
        raise BadRequest(
            f"no images ({', '.join(sorted(_IMAGES))}) in folders named after their class"
        )
    return DatasetDetails(samples=count, dimensions=[count], classes=sorted(classes))


def _members(path: Path) -> Iterator[str]:
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            yield from (i.filename for i in archive.infolist() if not i.is_dir())
        return
    try:
        with tarfile.open(path) as tar:
            for member in tar:
                if member.issym() or member.islnk() or not (member.isfile() or member.isdir()):
                    raise BadRequest(f"the archive's member {member.name!r} is a link or a device")
                if member.isfile():
                    yield member.name
    except tarfile.TarError as error:
        raise BadRequest(f"neither a zip nor a tar archive: {error}") from error
