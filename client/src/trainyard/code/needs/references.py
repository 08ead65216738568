"""What a program needs of its folder and will not find, because it is not in the bundle.

Read from the text of the program, without running it: modules that it imports, and texts in it that
are paths of the folder. So this finds what most programs need, not what one computes.
"""

from __future__ import annotations

import ast
import posixpath
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from trainyard.code.bundle import Bundle
from trainyard_api.files.paths import parents, shown

_MOST_FILES: Final = 2000
_MOST_BYTES: Final = 2 << 20
_LONGEST_TEXT: Final = 300
MOST_SENTENCES: Final = 20


@dataclass(frozen=True, slots=True)
class Need:
    """Something that a program refers to."""

    path: str
    """Where it is in the folder."""
    place: str
    """Where it is referred to, such as `train.py:3`."""
    verb: str


@dataclass(slots=True)
class _Search:
    bundle: Bundle
    roots: tuple[str, ...]
    """Folders in which modules and files are looked for."""
    present: frozenset[str]
    """Paths in the bundle, and the folders above them."""
    seen: set[str] = field(default_factory=set)
    waiting: list[str] = field(default_factory=list)


def unmet(
    bundle: Bundle, programs: Sequence[str], arguments: Sequence[str], working_dir: str
) -> list[str]:
    """A sentence for each thing that the program needs and the bundle lacks.

    `programs` are Python files of the bundle, `arguments` those of the command line.
    """
    roots = tuple(dict.fromkeys([*(posixpath.dirname(p) for p in programs), working_dir, ""]))
    paths = [entry.path for entry in bundle.manifest.entries]
    present = frozenset([*paths, *(above for path in paths for above in parents(path))])
    search = _Search(bundle, roots, present)
    for program in programs:
        _visit_later(search, program)
    needs = [*_of_arguments(search, arguments), *_of_files(search)]
    return _sentences(search, needs)


def _sentences(search: _Search, needs: Sequence[Need]) -> list[str]:
    first: dict[str, Need] = {}
    for need in needs:
        first.setdefault(need.path, need)
    out = []
    for path, need in first.items():
        pattern = search.bundle.contents.left_out_by(path)
        why = f"{shown(pattern.source)} leaves out" if pattern else "cannot travel"
        said = f"which {why}"
        out.append(f"{shown(need.place)} {need.verb} {shown(path)}, {said}")
    if len(out) > MOST_SENTENCES:
        out[MOST_SENTENCES:] = [f"and {len(out) - MOST_SENTENCES} more"]
    return out


def _of_arguments(search: _Search, arguments: Sequence[str]) -> Iterator[Need]:
    for argument in arguments:
        text = argument.rpartition("=")[2]
        for path in _lacking(search, text, ""):
            yield Need(path, "the command line", "names")


def _of_files(search: _Search) -> Iterator[Need]:
    while search.waiting and len(search.seen) <= _MOST_FILES:
        path = search.waiting.pop(0)
        tree = _tree(search.bundle.contents.top / path)
        for node in ast.walk(tree) if tree is not None else ():
            match node:
                case ast.Import():
                    for name in node.names:
                        yield from _module(search, path, node.lineno, name.name.split("."))
                case ast.ImportFrom():
                    yield from _from(search, path, node)
                case ast.Constant(value=str(text)):
                    for found in _lacking(search, text, posixpath.dirname(path)):
                        yield Need(found, f"{path}:{node.lineno}", "names")


def _from(search: _Search, path: str, node: ast.ImportFrom) -> Iterator[Need]:
    module = (node.module or "").split(".") if node.module else []
    roots: tuple[str, ...] | None = None
    if node.level:
        place = posixpath.dirname(path)
        for _ in range(node.level - 1):
            place = posixpath.dirname(place)
        roots = (place,)
    for name in node.names:
        yield from _module(search, path, node.lineno, [*module, name.name], roots)


def _module(
    search: _Search,
    path: str,
    line: int,
    parts: Sequence[str],
    roots: tuple[str, ...] | None = None,
) -> Iterator[Need]:
    """Follow a module that is a file of the folder; yields its first part that the bundle lacks."""
    for root in roots or search.roots:
        here, found = root, False
        for part in parts:
            here = posixpath.join(here, part)
            place = search.bundle.contents.top / here
            if place.is_dir():
                found = True
                if here not in search.present:
                    yield Need(f"{here}/", f"{path}:{line}", "imports")
                    return
                _visit_later(search, f"{here}/__init__.py")
            elif place.with_name(f"{part}.py").is_file():
                found = True
                if f"{here}.py" not in search.present:
                    yield Need(f"{here}.py", f"{path}:{line}", "imports")
                    return
                _visit_later(search, f"{here}.py")
            else:
                break
        if found:
            return


def _visit_later(search: _Search, path: str) -> None:
    if path in search.present and path not in search.seen:
        search.seen.add(path)
        search.waiting.append(path)


def _lacking(search: _Search, text: str, folder: str) -> Iterator[str]:
    """The path in the folder that a text names, if it is there and the bundle lacks it."""
    path = _inside(search, text)
    if path is None:
        return
    for root in dict.fromkeys((*search.roots, folder)):
        here = posixpath.normpath(posixpath.join(root, path))
        if here in (".", "..") or here.startswith("../") or here in search.present:
            continue
        place = search.bundle.contents.top / here
        try:
            if place.is_file() or (place.is_dir() and any(place.iterdir())):
                yield f"{here}/" if place.is_dir() else here
                return
        except (OSError, ValueError):
            return


def _inside(search: _Search, text: str) -> str | None:
    """A text as a path below the folder; None if it cannot be one."""
    if not 0 < len(text) <= _LONGEST_TEXT or "\n" in text or "\0" in text or not text.strip("./ "):
        return None
    if not text.startswith("/"):
        return text
    top = search.bundle.contents.top
    return Path(text).relative_to(top).as_posix() if Path(text).is_relative_to(top) else None


def _tree(path: Path) -> ast.Module | None:
    try:
        if path.stat().st_size > _MOST_BYTES:
            return None
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(path.read_bytes())
    except (OSError, ValueError, SyntaxError, RecursionError, MemoryError):
        return None
