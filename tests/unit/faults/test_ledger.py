"""The figures of the fault suite count what they say."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from fault_plan import Call, Fault, Kind
from lane import Outcome
from ledger import Figures, Ledger
from oracle import Violation

AT = Call("POST jobs", 1)


def outcome(*checks: str, struck: bool = True, recovery: float = 1.0) -> Outcome:
    found = [Violation(check, "it was so") for check in checks]
    return Outcome("submit", Fault(Kind.KILL_AFTER, AT), found, Counter(), struck, recovery)


def test_each_trial_counts_once_for_each_figure(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "trials.jsonl")
    for made in (
        outcome(),
        outcome("I2 one Job per attempt", "I2 one live Job", "I3 no over-commit"),
        outcome("I1 converges", recovery=90.0),
        outcome("I4 no orphan", struck=False),
    ):
        ledger.add("ours", made)

    found = Figures.of(ledger.lines())

    assert (found.trials, found.clean, found.lost, found.doubled) == (3, 1, 1, 1)
    assert (found.orphans, found.overcommit, found.late, found.longest) == (0, 1, 1, 90.0)


def test_a_trial_is_known_by_its_scenario_fault_and_request(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "trials.jsonl")
    ledger.add("ours", outcome())
    ledger.add("ours", Outcome("queue", Fault(Kind.OUTAGE, AT, 40.0)))
    ledger.add("another", Outcome("queue", None))

    assert ledger.done("ours") == {
        ("submit", "kill after", "POST jobs #1"),
        ("queue", "outage of 40 s", "POST jobs #1"),
    }
