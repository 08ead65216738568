"""Which file of a folder lists the packages of its program.

The first of these that lists any: the inline metadata of the program's script (PEP 723), `uv.lock`,
`requirements.txt`, `[project]` in `pyproject.toml`. The folder in which the program starts comes
before the top of the folder that is sent.
"""

from __future__ import annotations

import posixpath
import re
import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from trainyard.code.bundle import Bundle
from trainyard.code.refusals import CannotBundle
from trainyard_api.files.paths import shown
from trainyard_api.program.packages import FILE_MESSAGE, lists_packages

LOCK, REQUIREMENTS, PROJECT = "uv.lock", "requirements.txt", "pyproject.toml"
_MOST_BYTES: Final = 8 << 20
"""A larger file is not read; the builder of environments refuses it as well."""
_METADATA: Final = re.compile(
    r"^# /// script[ \t]*\r?\n((?:#(?: [^\n]*)?\r?\n)*?)# ///[ \t]*\r?$", re.MULTILINE
)


@dataclass(frozen=True, slots=True)
class Listed:
    """What lists the packages of a program."""

    file: str | None
    """Path in the bundle; None if nothing does."""
    left_out: str | None = None
    """A list that is in the folder and not in the bundle."""


def listed_packages(bundle: Bundle, programs: Sequence[str], working_dir: str) -> Listed:
    """The file that lists the packages of a program; `programs` are the files that it starts."""
    present = {entry.path for entry in bundle.manifest.files}
    top = bundle.contents.top
    left_out = None
    for path in _candidates(programs, working_dir):
        if not _asks_for_some(top / path, path):
            continue
        if path in present:
            return Listed(path)
        left_out = left_out or path
    return Listed(None, left_out)


def chosen_file(bundle: Bundle, given: str) -> str:
    """The path in the bundle of a file that a person chose. Raises CannotBundle."""
    top = bundle.contents.top
    if "\\" in given:
        raise CannotBundle(
            f"the list of packages {shown(given)} is a path of Windows; write it with /"
        )
    path = posixpath.normpath(given)
    if path.startswith("/") and Path(path).is_relative_to(top):
        path = Path(path).relative_to(top).as_posix()
    if path.startswith(("/", "../")) or path == "..":
        raise CannotBundle(
            f"the list of packages {shown(given)} lies outside of the folder that is sent; name it "
            "relative to that folder"
        )
    if path not in {entry.path for entry in bundle.manifest.files}:
        raise _absent(bundle, path)
    if not lists_packages(path):
        raise CannotBundle(f"{shown(path)}: {FILE_MESSAGE}")
    return path


def _absent(bundle: Bundle, path: str) -> CannotBundle:
    if not (bundle.contents.top / path).is_file():
        return CannotBundle(
            f"the list of packages {shown(path)} is not in the folder {shown(str(bundle.contents.top))};"
            " look at its spelling"
        )
    pattern = bundle.contents.left_out_by(path)
    why = f"{shown(pattern.source)} leaves it out" if pattern else "it cannot travel"
    return CannotBundle(
        f"the list of packages {shown(path)} is not in the bundle: {why}; bring it back with a line "
        f"!{shown(path)} in .trainyardignore"
    )


def _candidates(programs: Sequence[str], working_dir: str) -> Iterable[str]:
    yield from programs
    for folder in dict.fromkeys((working_dir, "")):
        for name in (LOCK, REQUIREMENTS, PROJECT):
            yield posixpath.join(folder, name)


def _asks_for_some(place: Path, path: str) -> bool:
    """Whether a file is there and lists at least one package."""
    text = _text(place)
    if text is None:
        return False
    match posixpath.basename(path):
        case "uv.lock":
            return True
        case "requirements.txt":
            return any(
                line.strip() and not line.strip().startswith("#") for line in text.splitlines()
            )
        case "pyproject.toml":
            return _of_project(_toml(text).get("project"))
        case _:
            return _of_script(text)


def _of_project(project: Any) -> bool:
    if not isinstance(project, dict):
        return False
    dynamic = project.get("dynamic")
    return bool(project.get("dependencies")) or (
        isinstance(dynamic, list) and "dependencies" in dynamic
    )


def _of_script(text: str) -> bool:
    found = _METADATA.search(text)
    if found is None:
        return False
    content = "".join(
        line[2:] if line.startswith("# ") else line[1:]
        for line in found[1].splitlines(keepends=True)
    )
    return bool(_toml(content).get("dependencies"))


def _toml(text: str) -> dict[str, Any]:
    """The content; nothing for a file that is no TOML, which the builder refuses with its line."""
    try:
        return tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError):
        return {}


def _text(place: Path) -> str | None:
    try:
        if not place.is_file() or place.stat().st_size > _MOST_BYTES:
            return None
        return place.read_text(encoding="utf-8-sig", errors="replace")
    except OSError:
        return None
