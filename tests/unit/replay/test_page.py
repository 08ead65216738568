"""The table of goals: ratios within one replay, means and intervals over seeds."""

from __future__ import annotations

from typing import Any

from replay.page import GOALS, goals_table


def replayed(seed: int, wait: float, width: float) -> dict[str, Any]:
    told = {"atSubmission.coverage": 0.9, "atSubmission.medianWidth": width}
    short = {"meanWait.all": wait}
    fifo = {"meanWait.all": 100.0, "wait95.large": 50.0}
    limits = {"atSubmission.medianWidth": 400.0}
    policies = {"ours": told, "ours, shortest first": short}
    figures = {**policies, "best-effort FIFO": fifo, "EASY, users' limits": limits}
    return {"cluster": "c", "seed": seed, "figures": figures}


def test_goals_by_cluster() -> None:
    rows = goals_table([replayed(0, 80.0, 100.0), replayed(1, 90.0, 300.0)]).splitlines()

    assert [len(row.split(" | ")) for row in (rows[0], *rows[2:])] == [len(GOALS) + 1] * 3
    assert rows[2].startswith("| goal | ≥ 0.90 | ≤ 0.50 | ≥ 0.90 | ≤ 0.50 | ≤ 0.80 | ≤ 1.00 |")
    assert rows[3].startswith("| c | 0.90 | 0.50 ± 3.18 | – | – | 0.85 ± 0.64 | – | – |")
