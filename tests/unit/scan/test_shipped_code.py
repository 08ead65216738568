"""Code of an installation keeps what docs/security.md says of the scanner's level `low`."""

from __future__ import annotations

import ast
import subprocess
from pathlib import Path

import pytest
from scanners import STARTERS

ROOT = Path(__file__).resolve().parents[3]
LISTED = subprocess.run(
    ["git", "ls-files", "*/src/*.py"], cwd=ROOT, capture_output=True, text=True, check=True
).stdout.split()
TOOLS = ("cluster/", "images/", "demo/")
SHIPPED = [
    name
    for name in LISTED
    if not name.startswith(TOOLS) and name not in STARTERS and (ROOT / name).is_file()
]


def faults(source: str) -> list[str]:
    """Imports of `subprocess` and assertions, by line."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Assert):
            found.append(f"{node.lineno}: assert, which optimised code leaves out")
        elif isinstance(node, ast.Import | ast.ImportFrom):
            names = [alias.name for alias in node.names]
            module = getattr(node, "module", None)
            if "subprocess" in (*names, module) and module != "asyncio":
                found.append(f"{node.lineno}: subprocess")
    return found


def test_code_of_an_installation_has_no_fault_of_level_low() -> None:
    found = {name: faults((ROOT / name).read_text()) for name in SHIPPED}

    assert len(SHIPPED) > 300
    assert {name: lines for name, lines in found.items() if lines} == {}


@pytest.mark.parametrize(
    ("source", "count"),
    [
        pytest.param("import subprocess", 1, id="import"),
        pytest.param("from subprocess import run", 1, id="import-from"),
        pytest.param("def f(x):\n    assert x", 1, id="assertion"),
        pytest.param("from asyncio.subprocess import PIPE", 0, id="constants-of-asyncio"),
        pytest.param("from asyncio import subprocess", 0, id="asyncio"),
    ],
)
def test_faults_are_found(source: str, count: int) -> None:
    assert len(faults(source)) == count
