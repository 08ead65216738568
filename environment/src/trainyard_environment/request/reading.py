"""Reads what a session asks for from the file that it names, by the name of that file."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Sequence

from trainyard_environment.errors import not_understood
from trainyard_environment.request.asked import Asked
from trainyard_environment.request.code_files import CodeFiles
from trainyard_environment.request.project import PYPROJECT, of_project, of_script
from trainyard_environment.request.requirement import requirement
from trainyard_environment.request.requirements_file import RequirementsReader

LOCK = "uv.lock"
Export = Callable[[CodeFiles, str], Asked]
"""What a uv.lock pins, by its path. Raises CannotBuild."""


def of_lines(lines: Sequence[str]) -> Asked:
    """What a list of requirements asks for. Raises CannotBuild."""
    found = tuple(
        requirement(line.strip(), f"requirement {number}")
        for number, line in enumerate(lines, 1)
        if line.strip()
    )
    return Asked(found)


def of_file(code: CodeFiles, path: str, export: Export) -> Asked:
    """What a file of the code asks for. Raises CannotBuild."""
    name = posixpath.basename(path)
    if name == LOCK:
        return export(code, path)
    if name == PYPROJECT:
        return of_project(code.text, posixpath.dirname(path), ())
    if name.endswith(".py"):
        found = of_script(code.text(path), path)
        if found is None:
            raise not_understood(
                f"{path} has no header `# /// script`.",
                "Write one (PEP 723), or name a requirements.txt.",
            )
        return found
    if name.endswith((".toml", ".yml", ".yaml", ".json", ".lock", ".cfg")):
        raise not_understood(
            f"{path} is no file that says what to install.",
            "Name a requirements.txt, a pyproject.toml, a uv.lock, or a script with a header.",
        )
    return RequirementsReader(code.text, lambda f, extras: of_project(code.text, f, extras)).file(
        path
    )
