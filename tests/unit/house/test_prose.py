"""Prose is plain English: standard terms, at most 100 columns. docs/glossary.md lists the terms."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from prose import COLUMNS, ROOT, Line, field_texts, markdown, remarks, sources, texts, tracked


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


PAGES = [page for page in tracked("*.md") if "results" not in page.parts]
PACKAGES = sorted(path.parent.name for path in ROOT.glob("*/pyproject.toml"))
PRIVATE = {
    r"who(so)?ever": "every user who, a user who",
    r"somebody|someone|nobody": "a user, another program, no user",
    r"whatever": "any",
    r"(un)?told": "reported, written",
    r"news": "updates, changes",
    r"go(es)? on|went on|going on": "continue, resume",
    r"sort(ed|s)? in": "apply",
    r"of (its|their) own": "separate, own",
    r"anew": "again",
    r"hand(ed|s)? in": "submit",
    r"give[ns]? way|gives way": "is preempted",
    r"rim|desk|door": "shell, handler, entry point",
    r"rooms?": "package; space",
    r"the house": "the repository",
}
"""Private words, and what stands in their place."""
SERVED = ("operator/src/trainyard_operator/metrics.py", "news")
"""A label of an old metric name, which is served until version 0.3."""


def private(line: Line) -> list[str]:
    """The private words of a line."""
    if (line.place, line.text.strip()) == SERVED:
        return []
    return [word for word in PRIVATE if re.search(rf"\b(?:{word})\b", line.text, re.IGNORECASE)]


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_pages_keep_to_the_width(page: Path) -> None:
    lines = markdown(page.read_text(), named(page))

    assert [str(line) for line in lines if len(line.text) > COLUMNS] == []


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_pages_have_no_private_words(page: Path) -> None:
    """Quoted code and messages aside, which are the programs'."""
    lines = markdown(page.read_text(), named(page), tables=True)
    sentences = (replace(line, text=re.sub(r"`[^`]*`", "", line.text)) for line in lines)

    assert [f"{line} {found}" for line in sentences if (found := private(line))] == []


@pytest.mark.parametrize("package", PACKAGES)
def test_comments_and_docstrings_keep_to_the_width(package: str) -> None:
    wide = []
    for path in sources(package):
        text = path.read_text()
        # `kubectl explain` shows the texts of the fields in crds; a line there is a sentence.
        fields = field_texts(text) if package == "crds" else set()
        wide += [
            str(line)
            for line in remarks(text, named(path))
            if len(line.text) > COLUMNS and line.number not in fields
        ]

    assert wide == []


@pytest.mark.parametrize("package", PACKAGES)
def test_sources_have_no_private_words(package: str) -> None:
    found = []
    for path in sources(package):
        text = path.read_text()
        lines = [*remarks(text, named(path)), *texts(text, named(path))]
        found += [f"{line} {words}" for line in lines if (words := private(line))]

    assert found == []


WIDE = "x" * 101


@pytest.mark.parametrize(
    ("text", "want"),
    [
        pytest.param(f"{WIDE}\n", 1, id="a sentence"),
        pytest.param(f"```\n{WIDE}\n```\n", 0, id="code"),
        pytest.param(f"| {WIDE} |\n", 0, id="a row of a table"),
        pytest.param(f"[a]({WIDE})\n", 0, id="the target of a link"),
        pytest.param(f"    {WIDE}\n", 0, id="an indented block"),
    ],
)
def test_wide_lines_of_a_page_are_noticed(text: str, want: int) -> None:
    assert sum(len(line.text) > COLUMNS for line in markdown(text, "page")) == want


@pytest.mark.parametrize(
    ("text", "want"),
    [
        pytest.param(f"# {WIDE}\n", 1, id="a comment"),
        pytest.param(f"x = 1  # {WIDE}\n", 1, id="a comment behind code"),
        pytest.param(f"x = 1  # noqa: E501  # {WIDE}\n", 0, id="a directive"),
        pytest.param(f'"""{WIDE}"""\n', 1, id="the docstring of a module"),
        pytest.param(f'def f():\n    """a\n\n    {WIDE}\n    """\n', 1, id="a line of a docstring"),
        pytest.param(f'x = "{WIDE}"\n', 0, id="a text of the program"),
    ],
)
def test_wide_remarks_are_noticed(text: str, want: int) -> None:
    assert sum(len(line.text) > COLUMNS for line in remarks(text, "module")) == want


@pytest.mark.parametrize(
    ("text", "want"),
    [
        pytest.param("Whoever waits goes on.", 2, id="two private words"),
        pytest.param(
            "The newsletter, the ongoing work, a classroom.", 0, id="parts of other words"
        ),
        pytest.param("It continues with its own quota.", 0, id="plain English"),
    ],
)
def test_private_words_are_noticed(text: str, want: int) -> None:
    assert len(private(Line("page", 1, text))) == want
