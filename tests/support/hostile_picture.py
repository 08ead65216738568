"""Memory and delays under hostile callers as a picture: `python tests/support/hostile_picture.py IN.json OUT.svg`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure


def draw(figures: dict[str, Any], out: Path) -> None:
    """Two rows of bars, one for each attack: growth of memory, slowest small read; the bounds as lines."""
    names = list(figures["attacks"])
    drawn = Figure(figsize=(11, 7), layout="constrained")
    FigureCanvasSVG(drawn)
    above, below = drawn.subplots(2, 1, sharex=True)
    rows = (
        (above, "memory, MiB", [figures["attacks"][n]["growth"] / 2**20 for n in names], 64),
        (below, "slowest small read of another caller, s", [figures["attacks"][n]["delay"] for n in names], 0.5),
    )  # fmt: skip
    for axis, label, values, bound in rows:
        axis.bar(range(len(names)), values, color="#0072B2")
        axis.axhline(bound, color="#D55E00", linestyle="--")
        axis.set_ylabel(label)
        axis.grid(alpha=0.25, axis="y")
    below.set_xticks(range(len(names)), names, rotation=60, ha="right")
    drawn.suptitle(f"Hostile callers, {figures['seconds']:g} s each (dashed: the bound)")
    out.parent.mkdir(parents=True, exist_ok=True)
    drawn.savefig(out, format="svg", metadata={"Date": None})


def table(figures: dict[str, Any]) -> str:
    """One line for each attack: MiB, seconds, share of a core."""
    lines = [f"{'attack':20}{'MiB':>8}{'delay, s':>10}{'CPU':>6}"]
    for name, of in figures["attacks"].items():
        lines.append(f"{name:20}{of['growth'] / 2**20:8.1f}{of['delay']:10.3f}{of['cpu']:6.0%}")
    return "\n".join(lines)


if __name__ == "__main__":
    found = json.loads(Path(sys.argv[1]).read_text())
    draw(found, Path(sys.argv[2]))
    sys.stdout.write(f"{table(found)}\n")
