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
    if ending := ending_of(filename):
        return FORMATS[ending]
    raise BadData(
        f"the format of {filename[:140]!r} is not known by its ending;"
        f" accepted are {', '.join(FORMATS)}"
    )


def ending_of(filename: str) -> str:
    """The ending that says the format, in lower case and with its point; empty if none does."""
    lowered = filename.lower()
    longest_first = sorted(FORMATS, key=len, reverse=True)
    return next((ending for ending in longest_first if lowered.endswith(ending)), "")
