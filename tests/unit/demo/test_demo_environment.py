"""The demo's environment: it holds what its programs import, and nothing of the weight of PyTorch."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
OURS = {folder.name for folder in ROOT.glob("*/src/*")}


def locked() -> set[str]:
    lock = (ROOT / "requirements" / "demo.lock").read_text()
    return set(re.findall(r"^([a-z0-9._-]+)==", lock, re.MULTILINE))


def imported(folder: Path) -> Iterator[str]:
    """The first part of every module that the folder's sources import."""
    for path in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                yield from (alias.name.partition(".")[0] for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                yield node.module.partition(".")[0]


def optional(package: str) -> set[str]:
    """What only an extra of the package needs. The demo asks for no extra of these packages."""
    extras = tomllib.loads((ROOT / package / "pyproject.toml").read_text())["project"].get(
        "optional-dependencies", {}
    )
    return {
        re.split(r"[^a-z0-9._-]", line, maxsplit=1)[0]
        for lines in extras.values()
        for line in lines
    }


def test_neither_torch_nor_nvidia_is_locked() -> None:
    heavy = re.compile(r"torch|nvidia|cuda|triton|matplotlib|kubernetes|fastapi")

    assert [name for name in locked() if heavy.search(name)] == []


@pytest.mark.parametrize("package", ["crds", "cluster", "images", "demo"])
def test_everything_that_a_program_imports_is_locked(package: str) -> None:
    found = packages_distributions()
    others = set(imported(ROOT / package / "src")) - sys.stdlib_module_names - OURS
    distributions = {name.lower() for top in others for name in found[top]}

    assert distributions - locked() - optional(package) == set()
