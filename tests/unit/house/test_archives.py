"""The programs that run without our packages hold every module of ours that they import."""

from __future__ import annotations

import ast
import sys
import zipfile
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from trainyard_environment.install import install as install_builder
from trainyard_supervisor.install import install as install_supervisor

ELSEWHERE = {"trainyard_environment.install", "trainyard_supervisor.install", "orjson"}
"""What writes an archive runs where the packages are; orjson is used where it is at hand."""


@pytest.mark.parametrize(
    "install", [install_builder, install_supervisor], ids=["builder", "supervisor"]
)
def test_an_archive_holds_what_it_imports(install: Callable[[Path], None], tmp_path: Path) -> None:
    install(tmp_path)
    (archive,) = tmp_path.glob("*.pyz")
    with zipfile.ZipFile(archive) as packed:
        texts = {n: packed.read(n).decode() for n in packed.namelist() if n.endswith(".py")}
    there = {module_of(name) for name in texts}
    missing = {
        (name, wanted)
        for name, text in texts.items()
        for wanted in imported(ast.parse(text), module_of(name), name.endswith("__init__.py"))
        if wanted not in there | ELSEWHERE
        and wanted.partition(".")[0] not in sys.stdlib_module_names
    }
    assert not missing


def module_of(name: str) -> str:
    return name.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def imported(tree: ast.AST, module: str, is_package: bool) -> Iterator[str]:
    """Modules that a text imports when it runs, also the late ones."""
    for node in running(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parts = module.split(".")
                kept = len(parts) - node.level + is_package
                base = ".".join([*parts[:kept], *([base] if base else [])])
            yield base
            if base.startswith("trainyard"):
                whole = (f"{base}.{alias.name}" for alias in node.names)
                yield from (name for name in whole if is_module(name))


def running(node: ast.AST) -> Iterator[ast.AST]:
    """All but what stands there for types alone."""
    if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
        return
    yield node
    for child in ast.iter_child_nodes(node):
        yield from running(child)


def is_module(name: str) -> bool:
    try:
        return find_spec(name) is not None
    except ModuleNotFoundError:
        return False
