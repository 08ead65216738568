"""The format of a dataset's file, by the ending of its name."""

from __future__ import annotations

from trainyard_data.errors import BadData

FORMATS = {
    ".csv": "csv",
    ".tsv": "csv",
    ".tab": "csv",
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
"""Format by ending, in lower case."""


def format_of(filename: str) -> str:
    """The format by the file's ending. Raises BadData naming those that are accepted."""
    lowered = filename.lower()
    for ending, name in sorted(FORMATS.items(), key=lambda item: -len(item[0])):
        if lowered.endswith(ending):
            return name
    raise BadData(
        f"the format of {filename[:140]!r} is not known by its ending;"
        f" accepted are {', '.join(FORMATS)}"
    )
