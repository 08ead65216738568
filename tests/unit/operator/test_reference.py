"""The page of failure reasons is what the program makes of its own lists."""

from __future__ import annotations

from pathlib import Path

from trainyard_api.phase import FailureClass
from trainyard_operator.core.attempts.hints import HINTS
from trainyard_operator.core.attempts.starting import ROWS
from trainyard_operator.reference import page

DOCS = Path(__file__).resolve().parents[3] / "docs"


def test_the_page_is_up_to_date() -> None:
    written = (DOCS / "failure-reasons.md").read_text()
    assert written == page(), (
        "run `python -m trainyard_operator.reference > docs/failure-reasons.md`"
    )


def test_every_class_has_its_row_and_hint() -> None:
    assert set(HINTS) == set(FailureClass)
    classes = page().partition("## A worker that does not start")[0]
    rows = [line for line in classes.splitlines() if line.startswith("| `")]
    assert [row.split("`")[1] for row in rows] == [kind.value for kind in FailureClass]


def test_every_row_of_the_table_of_starts_is_on_the_page() -> None:
    starts = page().partition("## A worker that does not start")[2]
    assert [
        row.shown for row in ROWS if f"| {row.shown} | {row.patience.value} |" not in starts
    ] == []


def test_every_metric_is_documented() -> None:
    from trainyard_operator.metrics import Metrics

    text = (DOCS / "operator.md").read_text()
    for family in Metrics().registry.collect():
        assert f"`{family.name}" in text, family.name
