"""Reports that a trainer wrote but could not deliver before it ended.

They are in `runs/<session UID>/spool/<attempt>/<stream>/<sequence>.json`, where
`trainyard.reporting.spool` writes them, or in `….jsonl`, where `trainyard.reporting.line_spool`
writes a line for each call of MLflow's clients.

Guarantees: links that the program has put there are not followed; at most `AT_ONCE` names and one
batch are in memory.
"""

from __future__ import annotations

import errno
import os
import re
import stat
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from trainyard_api import contract
from trainyard_api.report import MAX_BATCH_BYTES
from trainyard_gateway.files.outputs import FILE, folder_inside

AT_ONCE = 2000
"""Batches of one look; a program may have left more files than anybody wants to list."""

_ATTEMPT, _STREAM = re.compile(r"\d{6}"), re.compile(r"[a-z0-9-]{1,64}")
_BATCH = re.compile(r"\d{12}\.jsonl?")


@dataclass(frozen=True, slots=True, order=True)
class SpooledBatch:
    """A batch in the spool of a run. They sort by stream as they were made."""

    attempt: str
    stream: str
    file: str

    @property
    def sequence(self) -> int:
        """Its number within the stream."""
        return int(self.file.partition(".")[0])

    @property
    def is_lines(self) -> bool:
        """Whether the file has a line for each call instead of the batch itself."""
        return self.file.endswith(".jsonl")


class SpoolFolders:
    """The spools below a folder of runs."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def of(self, uid: str) -> list[SpooledBatch]:
        """The first `AT_ONCE` batches of a session; none without a spool. Raises OSError."""
        spool = (uid, contract.SPOOL)
        return sorted(
            islice(
                (
                    SpooledBatch(attempt, stream, file)
                    for attempt in self._names(spool, _ATTEMPT)
                    for stream in self._names((*spool, attempt), _STREAM)
                    for file in self._names((*spool, attempt, stream), _BATCH)
                ),
                AT_ONCE,
            )
        )

    def read(self, uid: str, left: SpooledBatch) -> bytes | None:
        """The text of a batch; None if it is not a regular file or is too large. Raises OSError."""
        with folder_inside(self._root, _place(uid, left)) as folder:
            try:
                handle = os.open(left.file, FILE, dir_fd=folder)
            except OSError as error:
                if error.errno != errno.ELOOP:
                    raise
                # A link, which is not followed.
                return None
        with os.fdopen(handle, "rb") as file:
            found = os.fstat(handle)
            if not stat.S_ISREG(found.st_mode) or found.st_size > MAX_BATCH_BYTES:
                return None
            return file.read(MAX_BATCH_BYTES)

    def remove(self, uid: str, left: SpooledBatch) -> None:
        """Remove a batch; an absent one is ignored. Raises OSError."""
        with suppress(FileNotFoundError), folder_inside(self._root, _place(uid, left)) as folder:
            os.unlink(left.file, dir_fd=folder)

    def _names(self, place: tuple[str, ...], kind: re.Pattern[str]) -> Iterator[str]:
        # NotADirectoryError: what is there is a file, or a link, which are not followed.
        with (
            suppress(FileNotFoundError, NotADirectoryError),
            folder_inside(self._root, place) as folder,
            os.scandir(folder) as entries,
        ):
            yield from (entry.name for entry in entries if kind.fullmatch(entry.name))


def _place(uid: str, left: SpooledBatch) -> tuple[str, ...]:
    return uid, contract.SPOOL, left.attempt, left.stream
