"""A page of a folder by name, with memory for that page alone however many files there are."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Literal

from trainyard_api import timestamps
from trainyard_api.files.names import address
from trainyard_api.model import OpenModel
from trainyard_api.visible_text import visible
from trainyard_gateway.files.outputs import folder_inside
from trainyard_gateway.paging import ROWS_BYTES
from trainyard_gateway.run_files import opening

MOST_ENTRIES = 5000
"""Entries of one page."""
_AT_ONCE = 4 * MOST_ENTRIES
"""Names that are compared at a time."""
_ROW_BYTES = 200
"""Bytes of an entry without its names."""
_LONGEST_TARGET = 400
Kind = Literal["folder", "file", "link", "other"]


class FileEntry(OpenModel):
    """Something in a folder."""

    name: str
    """Its name for people: bytes that are not UTF-8, control characters and invisible ones are
    shown as escapes."""
    path: str
    """Its path below the session's folder, percent-encoded: as it stands in URLs, also in
    `?path=`."""
    kind: Kind
    """`other` is a pipe, a socket or a device. Only files can be read."""
    size_bytes: int
    """Bytes of a file; 0 of everything else."""
    modified: str
    etag: str = ""
    """The ETag of a file; another one means that its content may be another."""
    target: str | None = None
    """Where a link leads, as it is written in it. Links are not followed."""


@dataclass(frozen=True, slots=True)
class Listing:
    """A page of what is at a path."""

    kind: Kind
    """What is there itself."""
    entries: list[FileEntry]
    """A folder's page; else the one thing itself."""
    total: int
    """Number of entries of the folder, as far as they were there in this moment."""
    more: bool
    """Whether there are entries after these."""


def read(root: Path, parts: Sequence[str], after: str, most: int) -> Listing:
    """What is at `root/parts…`: up to `most` entries whose names come after `after`.

    `parts` begins with the folder of the session. Raises OSError.
    """
    inside = parts[1:]
    if inside:
        with folder_inside(root, parts[:-1]) as above:
            found = os.stat(parts[-1], dir_fd=above, follow_symlinks=False)
            if (kind := _kind(found)) != opening.FOLDER:
                entry = _entry(above, inside[:-1], parts[-1], found)
                return Listing(kind, [entry], 1, False)
    with folder_inside(root, parts) as folder:
        while True:
            names, total = _names(folder, after, most + 1, top=not inside)
            entries = list(_page(folder, inside, names[:most]))
            if entries or len(names) <= most:
                break
            # All of them have gone meanwhile, and there are more.
            after = names[most - 1]
    cut = len(entries) < min(len(names), most) and bool(entries)
    return Listing("folder", entries, total, cut or len(names) > most)


def _names(folder: int, after: str, most: int, top: bool) -> tuple[list[str], int]:
    """The first `most` names after `after` in their order, and the number of all names."""
    first: list[str] = []
    total = 0
    with os.scandir(folder) as entries:
        shown = (e.name for e in entries if not (top and opening.is_hidden([e.name])))
        while batch := list(islice(shown, _AT_ONCE)):
            total += len(batch)
            first += [name for name in batch if name > after]
            if len(first) > most:
                first = sorted(first)[:most]
    return sorted(first), total


def _page(folder: int, place: Sequence[str], names: Sequence[str]) -> Iterator[FileEntry]:
    """As many entries as a response holds. What has gone meanwhile is left out."""
    used = 0
    for name in names:
        with suppress(FileNotFoundError):
            found = os.stat(name, dir_fd=folder, follow_symlinks=False)
            entry = _entry(folder, place, name, found)
            row = len(entry.name.encode()) + len(entry.path) + len((entry.target or "").encode())
            used += 2 * row + _ROW_BYTES
            if used > ROWS_BYTES and used > 2 * row + _ROW_BYTES:
                return
            yield entry


def _entry(folder: int, place: Sequence[str], name: str, found: os.stat_result) -> FileEntry:
    kind = _kind(found)
    regular = kind == opening.FILE
    target = _target(folder, name) if kind == opening.LINK else None
    micros = min(max(found.st_mtime_ns // 1000, 0), timestamps.LATEST_SECONDS * 1_000_000)
    return FileEntry(
        name=visible(name),
        path=address("/".join((*place, name))),
        kind=kind,
        size_bytes=found.st_size if regular else 0,
        modified=timestamps.micros_to_text(micros),
        etag=opening.entity_tag(found) if regular else "",
        target=target,
    )


def _target(folder: int, name: str) -> str | None:
    with suppress(OSError):
        return visible(os.readlink(name, dir_fd=folder)[:_LONGEST_TARGET])
    return None


def _kind(found: os.stat_result) -> Kind:
    kind: Kind = opening.kind_of(found)  # type: ignore[assignment]  # the four words
    return kind
