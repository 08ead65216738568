"""House rules that a linter does not know."""

from __future__ import annotations

import ast
import re
import subprocess
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
PROJECTS = sorted(p.parent for p in ROOT.glob("*/pyproject.toml"))


def tracked(*patterns: str) -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", *patterns],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    return [ROOT / line for line in listed.stdout.splitlines() if (ROOT / line).is_file()]


def test_top_level_folders_are_projects_not_packages() -> None:
    """A package called `operator` at the root would shadow the standard library."""
    assert list(ROOT.glob("*/__init__.py")) == []


def test_no_package_under_tests() -> None:
    assert tracked("tests/**/__init__.py", "tests/__init__.py") == []


@pytest.mark.parametrize("project", PROJECTS, ids=lambda p: p.name)
def test_every_project_has_one_typed_package_in_the_workspace(project: Path) -> None:
    packages = [p.parent for p in project.glob("src/*/py.typed")]
    workspace = (ROOT / "pyproject.toml").read_text()

    assert len(packages) == 1
    assert f'"{project.name}"' in workspace


def test_no_catch_all_modules() -> None:
    names = {"utils.py", "helpers.py", "common.py", "misc.py"}

    assert [p for p in tracked("*.py") if p.name in names] == []


def test_functions_fit_on_a_screen() -> None:
    """At most 40 lines; a migration is one statement after the other."""
    long = [
        f"{path.relative_to(ROOT)}: {node.name}"
        for path in tracked("*/src/**/*.py")
        if "migrations" not in path.parts
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (node.end_lineno or 0) - node.lineno >= 40
    ]

    assert long == []


def test_no_folder_holds_more_modules_than_a_reader_scans() -> None:
    """About 15 and the package's own `__init__`; migrations are one file after the other."""
    folders = Counter(
        path.parent.relative_to(ROOT)
        for path in tracked("*/src/**/*.py")
        if "migrations" not in path.parts
    )

    assert [str(folder) for folder, modules in folders.items() if modules > 16] == []


def test_no_registry_and_no_machine_path_in_any_file() -> None:
    """Locks and docs must work on any machine."""
    hosts = re.compile(
        r"files\.pythonhosted|pypi\.org|proxy\.golang|registry\.npmjs|deb\.debian\.org"
    )
    paths = re.compile(r"/work/(main|shared)|/root/")
    this = Path(__file__).resolve()

    found = [
        f"{path.relative_to(ROOT)}: {match.group()}"
        for path in tracked()
        if path != this and path.suffix not in {".png", ".sum"}
        for match in (p.search(path.read_text(errors="replace")) for p in (hosts, paths))
        if match
    ]

    assert found == []


def test_no_file_has_marks_of_a_merge() -> None:
    marks = re.compile(r"^(<<<<<<<|>>>>>>>) ", re.MULTILINE)

    assert [p for p in tracked() if marks.search(p.read_text(errors="replace"))] == []


def test_the_deprecated_pynvml_distribution_is_not_locked() -> None:
    for lock in (ROOT / "requirements").glob("*.lock"):
        assert not re.search(r"^pynvml==", lock.read_text(), re.MULTILINE), lock.name
