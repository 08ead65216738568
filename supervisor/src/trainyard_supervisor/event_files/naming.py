"""What the values of event files are called as metrics.

TensorBoard shows a tag by the folder of its file. A retry writes a new folder (`version_1` after
`version_0`), and its curve continues under the same name; a validation writes a folder beside
that of the training, and its curve must be another one. So a value is called by its tag, with a
folder before it only where that is needed:

- the folder's own name if it says a part of the data: `validation/epoch_loss`;
- the path below another folder that has event files: `loss_train/loss`;
- the folder's own name if another folder has the name without it in the same attempt.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Collection, Mapping
from typing import NamedTuple

from trainyard_api.contract import MAX_METRIC_NAME
from trainyard_api.visible_text import is_visible, visible

MOST_NAMES = 1000
"""Names that event files may have in a session: half of what the gateway takes."""
PARTS = frozenset(
    {"train", "training", "learn", "val", "valid", "validation", "dev", "holdout"}
    | {"eval", "evaluation", "test", "testing"}
)
"""Folders that are named for a part of the data, also with a number after it (`test1`)."""
_MOST_KNOWN = 20_000
_NUMBER = re.compile(r"[_-]?[0-9]+$")
_TIME = re.compile(r"[0-9]{9,}(\.[0-9]+)?")


class Owner(NamedTuple):
    """The folder whose values have a name, and the attempt that wrote the last of them."""

    folder: str
    attempt: int


class Names:
    """The names of values, the same ones in all attempts."""

    def __init__(
        self,
        owners: Mapping[str, Owner] | None = None,
        candidates: Callable[[str, str, Collection[str]], list[str]] | None = None,
    ) -> None:
        """`candidates` is what a tag may be called; default: as in event files."""
        self.owners = dict(owners or {})
        self._candidates = candidates or event_candidates
        self._known: dict[tuple[str, str, int], str | None] = {}

    def of(self, folder: str, tag: str, attempt: int, folders: Collection[str]) -> str | None:
        """The name of a tag in `folder`, whose file `attempt` wrote; None if there are too many.

        `folders` are all that have event files.
        """
        key = (folder, tag, attempt)
        if key not in self._known:
            if len(self._known) >= _MOST_KNOWN:
                self._known.clear()
            self._known[key] = self._found(folder, tag, attempt, folders)
        return self._known[key]

    def move(self, before: str, now: str) -> None:
        """A folder has another path now; its names stay."""
        for name, owner in self.owners.items():
            if owner.folder == before:
                self.owners[name] = Owner(now, owner.attempt)
        self._known.clear()

    def _found(self, folder: str, tag: str, attempt: int, folders: Collection[str]) -> str | None:
        names = self._candidates(folder, tag, folders)
        own = [n for n in names if n in self.owners and self.owners[n].folder == folder]
        free = [n for n in names if n not in self.owners or self.owners[n].attempt < attempt]
        for name in own or free:
            if name not in self.owners and len(self.owners) >= MOST_NAMES:
                return None
            before = self.owners.get(name)
            self.owners[name] = Owner(folder, max(attempt, before.attempt if before else 0))
            return name
        return names[-1]


def event_candidates(folder: str, tag: str, folders: Collection[str]) -> list[str]:
    """What a tag may be called, the shortest name first. Pure."""
    parts = folder.split("/") if folder else []
    above = (folder[: -len("/".join(parts[n:])) - 1] for n in range(1, len(parts)))
    nested = next((one for one in sorted(above, key=len, reverse=True) if one in folders), None)
    prefix = ""
    if nested is not None:
        below = folder[len(nested) + 1 :].split("/")
        # PyTorch's `add_hparams` makes a folder that is named for the time.
        prefix = "/".join(part for part in below if not _TIME.fullmatch(part))
    elif parts and _is_part(parts[-1]) and not _is_part(tag.partition("/")[0]):
        prefix = parts[-1]
    found = [_joined(prefix, tag)]
    for count in (1, 2, len(parts)):
        name = _joined("/".join(parts[-count:]), tag)
        if name not in found:
            found.append(name)
    return found


def table_candidates(place: str, tag: str, _: Collection[str]) -> list[str]:
    """What a column of a table may be called, the shortest name first. Pure.

    `place`: its folder with a slash at the end, or its path if its name is another one.
    """
    parts = [part for part in place.split("/") if part]
    is_part = not place.endswith("/") and _is_part(parts[-1])
    found = [_joined(parts[-1] if is_part else "", tag)]
    for count in (1, 2, len(parts)):
        name = _joined("/".join(parts[-count:]) if parts else "", tag)
        if name not in found:
            found.append(name)
    return found


def _is_part(name: str) -> bool:
    return _NUMBER.sub("", name.lower()) in PARTS


def _joined(prefix: str, tag: str) -> str:
    """A name that the gateway takes; long ones keep being different ones."""
    name = visible(f"{prefix}/{tag}" if prefix else tag)
    if not is_visible(name):
        return "unnamed"
    if len(name) <= MAX_METRIC_NAME:
        return name
    return f"{name[: MAX_METRIC_NAME - 9]}~{zlib.crc32(name.encode('utf-8', 'replace')):08x}"
