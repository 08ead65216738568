"""The developer's guide answers a newcomer's questions with paths that exist and the names that are there."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
GUIDE = ROOT / "docs" / "guides" / "developer.md"
ROWS = re.findall(r"^\| ([^|`]+\?) \| `([^`]+)` \| `([^`]+)` \|$", GUIDE.read_text(), re.MULTILINE)


def defined(path: Path) -> set[str]:
    """Names of classes, functions and their members, the latter as `Class.member`."""
    names = set()
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            names.add(node.name)
            names |= {
                f"{node.name}.{child.name}"
                for child in node.body
                if isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef))
            }
    return names


def test_ten_questions_are_answered() -> None:
    assert len({question for question, _, _ in ROWS}) >= 10


@pytest.mark.parametrize(("path", "name"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS])
def test_the_name_is_defined_there(path: str, name: str) -> None:
    assert name in defined(ROOT / path)


def test_a_name_that_is_elsewhere_is_noticed() -> None:
    assert "Elsewhere" not in defined(Path(__file__))
