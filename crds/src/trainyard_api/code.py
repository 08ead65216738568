"""A bundle of code: a folder as a list of files, links and folders, named by its hash. Pure.

Guarantees of a checked manifest:

- Every path is relative and stays below the folder that the bundle is restored into.
- No link leads out of that folder, not even by way of another link.
- Nothing lies below a file or a link, and nothing below `.git`.
- The same content has the same name on every machine: `bundle_name` hashes one form of it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import Field, StrictBool, StrictInt

from trainyard_api.files.paths import MAX_PATH_BYTES, parents, path_problem, shown, stays_inside
from trainyard_api.model import ClosedModel

BUNDLE_PATTERN = r"^[0-9a-f]{64}$"
_PART = r"\.?[^./\\\x00-\x1f][^/\\\x00-\x1f]*"
RELATIVE_PATH_PATTERN = rf"^{_PART}(/{_PART})*$"
"""A relative path without `.` and `..`."""

Sha256 = Annotated[str, Field(min_length=64, max_length=64, pattern=BUNDLE_PATTERN)]


class CodeEntry(ClosedModel):
    """A file (`sha256` and `size`), a link (`target`) or an empty folder (`folder`)."""

    path: str = Field(min_length=1, max_length=MAX_PATH_BYTES)
    """Path below the folder, with `/` between its parts."""
    sha256: Sha256 | None = None
    """Hash of a file's content."""
    size: StrictInt | None = Field(default=None, ge=0, le=2**50)
    """Bytes of a file."""
    executable: StrictBool = False
    """Whether a file may be executed."""
    target: str | None = Field(default=None, min_length=1, max_length=MAX_PATH_BYTES)
    """Where a link leads, relative to its own folder."""
    folder: StrictBool = False
    """Whether this is a folder with nothing in it."""

    def canonical(self) -> dict[str, Any]:
        """The fields that say something."""
        if self.target is not None:
            return {"path": self.path, "target": self.target}
        if self.folder:
            return {"path": self.path, "folder": True}
        mode = {"executable": True} if self.executable else {}
        return {"path": self.path, "sha256": self.sha256, "size": self.size, **mode}


class CodeManifest(ClosedModel):
    """Everything that is in a bundle."""

    entries: list[CodeEntry] = Field(min_length=1)
    """Files, links and empty folders."""

    def text(self) -> bytes:
        """The one form of this content: JSON with sorted entries and keys, without spaces."""
        ordered = sorted(self.entries, key=lambda e: e.path.encode())
        body = {"entries": [entry.canonical() for entry in ordered]}
        written = json.dumps(body, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
        return written.encode()

    def sizes(self) -> dict[str, int]:
        """Bytes by hash of every content; a content that occurs twice is there once."""
        return {e.sha256: e.size for e in self.entries if e.sha256 and e.size is not None}

    @property
    def files(self) -> list[CodeEntry]:
        """The entries that are files."""
        return [e for e in self.entries if e.sha256]

    @property
    def size_bytes(self) -> int:
        """Bytes of all files."""
        return sum(e.size or 0 for e in self.entries)


def bundle_name(text: bytes) -> str:
    """The name of the bundle with this manifest: its SHA-256, in hexadecimal."""
    return hashlib.sha256(text).hexdigest()


def problem(manifest: CodeManifest) -> str | None:
    """What is wrong with a manifest, as a sentence; None for a sound one."""
    leaves: set[str] = set()
    for entry in manifest.entries:
        wrong = _problem_of(entry)
        if wrong is not None:
            return wrong
        if entry.path in leaves:
            return f"{shown(entry.path)} is listed twice"
        leaves.add(entry.path)
    for entry in manifest.entries:
        above = next((p for p in parents(entry.path) if p in leaves), None)
        if above is not None:
            return f"{shown(entry.path)} cannot lie below {shown(above)}, which is no folder there"
    sizes: dict[str, int | None] = {}
    for entry in manifest.files:
        if sizes.setdefault(str(entry.sha256), entry.size) != entry.size:
            return f"{shown(entry.path)} has the hash of a file of another size"
    return None


def _problem_of(entry: CodeEntry) -> str | None:
    wrong = path_problem(entry.path)
    if wrong is not None:
        return f"{shown(entry.path)}: {wrong}"
    kinds = (entry.sha256 is not None, entry.target is not None, entry.folder)
    if sum(kinds) != 1 or (entry.sha256 is None) != (entry.size is None):
        return (
            f"{shown(entry.path)}: give sha256 and size for a file, target for a link, or "
            "folder: true for an empty folder"
        )
    if entry.executable and entry.sha256 is None:
        return f"{shown(entry.path)}: only a file is executable"
    if entry.target is not None and not stays_inside(entry.path, entry.target):
        return f"{shown(entry.path)} is a link to {shown(entry.target)}, which leads out"
    return None


def largest(entries: Sequence[CodeEntry], most: int = 5) -> list[CodeEntry]:
    """The largest files, largest first."""
    return sorted(entries, key=lambda e: (-(e.size or 0), e.path))[:most]
