"""Files of a folder `mlruns`: descriptions, tags and what a folder holds.

Links are not followed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from trainyard.cli.trackers.source import CannotRead

META, TRASH = "meta.yaml", ".trash"
_MOST_TEXT = 1 << 20


def number(meta: Mapping[str, Any], name: str) -> int:
    """A whole number of a description; 0 if it has none. Raises CannotRead."""
    try:
        return int(meta.get(name) or 0)
    except (TypeError, ValueError, OverflowError) as error:
        raise CannotRead(f"{name} in its {META} is no number") from error


def meta_of(folder: Path) -> dict[str, Any]:
    """The description of what a folder holds. Raises CannotRead."""
    path = folder / META
    try:
        with path.open(encoding="utf-8") as file:
            found = yaml.safe_load(file.read(_MOST_TEXT))
    except (OSError, ValueError, yaml.YAMLError, RecursionError) as error:
        said = " ".join(str(error).split())[:200]
        raise CannotRead(f"{path} cannot be read ({said})") from error
    if not isinstance(found, dict):
        raise CannotRead(f"{path} describes nothing")
    return found


def texts_in(folder: Path) -> dict[str, str]:
    """The content of each file by its path. Raises CannotRead."""
    found = {}
    for path in files_in(folder):
        name = path.relative_to(folder).as_posix()
        try:
            with path.open(encoding="utf-8", errors="replace", newline="") as file:
                found[name] = file.read(_MOST_TEXT)
        except OSError as error:
            raise CannotRead(f"{path} cannot be read ({error.strerror})") from error
    return found


def folders_in(folder: Path) -> list[Path]:
    """Its folders by name; none if it is not there. Raises CannotRead."""
    try:
        return sorted(one for one in folder.iterdir() if one.is_dir() and not one.is_symlink())
    except FileNotFoundError:
        return []
    except OSError as error:
        raise CannotRead(f"{folder} cannot be read ({error.strerror})") from error


def files_in(folder: Path) -> Iterator[Path]:
    """All files below it; none if it is not there. Raises CannotRead."""
    try:
        found = sorted(folder.iterdir())
    except FileNotFoundError:
        return
    except OSError as error:
        raise CannotRead(f"{folder} cannot be read ({error.strerror})") from error
    for path in found:
        if path.is_symlink():
            continue
        if path.is_dir():
            yield from files_in(path)
        elif path.is_file():
            yield path
