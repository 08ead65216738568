"""The list of a bundle, checked once more in the pod. Pure.

The gateway has checked it before (`trainyard_api.code`), with a library that is not here. What this
reader lets through stays below the folder, also if another program wrote the list.
"""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from trainyard_api.files.hashing import sha256_of
from trainyard_supervisor.errors import CannotStart

MANIFEST = "manifest.json"
CONTENTS = "contents"
MAX_MANIFEST_BYTES = 64 << 20
MAX_ENTRIES = 100_000
_SEND_AGAIN = "Start a new session from the folder with `trainyard run`."


class Entry(NamedTuple):
    """A file (`sha256`, `size`), a link (`target`), or an empty folder (neither)."""

    path: str
    sha256: str = ""
    size: int = 0
    executable: bool = False
    target: str = ""


def entries(text: bytes, bundle: str) -> list[Entry]:
    """The entries of a bundle's list. Raises CannotStart if it is not what the name says."""
    digest = sha256_of(len(text))
    digest.update(text)
    if digest.hexdigest() != bundle:
        raise damaged(bundle, "its list of files does not have the hash that is its name")
    try:
        listed = json.loads(text)["entries"]
        found = [_entry(one) for one in listed[: MAX_ENTRIES + 1]]
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise damaged(bundle, f"its list of files cannot be read ({error})") from error
    if len(found) > MAX_ENTRIES:
        raise damaged(bundle, f"it has more than {MAX_ENTRIES} files")
    return found


def damaged(bundle: str, why: str) -> CannotStart:
    """The refusal of a bundle that is not what it should be."""
    return CannotStart("CodeDamaged", f"The bundle of code {bundle[:12]}… is damaged: {why}.", _SEND_AGAIN)  # fmt: skip


def missing(bundle: str, what: str) -> CannotStart:
    """The refusal of a bundle that is not whole."""
    return CannotStart("CodeMissing", f"Of the bundle of code {bundle[:12]}…, {what} is not on the volume.", _SEND_AGAIN)  # fmt: skip


def _entry(given: dict[str, Any]) -> Entry:
    path = str(given["path"])
    if not is_inside(path):
        raise ValueError(f"the path {path[:100]!r} leads out")
    if "target" in given:
        target = str(given["target"])
        if not stays_inside(path, target):
            raise ValueError(f"the link {path[:100]!r} leads out")
        return Entry(path, target=target)
    if given.get("folder") is True:
        return Entry(path)
    sha256 = str(given["sha256"])
    if len(sha256) != 64 or not set(sha256) <= set("0123456789abcdef"):
        raise ValueError(f"the hash of {path[:100]!r} is none")
    return Entry(path, sha256, int(given["size"]), given.get("executable") is True)


def is_inside(path: str) -> bool:
    """Whether a path is relative and has only plain names."""
    return "\0" not in path and not {"", ".", ".."} & set(path.split("/"))


def stays_inside(path: str, target: str) -> bool:
    """Whether a link leads to a place below the folder, with any links beside it.

    `..` may stand at the beginning only: behind a name, which may be a link, it leads anywhere.
    """
    parts = target.split("/")
    up = 0
    while up < len(parts) and parts[up] == "..":
        up += 1
    below = parts[up:]
    return up <= path.count("/") and "\0" not in target and not {"", ".."} & set(below)
