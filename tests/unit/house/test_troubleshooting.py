"""docs/troubleshooting.md explains messages that the programs really have."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
PAGE = ROOT / "docs" / "troubleshooting.md"
ROWS = [line for line in PAGE.read_text().splitlines() if line.startswith("| `")]
MESSAGES = [row.split("`")[1] for row in ROWS]
GAP = "\0"
"""Stands where a message has a value."""


@cache
def texts() -> tuple[str, ...]:
    """Every text of the programs, and the lines of the chart, with a gap for each value."""
    found: list[str] = []
    for source in ROOT.glob("*/src/**/*.py"):
        for node in ast.walk(ast.parse(source.read_text())):
            if isinstance(node, ast.JoinedStr):
                parts = (p.value if isinstance(p, ast.Constant) else GAP for p in node.values)
                found.append("".join(str(part) for part in parts))
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.append(node.value)
    for template in (ROOT / "charts").rglob("templates/**/*.*"):
        found += re.sub(r"\{\{.*?\}\}", GAP, template.read_text()).splitlines()
        found += re.findall(r'fail "([^"]*)"', template.read_text())
    return tuple(found)


def is_said(message: str) -> bool:
    """Whether one text has the message's words in their order, with values where it has `…`."""
    pattern = re.compile(".*".join(re.escape(part) for part in message.split("…")), re.DOTALL)
    return any(pattern.search(text) for text in texts())


@pytest.mark.parametrize("message", MESSAGES, ids=lambda text: text[:60])
def test_the_programs_say_it(message: str) -> None:
    words = sum(len(part.strip()) for part in message.split("…"))

    assert words >= 12, "too little of the message to be told from others"
    assert is_said(message)


def test_what_nobody_says_is_noticed() -> None:
    assert not is_said("the gateway is on holiday until …")


def test_every_row_says_what_to_do() -> None:
    assert [row for row in ROWS if len(row.split(" | ")) != 3 or row.endswith("|  |")] == []


def test_no_message_is_there_twice() -> None:
    assert len(set(MESSAGES)) == len(MESSAGES)
