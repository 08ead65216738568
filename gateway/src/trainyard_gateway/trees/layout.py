"""Where a tree lies in its folder below `models/`. Pure but for looking at names.

<id>/manifest.json      its files, links and empty folders, in canonical form
<id>/contents/<sha256>  every content once
<id>/pickles/<sha256>   contents that run code when Python loads them
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import orjson

MANIFEST: Final = "manifest.json"
CONTENTS: Final = "contents"
PICKLES: Final = "pickles"


def manifest_of(id: str) -> str:
    """Path of a tree's manifest below the folder of models."""
    return f"{id}/{MANIFEST}"


def content(folder: Path, sha256: str) -> Path:
    """Where a content of the tree in `folder` is."""
    path = folder / CONTENTS / sha256
    return path if path.exists() else folder / PICKLES / sha256


def pickles(folder: Path) -> frozenset[str]:
    """Hashes of the contents that are pickles."""
    try:
        return frozenset(path.name for path in (folder / PICKLES).iterdir())
    except FileNotFoundError:
        return frozenset()


def contents(manifest: bytes, folder: Path) -> Iterator[tuple[str, str]]:
    """Path in the tree's folder and hash of every content that its manifest names.

    Raises ValueError for a damaged manifest.
    """
    listed = orjson.loads(manifest)["entries"]
    for sha256 in sorted({entry["sha256"] for entry in listed if "sha256" in entry}):
        found = content(folder, sha256)
        yield f"{found.parent.name}/{found.name}", sha256
