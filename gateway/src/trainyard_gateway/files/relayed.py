"""Artifacts that the relay of a session's pod kept, and could not send before the session ended.

They are in `runs/<session UID>/.trainyard/relay/<worker>/artifacts`, where
`trainyard_supervisor.relay.artifacts` writes them: `<number>.bin`, and `<number>.json` that says
what it is.

Guarantees: links that the program has put there are not followed; what says what a file is, is
bounded and typed; one such file is in memory at a time.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from trainyard_api import contract
from trainyard_gateway.errors import BadRequest
from trainyard_gateway.files.outputs import FILE, folder_inside, open_inside

AT_ONCE = 20_000
"""Files of one look."""
_MOST_BYTES = 16 << 10
"""Of what says what a file is."""
_RELAY = tuple(contract.RELAY.split("/"))
_FOLDER = "artifacts"
_WORKER, _ABOUT = re.compile(r"\d{1,6}"), re.compile(r"\d{12}\.json")


class About(BaseModel):
    """What a file is."""

    model_config = ConfigDict(extra="ignore", frozen=True, strict=True)

    run: str = Field(pattern=r"^[0-9a-f]{32}$")
    path: str = Field(min_length=1, max_length=1000)
    sent: bool = False


class Relayed(NamedTuple):
    """A file of a relay. They sort by worker as they were made."""

    worker: str
    number: str


class RelayedArtifacts:
    """What relays kept, below a folder of runs."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def of(self, uid: str) -> list[Relayed]:
        """The first `AT_ONCE` files of a session. Raises OSError."""
        found = (
            Relayed(worker, file.removesuffix(".json"))
            for worker in self._names((uid, *_RELAY), _WORKER)
            for file in self._names((uid, *_RELAY, worker, _FOLDER), _ABOUT)
        )
        return sorted(islice(found, AT_ONCE))

    def about(self, uid: str, one: Relayed) -> About | None:
        """What a file is; None if no relay can have written that. Raises OSError."""
        try:
            handle = open_inside(self._root, (*_place(uid, one), f"{one.number}.json"))
        except BadRequest:
            return None
        with os.fdopen(handle, "rb") as file:
            if not stat.S_ISREG(os.fstat(handle).st_mode):
                return None
            try:
                return About.model_validate_json(file.read(_MOST_BYTES))
            except ValidationError:
                return None

    def open(self, uid: str, one: Relayed) -> tuple[int, int] | None:
        """A handle of the content, and its bytes; None where there is none. Raises OSError."""
        with suppress(FileNotFoundError), folder_inside(self._root, _place(uid, one)) as folder:
            name = f"{one.number}.bin"
            if stat.S_ISREG(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode):
                handle = os.open(name, FILE, dir_fd=folder)
                return handle, os.fstat(handle).st_size
        return None

    def remove(self, uid: str, one: Relayed, *, content: bool) -> None:
        """Remove what says what a file is, with or without its content. Raises OSError."""
        names = (f"{one.number}.json", f"{one.number}.bin") if content else (f"{one.number}.json",)
        for name in names:
            with suppress(FileNotFoundError), folder_inside(self._root, _place(uid, one)) as folder:
                os.unlink(name, dir_fd=folder)

    def _names(self, place: tuple[str, ...], kind: re.Pattern[str]) -> Iterator[str]:
        # NotADirectoryError: what is there is a file, or a link, which are not followed.
        with (
            suppress(FileNotFoundError, NotADirectoryError),
            folder_inside(self._root, place) as folder,
            os.scandir(folder) as entries,
        ):
            yield from (entry.name for entry in entries if kind.fullmatch(entry.name))


def _place(uid: str, one: Relayed) -> tuple[str, ...]:
    return uid, *_RELAY, one.worker, _FOLDER
