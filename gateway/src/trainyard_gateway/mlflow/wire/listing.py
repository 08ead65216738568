"""Folders of artifacts, from the files that are there. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any


def listed(files: Iterable[tuple[str, int]], folder: str) -> list[dict[str, Any]]:
    """What a folder holds, by name: its files, and the folders that hold others.

    `files`: path and size of every file below the folder. Names are relative to the folder.
    """
    prefix = f"{folder}/" if folder else ""
    found: dict[str, dict[str, Any]] = {}
    for path, size in files:
        name, slash, _ = path.removeprefix(prefix).partition("/")
        if slash:
            found[name] = {"path": name, "is_dir": True}
        else:
            found[name] = {"path": name, "is_dir": False, "file_size": size}
    return [found[name] for name in sorted(found)]
