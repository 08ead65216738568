"""Sums of the ledger: months in UTC, windows, what is lost and what is unknown."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from trainyard_api.timestamps import to_micros
from trainyard_gateway.store.ledger.intervals import Interval, by_month, month_of
from trainyard_gateway.store.ledger.sums import Held, Sums, grouped, lost, parts

HOUR = 3_600_000_000
ALL = Interval(0, to_micros(datetime(9000, 1, 1, tzinfo=UTC)))


def at(text: str) -> int:
    return to_micros(datetime.fromisoformat(text).replace(tzinfo=UTC))


MONTHS = [
    pytest.param("2026-11-03", "2026-11-04", {"2026-11": 24}, id="within-one"),
    pytest.param("2026-11-30T23:00", "2026-12-01T02:00", {"2026-11": 1, "2026-12": 2}, id="over-its-end"),
    pytest.param("2026-12-31T23:00", "2027-01-01T01:00", {"2026-12": 1, "2027-01": 1}, id="over-new-year"),
    pytest.param("2028-01-31T12:00", "2028-03-01T12:00", {"2028-01": 12, "2028-02": 696, "2028-03": 12}, id="over-a-leap-february"),
    pytest.param("2026-11-01", "2026-12-01", {"2026-11": 720}, id="exactly-one"),
    pytest.param("2026-12-01", "2026-12-01", {}, id="empty"),
    pytest.param("2026-12-02", "2026-12-01", {}, id="ends-before-it-begins"),
]  # fmt: skip


@pytest.mark.parametrize(("start", "end", "hours"), MONTHS)
def test_an_interval_is_split_at_the_ends_of_months(
    start: str, end: str, hours: dict[str, int]
) -> None:
    found = list(by_month(Interval(at(start), at(end))))
    assert {month: piece.micros / HOUR for month, piece in found} == hours
    assert [piece.start for _, piece in found[1:]] == [piece.end for _, piece in found[:-1]]


def test_a_month_is_that_of_utc() -> None:
    assert month_of(at("2026-12-01") - 1) == "2026-11"
    assert month_of(at("2026-12-01")) == "2026-12"
    assert month_of(0) == "1970-01"


def row(start: int | None = 0, finish: int | None = 10, **more: Any) -> Held:
    """An attempt with two GPUs; times are in hours since 2026-11-30T20:00."""
    base = at("2026-11-30T20:00")

    def hours(value: int | None) -> int | None:
        return None if value is None else base + value * HOUR

    checkpoint = hours(more.pop("checkpoint", None))
    fields = {
        "kind": "Attempt", "user": "ada", "queue": "default", "label": "", "exact": True, "ran": True,
        "gpus": 2, "cpu_millis": 1000, "memory_bytes": 1, "outcome": "Succeeded", **more,
    }  # fmt: skip
    return Held(start=hours(start), finish=hours(finish), checkpoint=checkpoint, **fields)


LOST = [
    pytest.param({"outcome": "Succeeded"}, 0, id="success"),
    pytest.param({"outcome": "Stopped", "checkpoint": 4}, 0, id="its-owner-ended-it"),
    pytest.param({"outcome": "Suspended"}, 0, id="its-owner-suspended-it"),
    pytest.param({"outcome": "Deleted"}, 0, id="its-session-was-deleted"),
    pytest.param({"outcome": "Failed", "checkpoint": 7}, 3, id="after-the-checkpoint"),
    pytest.param({"outcome": "Preempted", "checkpoint": 10}, 0, id="saved-at-its-end"),
    pytest.param({"outcome": "Disrupted", "checkpoint": -5}, 10, id="checkpoint-of-an-earlier-attempt"),
    pytest.param({"outcome": "Failed", "checkpoint": 12}, 0, id="checkpoint-after-the-end"),
    pytest.param({"outcome": "Failed"}, None, id="no-checkpoint-was-reported"),
    pytest.param({"outcome": "Failed", "ran": False}, 10, id="its-program-never-began"),
    pytest.param({"outcome": "Unknown", "start": None}, 0, id="unknown"),
]  # fmt: skip


@pytest.mark.parametrize(("fields", "hours"), LOST)
def test_what_an_attempt_lost(fields: dict[str, Any], hours: int | None) -> None:
    ended = row(**fields)
    assert ended.finish is not None
    found = lost(ended, ended.finish)
    assert (None if found is None else found.micros / HOUR) == hours


def test_an_attempt_over_the_end_of_a_month_counts_in_both() -> None:
    failed = row(0, 10, outcome="Failed", checkpoint=3)
    (november, first), (december, second) = parts(failed, ALL, now=0)
    assert (november, december) == ("2026-11", "2026-12")
    assert (first.gpu / HOUR, second.gpu / HOUR) == (8, 12)
    assert (first.lost_failed / HOUR, second.lost_failed / HOUR) == (2, 12)
    assert (first.attempts, second.attempts) == (1, 1)


CASES = [
    pytest.param(row(0, None), {"attempts": 1, "running": 1, "gpu": 6}, id="under-way-until-now"),
    pytest.param(row(2, 3), {"attempts": 1, "gpu": 2}, id="over"),
    pytest.param(row(None, 2), {"attempts": 1}, id="held-nothing"),
    pytest.param(row(None, 2, outcome="Unknown", exact=False), {"attempts": 1, "unknown": 1}, id="unknown"),
    pytest.param(row(0, 2, outcome="Unknown", exact=False), {"attempts": 1, "unknown": 1, "gpu": 4}, id="known-in-part"),
    pytest.param(row(0, 2, exact=False), {"attempts": 1, "inexact": 1, "gpu": 4}, id="found-gone"),
    pytest.param(row(1, 3, outcome="Failed"), {"attempts": 1, "gpu": 4, "unknown_loss": 1}, id="loss-unknown"),
    pytest.param(row(1, 3, outcome="Preempted", checkpoint=2), {"attempts": 1, "gpu": 4, "lost_interrupted": 2}, id="preempted"),
    pytest.param(row(1, 3, kind="Installation", gpus=0, outcome="Failed"), {"installation_cpu": 2000}, id="installation"),
    pytest.param(row(-9, -8), {}, id="before-the-window"),
    pytest.param(row(None, -8), {}, id="unknown-before-the-window"),
    pytest.param(row(-9, 2), {"attempts": 1, "gpu": 4}, id="from-before-the-window"),
    pytest.param(row(5, 5), {"attempts": 1}, id="no-time"),
]  # fmt: skip


@pytest.mark.parametrize(("held", "wanted"), CASES)
def test_what_a_row_adds_to_the_sums(held: Held, wanted: dict[str, int]) -> None:
    base = at("2026-11-30T20:00")
    window, now = Interval(base, base + 100 * HOUR), base + 3 * HOUR
    total = grouped([held], lambda _row, _month: (), window, now).get((), Sums())
    shown = {name: getattr(total, name) for name in Sums.__slots__}
    products = ("gpu", "lost_failed", "lost_interrupted", "installation_cpu")
    found = {n: v // HOUR if n in products else v for n, v in shown.items() if v}
    for always in ("cpu", "memory", "installation_memory"):
        found.pop(always, None)
    assert found == wanted


def test_groups_are_in_the_order_of_their_keys() -> None:
    rows = [row(user="bo"), row(user="ada"), row(user="bo", queue="a")]
    found = grouped(rows, lambda r, month: (r.user, month), ALL, now=0)
    assert list(found) == [
        ("ada", "2026-11"), ("ada", "2026-12"), ("bo", "2026-11"), ("bo", "2026-12"),
    ]  # fmt: skip
    assert found["bo", "2026-12"].gpu == 2 * found["ada", "2026-12"].gpu == 24 * HOUR


def test_no_second_is_lost_or_counted_twice_by_splitting() -> None:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    cuts = [to_micros(start + timedelta(days=13 * n, seconds=n)) for n in range(40)]
    whole = row()._replace(start=cuts[0], finish=cuts[-1], gpus=1)
    windows = [Interval(a, b) for a, b in zip(cuts, cuts[1:], strict=False)]
    pieces = [sums.gpu for window in windows for _, sums in parts(whole, window, 0)]
    assert sum(pieces) == cuts[-1] - cuts[0]
