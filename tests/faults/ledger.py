"""What trials showed: a file to which every trial adds a line, and the figures made of it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from fault_plan import Fault, Kind
from lane import LIMIT_SECONDS, Outcome

LOST: Final = ("I1 no session lost", "I1 converges", "I1 outcome", "I1 none without a status")
DOUBLED: Final = ("I2 one",)
ORPHANS: Final = ("I4",)
OVERCOMMIT: Final = ("I3",)

Line = dict[str, Any]


@dataclass
class Ledger:
    """A file with one line of JSON for each trial; a run that was interrupted goes on where it ended."""

    path: Path

    def lines(self) -> list[Line]:
        """What is there."""
        if not self.path.exists():
            return []
        return [json.loads(line) for line in self.path.read_text().splitlines() if line]

    def add(self, operator: str, outcome: Outcome) -> Line:
        """Add a trial."""
        fault = outcome.fault
        line = {
            "operator": operator,
            "scenario": outcome.scenario,
            "kind": kind_of(fault),
            "call": str(fault.call) if fault else "",
            "struck": outcome.struck,
            "violations": [[v.check, v.what] for v in outcome.violations],
            "recovery": round(outcome.recovery, 2),
            "took": round(outcome.took, 2),
            "counts": dict(outcome.counts),
        }
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a") as file:
            file.write(json.dumps(line) + "\n")
        return line

    def done(self, operator: str) -> set[tuple[str, str, str]]:
        """(scenario, kind, call) of the trials that were made."""
        return {(x["scenario"], x["kind"], x["call"]) for x in self.lines() if x["operator"] == operator}  # fmt: skip


def kind_of(fault: Fault | None) -> str:
    """The kind of a fault, an outage with its length; empty without a fault."""
    if fault is None:
        return ""
    return f"outage of {fault.seconds:g} s" if fault.kind is Kind.OUTAGE else fault.kind.value


@dataclass(frozen=True, slots=True)
class Figures:
    """Figures over some trials."""

    trials: int
    """Trials in which the fault came."""
    clean: int
    lost: int
    doubled: int
    orphans: int
    overcommit: int
    late: int
    """Trials that took longer than `LIMIT_SECONDS` after the end of the fault."""
    median: float
    longest: float

    @classmethod
    def of(cls, lines: Iterable[Line]) -> Figures:
        """The figures of these trials."""
        struck = [x for x in lines if x["struck"]]
        times = sorted(x["recovery"] for x in struck) or [0.0]
        return cls(
            trials=len(struck),
            clean=sum(not x["violations"] for x in struck),
            lost=_with(struck, LOST),
            doubled=_with(struck, DOUBLED),
            orphans=_with(struck, ORPHANS),
            overcommit=_with(struck, OVERCOMMIT),
            late=sum(t > LIMIT_SECONDS for t in times),
            median=times[len(times) // 2],
            longest=times[-1],
        )

    def row(self, title: str) -> str:
        """As a row of `HEAD`."""
        cells = (
            title, self.trials, self.clean, self.lost, self.doubled, self.orphans, self.overcommit,
            self.late, f"{self.median:.1f} s", f"{self.longest:.1f} s",
        )  # fmt: skip
        return f"| {' | '.join(map(str, cells))} |"


HEAD: Final = (
    "| Trials | Number | Without any violation | Lost | Doubled | Orphans | Over-commit | Late |"
    " Median | Longest |\n|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|"
)


def _with(lines: list[Line], checks: tuple[str, ...]) -> int:
    return sum(any(v[0].startswith(checks) for v in x["violations"]) for x in lines)


def table(lines: list[Line]) -> str:
    """Figures by operator and kind of fault."""
    rows = [HEAD]
    for operator in sorted({x["operator"] for x in lines}):
        own = [x for x in lines if x["operator"] == operator and x["kind"]]
        kinds = Counter(x["kind"] for x in own)
        rows.append(Figures.of(own).row(f"{operator}: all faults"))
        for kind in sorted(kinds):
            rows.append(Figures.of(x for x in own if x["kind"] == kind).row(f"{operator}: {kind}"))
    return "\n".join(rows)


def figures(lines: list[Line]) -> dict[str, dict[str, dict[str, float]]]:
    """Figures by program and kind of fault, as JSON has them."""
    found: dict[str, dict[str, dict[str, float]]] = {}
    for line in lines:
        if line["kind"]:
            found.setdefault(line["operator"], {}).setdefault(line["kind"], {})
    for program, kinds in found.items():
        own = [x for x in lines if x["operator"] == program]
        for kind in kinds:
            kinds[kind] = asdict(Figures.of(x for x in own if x["kind"] == kind))
    return found


def broken(lines: list[Line]) -> list[str]:
    """A line for each trial with a violation."""
    return [
        f"{x['operator']} {x['scenario']} [{x['kind']} @ {x['call']}]: {check}: {what}"
        for x in lines
        for check, what in x["violations"]
    ]
