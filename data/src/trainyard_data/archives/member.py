"""One member of an archive, and how its name becomes text."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from trainyard_data.errors import BadData

OLD_ENCODING = "cp437"
"""Names that are not UTF-8 are read byte by byte, as zip's first systems did. No byte is refused,
and different names stay different."""


_LONGEST_SHOWN = 200


class Kind(StrEnum):
    """What a member is."""

    FILE = "file"
    FOLDER = "folder"
    LINK = "link"
    DEVICE = "device"


@dataclass(frozen=True, slots=True)
class Member:
    """One member.

    `name`: as it is written, decoded. `size`: unpacked bytes that the archive declares. `utf8`:
    whether the name is UTF-8. `content` can be asked for until the next member is, and once.
    """

    name: str
    kind: Kind
    size: int
    utf8: bool
    read: Callable[[], bytes]

    def content(self) -> bytes:
        """All bytes. Raises BadData, whose sentence begins with the member's name."""
        try:
            return self.read()
        except BadData as error:
            raise BadData(f"{shown(self.name)} {error}", error.hint) from error


def shown(name: str) -> str:
    """A name in quotes for a sentence, cut, with its control characters escaped."""
    return repr(name if len(name) <= _LONGEST_SHOWN else f"{name[:_LONGEST_SHOWN]}…")


def decoded(raw: bytes) -> tuple[str, bool]:
    """A name as text, and whether it is UTF-8."""
    try:
        return raw.decode("utf-8"), True
    except UnicodeDecodeError:
        return raw.decode(OLD_ENCODING), False
