"""Reads what a pyproject.toml or the header of a script asks for. Pure."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import tomllib

from trainyard_environment.errors import not_understood
from trainyard_environment.request.asked import Asked, Requirement, normalised
from trainyard_environment.request.requirement import requirement
from trainyard_environment.request.requirements_file import Read, logical_lines

PYPROJECT = "pyproject.toml"
_HEADER = re.compile(r"(?m)^# /// (?P<type>[a-zA-Z0-9-]+)$\s(?P<content>(^#(| .*)$\s)+)^# ///$")
"""As PEP 723 defines it."""
_ADD_DEPENDENCIES = "Name what it needs in [project] dependencies, or in a requirements.txt."


def of_project(read: Read, folder: str, extras: Sequence[str]) -> Asked:
    """What the project of a folder asks for. Raises CannotBuild."""
    path = posixpath.join(folder, PYPROJECT)
    table = parsed(read(path), path)
    project = table.get("project")
    if not isinstance(project, dict):
        poetry = isinstance(table.get("tool"), dict) and "poetry" in table["tool"]
        raise not_understood(
            f"{path} has no table [project]" + (", only Poetry's own." if poetry else "."),
            "Run `poetry export`, or write a table [project]." if poetry else _ADD_DEPENDENCIES,
        )
    found = _of_table(table, _dependencies(table, project, path, read), path)
    for extra in extras:
        found += _of_table(table, _extra(project, extra, path, ()), path)
    return found + Asked(python=python_of(project, path)) + _bounds(table, path)


def of_script(text: str, path: str) -> Asked | None:
    """What the header of a script asks for; None without a header. Raises CannotBuild."""
    headers = [m for m in _HEADER.finditer(text.replace("\r\n", "\n")) if m["type"] == "script"]
    if len(headers) > 1:
        raise not_understood(f"{path} has {len(headers)} headers `# /// script`.")
    if not headers:
        return None
    lines = headers[0]["content"].splitlines()
    table = parsed("\n".join(one[2:] if one.startswith("# ") else one[1:] for one in lines), path)
    needs = _texts(table, "dependencies", path)
    python = python_of(table, path)
    return _of_table(table, needs, path) + Asked(python=python) + _bounds(table, path)


def parsed(text: str, path: str) -> dict[str, Any]:
    """A TOML document. Raises CannotBuild."""
    try:
        return tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise not_understood(f"{path} is no TOML: {error}.") from error


def _dependencies(
    table: Mapping[str, Any], project: Mapping[str, Any], path: str, read: Read
) -> list[str]:
    if "dependencies" not in _texts(project, "dynamic", path):
        return _texts(project, "dependencies", path)
    dynamic = _at(table, "tool", "setuptools", "dynamic", "dependencies")
    files = dynamic.get("file") if isinstance(dynamic, dict) else None
    names = [files] if isinstance(files, str) else files
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise not_understood(
            f"{path}: the dependencies are dynamic: only a build of the project would tell them.",
            _ADD_DEPENDENCIES,
        )
    folder = posixpath.dirname(path)
    texts = [read(posixpath.normpath(posixpath.join(folder, name))) for name in names]
    return [line for text in texts for _, line in logical_lines(text)]


def _extra(project: Mapping[str, Any], extra: str, path: str, within: tuple[str, ...]) -> list[str]:
    """The requirements of an extra; those that name the project itself stand for its extras."""
    offered = project.get("optional-dependencies")
    offered = offered if isinstance(offered, dict) else {}
    known = {normalised(name): name for name in offered}
    if normalised(extra) not in known:
        raise not_understood(f"{path} offers no extra {extra!r}.")
    if extra in within:
        return []
    found = []
    for line in _texts(offered, known[normalised(extra)], path):
        one = requirement(line, path) if "[" in line and "@" not in line else None
        if one is None or one.name != normalised(str(project.get("name", ""))):
            found.append(line)
            continue
        for inner in one.text.partition("[")[2].partition("]")[0].split(","):
            found += _extra(project, inner.strip(), path, (*within, extra))
    return found


def _of_table(table: Mapping[str, Any], lines: Iterable[str], path: str) -> Asked:
    """The requirements, after a look at where `[tool.uv.sources]` wants them from."""
    found = tuple(requirement(line, path) for line in lines)
    sources = _at(table, "tool", "uv", "sources")
    notes = []
    for name, source in (sources if isinstance(sources, dict) else {}).items():
        if normalised(name) not in {one.name for one in found}:
            continue
        if any(set(one) - {"index", "marker", "extra", "group"} for one in _tables(source)):
            raise not_understood(
                f"{path}: [tool.uv.sources] wants {name} from elsewhere than an index.",
                "Name a released version of it, or put its folder into your code.",
            )
        notes.append(
            f"{path}: the index of {name} in [tool.uv.sources] is ignored: all packages come from"
            " the one index that the administrator chose"
        )
    return Asked(found, notes=tuple(notes))


def _bounds(table: Mapping[str, Any], path: str) -> Asked:
    uv = _at(table, "tool", "uv")
    uv = uv if isinstance(uv, dict) else {}

    def read(key: str) -> tuple[Requirement, ...]:
        return tuple(requirement(line, path) for line in _texts(uv, key, path))

    return Asked(
        constraints=read("constraint-dependencies"),
        overrides=read("override-dependencies"),
        prereleases=uv.get("prerelease") == "allow",
    )


def _tables(source: Any) -> list[Mapping[str, Any]]:
    found = source if isinstance(source, list) else [source]
    return [one for one in found if isinstance(one, dict)]


def _at(table: Any, *keys: str) -> Any:
    for key in keys:
        table = table.get(key) if isinstance(table, dict) else None
    return table


def _texts(table: Mapping[str, Any], key: str, path: str) -> list[str]:
    found = table.get(key, [])
    if not isinstance(found, list) or not all(isinstance(one, str) for one in found):
        raise not_understood(f"{path}: {key} is no list of texts.")
    return found


def python_of(table: Mapping[str, Any], path: str) -> str:
    """The versions of Python that a table asks for, such as `>=3.10`. Raises CannotBuild."""
    key = "requires-python"
    found = table.get(key, "")
    if not isinstance(found, str) or re.search(r"[^0-9A-Za-z.*+!<>=~,\s_-]", found):
        raise not_understood(f"{path}: {key} is no versions of Python.")
    return found
