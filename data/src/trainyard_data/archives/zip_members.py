"""The members of a zip archive."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from trainyard_data.archives.limits import Budget
from trainyard_data.archives.member import Member
from trainyard_data.archives.zip_content import read
from trainyard_data.archives.zip_directory import Entry, entries


def members(path: Path, budget: Budget) -> Iterator[Member]:
    """The members in the directory's order. Raises BadData."""
    with path.open("rb") as contents:
        for entry in entries(path, budget):

            def content(entry: Entry = entry) -> bytes:
                return read(contents, entry, budget)

            yield Member(entry.name, entry.kind, entry.size, entry.utf8, content)
