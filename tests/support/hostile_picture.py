"""Hostile callers and reports as a table, a picture and figures.

`python tests/support/hostile_picture.py IN OUT` reads IN/callers.json and IN/reports.json, where they
are, and writes OUT.svg and OUT.json.
"""

from __future__ import annotations

import json
import statistics
import sys
from pathlib import Path
from typing import Any

from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

MIB = 1 << 20
WAITS = {
    "step": "a report of another session is read",
    "life": "the operator begins with a new session",
    "bot": "the bot answers",
}


def draw(figures: dict[str, Any], out: Path) -> None:
    """Bars for each attack: growth of memory, slowest small read; and the waits beside reports."""
    drawn = Figure(figsize=(11, 10), layout="constrained")
    FigureCanvasSVG(drawn)
    above, below, beside = drawn.subplots(3, 1)
    callers = figures.get("callers", {"seconds": 0, "attacks": {}})
    names = list(callers["attacks"])
    rows = (
        (above, "memory, MiB", [callers["attacks"][n]["growth"] / MIB for n in names], 64),
        (below, "slowest small read, s", [callers["attacks"][n]["delay"] for n in names], 0.5),
    )
    for axis, label, values, bound in rows:
        axis.bar(range(len(names)), values, color="#0072B2")
        axis.axhline(bound, color="#D55E00", linestyle="--")
        axis.set_ylabel(label)
        axis.grid(alpha=0.25, axis="y")
    above.set_xticks(range(len(names)), [])
    below.set_xticks(range(len(names)), names, rotation=60, ha="right")
    reports = figures.get("reports", {})
    for which, title in WAITS.items():
        values = sorted(reports.get(which, []))
        shares = [(place + 1) / len(values) for place in range(len(values))]
        beside.step(values, shares, where="post", label=title)
    beside.axvline(1.0, color="#D55E00", linestyle="--")
    beside.set_xlabel(f"seconds beside {reports.get('reports', 0)} hostile reports")
    beside.set_ylabel("share of the times")
    beside.grid(alpha=0.25)
    beside.legend(loc="lower right")
    drawn.suptitle(f"Hostile callers, {callers['seconds']:g} s each, and reports (dashed: bounds)")
    drawn.savefig(out, format="svg", metadata={"Date": None})


def summary(figures: dict[str, Any]) -> dict[str, Any]:
    """Few figures of all: of each attack, and of the waits beside reports."""
    found: dict[str, Any] = {}
    if callers := figures.get("callers"):
        found["secondsOfAnAttack"] = callers["seconds"]
        found["attacks"] = {
            name: {
                "memoryMiB": round(of["growth"] / MIB, 1),
                "slowestReadSeconds": round(of["delay"], 3),
                "cpuShare": round(of["cpu"], 2),
            }
            for name, of in callers["attacks"].items()
        }
    if reports := figures.get("reports"):
        found |= {name: reports[name] for name in ("seed", "reports", "statuses", "files")}
        found["waits"] = {
            which: {
                "times": len(reports[which]),
                "medianSeconds": round(statistics.median(reports[which]), 3),
                "longestSeconds": round(max(reports[which]), 3),
            }
            for which in WAITS
        }
    return found


def table(found: dict[str, Any]) -> str:
    """One line for each attack and each wait."""
    lines = [f"{'attack':20}{'MiB':>8}{'delay, s':>10}{'CPU':>6}"]
    for name, of in found.get("attacks", {}).items():
        lines.append(
            f"{name:20}{of['memoryMiB']:8.1f}{of['slowestReadSeconds']:10.3f}{of['cpuShare']:6.0%}"
        )
    for which, of in found.get("waits", {}).items():
        lines.append(
            f"{WAITS[which]}: median {of['medianSeconds']:.3f} s, longest"
            f" {of['longestSeconds']:.3f} s of {of['times']}"
        )
    return "\n".join(lines)


def main(source: Path, out: Path) -> None:
    """Write the picture and the figures, and print the table."""
    paths = {name: source / f"{name}.json" for name in ("callers", "reports")}
    figures = {name: json.loads(path.read_text()) for name, path in paths.items() if path.is_file()}
    found = summary(figures)
    out.parent.mkdir(parents=True, exist_ok=True)
    draw(figures, out.with_suffix(".svg"))
    out.with_suffix(".json").write_text(json.dumps(found, indent=1) + "\n")
    sys.stdout.write(f"{table(found)}\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
