"""`trainyard usage`: months, and what the table shows."""

from __future__ import annotations

import pytest
import typer

from trainyard.cli.commands.ledger.usage import month_window, table
from trainyard.cli.text.table import plain
from trainyard.models import UsageGroup

MONTHS = [
    ("2026-11", ("2026-11-01T00:00:00Z", "2026-12-01T00:00:00Z")),
    ("2026-12", ("2026-12-01T00:00:00Z", "2027-01-01T00:00:00Z")),
    ("2028-02", ("2028-02-01T00:00:00Z", "2028-03-01T00:00:00Z")),
]


@pytest.mark.parametrize(("month", "window"), MONTHS, ids=[month for month, _ in MONTHS])
def test_a_month_ends_where_the_next_begins(month: str, window: tuple[str, str]) -> None:
    assert month_window(month) == window


@pytest.mark.parametrize("month", ["2026-13", "2026-1", "November", "0001-01", "9999-12", ""])
def test_what_is_no_month_is_refused(month: str) -> None:
    with pytest.raises(typer.BadParameter, match="is no month"):
        month_window(month)


def test_the_table_has_hours_and_what_was_lost() -> None:
    rows = [
        UsageGroup(user="ada", month="2026-11", gpu_seconds=4_446_000, attempts=3, failed_gpu_seconds=1800),
        UsageGroup(user="", month="2026-11", unknown_attempts=2, attempts=2),
    ]  # fmt: skip
    shown = [
        line.split() for line in plain(table(["user", "month"], rows, wide=False)).splitlines()
    ]
    assert shown == [
        ["USER", "MONTH", "GPU", "HOURS", "LOST", "ATTEMPTS", "RUNNING", "UNKNOWN"],
        ["ada", "2026-11", "1,235.00", "0.50", "3", "0", "0"],
        ["-", "2026-11", "0.00", "0.00", "2", "0", "2"],
    ]
    assert plain(table(["user"], [], wide=True)) == "nothing was used"
