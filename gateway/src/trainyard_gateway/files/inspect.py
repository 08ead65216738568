"""The content of a dataset's file: format, dimensions, samples, columns.

Files are read in pieces, never loaded whole, never unpickled.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from trainyard_gateway.errors import BadRequest
from trainyard_gateway.files.arrays import read_npy, read_npz
from trainyard_gateway.files.details import DatasetDetails
from trainyard_gateway.files.images import read_images
from trainyard_gateway.files.tables import read_csv, read_jsonl, read_parquet

_POOL = ThreadPoolExecutor(max_workers=2, thread_name_prefix="inspect")
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


def format_of(filename: str) -> str:
    """The format by the file's ending. Raises BadRequest naming those that are accepted."""
    lowered = filename.lower()
    for ending, name in sorted(FORMATS.items(), key=lambda item: -len(item[0])):
        if lowered.endswith(ending):
            return name
    raise BadRequest(
        f"the format of {filename[:140]!r} is not known by its ending; accepted are {', '.join(FORMATS)}"
    )


def inspect(path: Path, file_format: str) -> DatasetDetails:
    """Details of a file. Raises BadRequest with the line or member that is wrong."""
    if path.stat().st_size == 0:
        raise BadRequest("the file is empty")
    return _READERS[file_format](path)


async def inspect_in_pool(path: Path, file_format: str) -> DatasetDetails:
    """As `inspect`, in one of few threads that nothing else uses.

    Uploads that take long to inspect delay each other, but no read of the database.
    """
    return await asyncio.get_running_loop().run_in_executor(_POOL, inspect, path, file_format)


def _read_text(path: Path) -> DatasetDetails:
    with path.open(encoding="utf-8") as file:
        try:
            while file.read(1 << 20):
                pass
        except UnicodeDecodeError as error:
            raise BadRequest("the file is not UTF-8") from error
    size = path.stat().st_size
    return DatasetDetails(samples=size, dimensions=[size])


_READERS: Mapping[str, Callable[[Path], DatasetDetails]] = {
    "csv": read_csv,
    "parquet": read_parquet,
    "npz": read_npz,
    "npy": read_npy,
    "jsonl": read_jsonl,
    "text": _read_text,
    "images": read_images,
}
