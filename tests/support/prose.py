"""The prose of documents and sources: sentences of Markdown pages, comments, docstrings and texts of programs."""

from __future__ import annotations

import ast
import io
import re
import subprocess
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
COLUMNS = 100


@dataclass(frozen=True)
class Line:
    """One line of prose with its place."""

    place: str
    number: int
    text: str

    def __str__(self) -> str:
        return f"{self.place}:{self.number}: {self.text.strip()}"


def tracked(*patterns: str) -> list[Path]:
    """Files that git knows or would add."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", *patterns]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return [path for name in listed.stdout.splitlines() if (path := ROOT / name).is_file()]


def sources(package: str) -> list[Path]:
    """The Python files of one project folder."""
    return tracked(f"{package}/src/*.py")


def markdown(text: str, place: str, *, tables: bool = False) -> Iterator[Line]:
    """Lines outside code and HTML, without the targets of links; rows of tables only if asked for."""
    fenced = False
    for number, line in enumerate(text.splitlines(), 1):
        stripped = line.strip()
        if stripped.startswith("```"):
            fenced = not fenced
        elif fenced or line.startswith("    ") or stripped.startswith("<"):
            continue
        elif tables or not stripped.startswith("|"):
            yield Line(place, number, re.sub(r"\]\([^)]*\)", "]", line))


def remarks(text: str, place: str) -> Iterator[Line]:
    """Comments, and the lines of texts that are statements: docstrings of modules, functions and fields."""
    lines = text.splitlines()
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        # Directives to tools stay on the line that they are about.
        if token.type == tokenize.COMMENT and not re.match(r"# (noqa|type|fmt):", token.string):
            yield Line(place, token.start[0], lines[token.start[0] - 1])
    for node in statements(text):
        assert node.end_lineno is not None
        for number in range(node.lineno, node.end_lineno + 1):
            yield Line(place, number, lines[number - 1])


def statements(text: str) -> Iterator[ast.Expr]:
    """Texts that stand alone."""
    for node in ast.walk(ast.parse(text)):
        match node:
            case ast.Expr(value=ast.Constant(value=str())):
                yield node


def field_texts(text: str) -> set[int]:
    """Line numbers of the texts below fields, which `kubectl explain` and the generated pages show as they are."""
    numbers: set[int] = set()
    for parent in ast.walk(ast.parse(text)):
        if isinstance(parent, ast.ClassDef):
            documented = parent.body[0] if ast.get_docstring(parent) is not None else None
            for node in parent.body:
                if node is not documented and isinstance(node, ast.Expr):
                    assert node.end_lineno is not None
                    numbers |= set(range(node.lineno, node.end_lineno + 1))
    return numbers


def texts(text: str, place: str) -> Iterator[Line]:
    """Texts within the code: messages, log lines, answers."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield Line(place, node.lineno, node.value)


def words(text: str) -> str:
    """Lower-case words with single blanks between; `WaitingQueue` and `waiting_queue` become `waiting queue`."""
    split = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", " ", text)
    return " ".join(re.findall(r"[a-z0-9]+", split.lower()))
