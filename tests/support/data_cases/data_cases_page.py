"""Write docs/data-cases.md: what comes of each data case, as the reader answers it.

`python tests/support/data_cases/data_cases_page.py [--check]`: --check writes nothing and exits with 1 if the
page is out of date.
"""

from __future__ import annotations

import re
import sys
import tempfile
from pathlib import Path

from data_case import Case, Refused, RefusedInTraining
from data_catalogue import CASES, GROUPS
from data_trial import Trial

from trainyard_api.datasets.schema import ColumnRole, DatasetSchema

PAGE = Path(__file__).parents[3] / "docs" / "data-cases.md"
HEAD = """\
# What comes of a file

Generated from {count} small files by `make manifests`; do not edit.
`tests/support/data_cases` makes the files. `tests/corpus` tries each of them: it uploads it, trains
with it, and predicts its rows alone, in another order and all together.

A file trains as it is, or it is refused at upload. {trains} of these files train, {refused} are
refused. A few are accepted though the session that was tried cannot use them. The session is then
refused with the sentence that is shown.
"""
COLUMNS = 8
"""Columns that are shown of a wide table."""
NOTES = 6
"""Notes that are shown of a file."""
LONGEST = 420
"""Characters of a sentence that are shown."""


def page() -> str:
    """The whole page."""
    with tempfile.TemporaryDirectory() as folder:
        outcomes = {name: outcome(case, Path(folder) / name) for name, case in CASES.items()}
    parts = [
        HEAD.format(
            count=len(CASES),
            trains=sum(text.startswith("trains") for text in outcomes.values()),
            refused=sum(text.startswith("refused") for text in outcomes.values()),
        )
    ]
    for heading, cases in GROUPS.items():
        rows = [f"| `{c.name}` | {plain(c.what)} | {outcomes[c.name]} |" for c in cases]
        parts.append(
            "\n".join(
                [
                    f"## {heading}",
                    "",
                    "| Case | What it is | What comes of it |",
                    "| --- | --- | --- |",
                    *rows,
                ]
            )
            + "\n"
        )
    return "\n".join(parts)


def outcome(case: Case, folder: Path) -> str:
    """What the reader answers, in Markdown."""
    folder.mkdir()
    trial = Trial(case, folder, gateway_url="")
    trial.read(case.write(folder))
    if trial.schema is None:
        return f"refused: {code(trial.sentence)}"
    if isinstance(case.expected, RefusedInTraining | Refused):
        unfit = trial.misfit()
        return f"accepted; the session is refused: {code(unfit)}" if unfit else "accepted"
    return f"trains: {described(trial.schema)}"


def described(schema: DatasetSchema) -> str:
    """A schema in a cell."""
    names = [
        f"{code(c.name)} {c.type if c.role != ColumnRole.IGNORED else 'ignored'}"
        for c in schema.columns
        if c.name != schema.target
    ]
    parts = [f"{schema.samples} samples"]
    if names:
        more = f" and {len(names) - COLUMNS} more" if len(names) > COLUMNS else ""
        parts.append(", ".join(names[:COLUMNS]) + more)
    if schema.images is not None:
        of = schema.images
        parts.append(f"pictures of {of.height} × {of.width} in {of.channels} channel(s)")
    if schema.target is not None:
        why = f" ({schema.target_reason})" if schema.target_reason else ""
        parts.append(f"predicts {code(schema.target)}{plain(why)}")
    if schema.classes is not None:
        parts.append(f"{len(schema.classes)} classes")
    said = [code(note) for note in said_of(schema)[:NOTES]]
    left = len(said_of(schema)) - len(said)
    return (
        "; ".join(parts)
        + "".join(f"<br>{note}" for note in said)
        + (f" and {left} more" if left else "")
    )


def said_of(schema: DatasetSchema) -> list[str]:
    """The notes, and each reason of a column that no note gives."""
    notes = list(schema.notes)
    reasons = [
        f"{c.name}: {c.reason}"
        for c in schema.columns
        if c.reason and c.name != schema.target and not any(c.reason in note for note in notes)
    ]
    return notes + reasons


def plain(text: str) -> str:
    """Text in a cell."""
    return re.sub(r"([|*_<\\`])", r"\\\1", text)


def code(text: str) -> str:
    """A code span in a cell, with what cannot be seen as escapes."""
    seen = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
    cut = seen if len(seen) <= LONGEST else seen[:LONGEST] + "…"
    cut = cut.replace("|", r"\|") or " "
    fence = "``" if "`" in cut else "`"
    space = " " if "`" in cut else ""
    return f"{fence}{space}{cut}{space}{fence}"


def main(arguments: list[str]) -> int:
    """Write or compare the page."""
    rendered = page()
    if arguments == ["--check"]:
        if PAGE.is_file() and PAGE.read_text() == rendered:
            return 0
        sys.stderr.write(f"{PAGE.name} is out of date: run `make manifests`\n")
        return 1
    PAGE.write_text(rendered)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
