"""Questions to the ledger and the form of their answers."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime
from typing import Any

import pytest

from trainyard_api.timestamps import to_micros
from trainyard_gateway.errors import BadRequest, Unprocessable
from trainyard_gateway.store.ledger.reading import Total
from trainyard_gateway.store.ledger.sums import Sums
from trainyard_gateway.usage.figures import bounded
from trainyard_gateway.usage.reports import Asked, cursor_after, rows_after, wanted_of
from trainyard_gateway.usage.row import UsageRow, as_csv, row_of

HOUR = 3_600_000_000


def at(text: str) -> int:
    return to_micros(datetime.fromisoformat(text).replace(tzinfo=UTC))


NOW = at("2026-11-29T08:00")
WINDOWS = [
    pytest.param(None, None, "2026-11-01", "2026-11-29T08:00", id="this-month-until-now"),
    pytest.param("2026-10-05", None, "2026-10-05", "2026-11-29T08:00", id="since-then-until-now"),
    pytest.param("2026-10-05", "2026-10-06", "2026-10-05", "2026-10-06", id="both"),
    pytest.param(None, "2026-10-06", "2026-10-01", "2026-10-06", id="the-month-of-until"),
    pytest.param(None, "2027-02-01", "2026-11-01", "2027-02-01", id="until-the-future"),
]


@pytest.mark.parametrize(("since", "until", "start", "end"), WINDOWS)
def test_the_time_of_a_question(since: Any, until: Any, start: str, end: str) -> None:
    asked = Asked(("user",), since and at(since), until and at(until))
    assert wanted_of(asked, NOW).window == (at(start), at(end))


REFUSED = [
    pytest.param(Asked(("user", "user"), None, None), "by: each of", id="twice"),
    pytest.param(Asked(("label",), None, None), "label: by=label needs", id="label-without-a-name"),
    pytest.param(Asked(("user",), None, None, "project"), "label: by=label", id="name-without-label"),
    pytest.param(Asked(("user",), NOW, NOW), "since: it must be before", id="empty"),
    pytest.param(Asked(("user",), NOW + 1, None), "since: it must be before", id="in-the-future"),
]  # fmt: skip


@pytest.mark.parametrize(("asked", "words"), REFUSED)
def test_a_question_that_makes_no_sense_is_refused(asked: Asked, words: str) -> None:
    with pytest.raises(Unprocessable, match=words):
        wanted_of(asked, NOW)


def test_sums_are_seconds_of_whole_units() -> None:
    sums = Sums(
        attempts=3, gpu=2 * HOUR, cpu=500 * HOUR, memory=(3 << 30) * HOUR, lost_failed=1_500,
        installation_cpu=2000 * HOUR,
    )  # fmt: skip
    row = row_of(("user", "month"), ("ada", "2026-11"), sums)
    assert (row.user, row.month, row.queue, row.attempts) == ("ada", "2026-11", None, 3)
    assert (row.gpu_seconds, row.cpu_core_seconds, row.memory_gib_seconds) == (7200, 1800, 10_800)
    assert (row.failed_gpu_seconds, row.installation_cpu_core_seconds) == (0.002, 7200)


def test_pages_are_all_rows_once_in_order() -> None:
    by = ("user", "queue")
    rows = [UsageRow(user=u, queue=q) for u in ("", "ada", "bo/…") for q in ("", "a", "b")]
    seen, cursor = [], None
    while left := rows_after(by, rows, cursor):
        seen.append(left[0])
        cursor = cursor_after(by, left[0])
    assert seen == rows


@pytest.mark.parametrize("cursor", ["x", "bm8", "WzFd", "WyJhIl0", "-"], ids=str)
def test_a_cursor_of_no_page_is_refused(cursor: str) -> None:
    with pytest.raises(BadRequest, match="cursor: it is not one"):
        rows_after(("user", "queue"), [], cursor)


def test_csv_has_a_header_and_no_formulas() -> None:
    rows = [
        UsageRow(user="=1+1", label='a,"b"', gpu_seconds=1.5),
        UsageRow(user="", label="x", attempts=2),
    ]
    text = as_csv(("user", "label"), rows)
    first, second = csv.DictReader(io.StringIO(text))
    assert text.startswith("user,label,attempts,runningAttempts,")
    assert (first["user"], first["label"], first["gpuSeconds"]) == ("'=1+1", 'a,"b"', "1.5")
    assert (second["user"], second["attempts"]) == ("", "2")
    assert text.count("\r\n") == 3


def test_the_series_of_queues_and_users_are_bounded() -> None:
    totals = [Total("q", f"u{n}", 1.0) for n in range(6)] + [Total("p", "", 2.0)]
    assert bounded(totals, 5) == {("q", f"u{n}"): 1.0 for n in range(5)} | {("other", "other"): 3.0}
    assert bounded(totals, 7)["p", ""] == 2.0
