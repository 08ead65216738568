"""The page and the pictures of a comparison, made of its results alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from .figures import summary as over_seeds

Summary = Mapping[str, Mapping[str, Mapping[str, float]]]
"""By policy and figure: mean, low, high."""

BLUE, GREY = "#0072B2", "#999999"
BASE: Final = "best-effort FIFO"
LIMITS: Final = "EASY, users' limits"
BLIND: Final = "… blind to checkpoints"
SHORT: Final = "ours, shortest first"
ORACLE: Final = "oracle, shortest first"
GOALS: Final[Mapping[str, tuple[str, tuple[str, str, str | None]]]] = {
    "Starts in the interval": ("≥ 0.90", ("ours", "atSubmission.coverage", None)),
    "Width ÷ that of limits": ("≤ 0.50", ("ours", "atSubmission.medianWidth", LIMITS)),
    "Shortest first: starts in the interval": ("≥ 0.90", (SHORT, "atSubmission.coverage", None)),
    "… width ÷ that of limits": ("≤ 0.50", (SHORT, "atSubmission.medianWidth", LIMITS)),
    "… mean wait ÷ FIFO": ("≤ 0.80", (SHORT, "meanWait.all", BASE)),
    "… 95 % wait of 4 GPUs and more ÷ FIFO": ("≤ 1.00", (SHORT, "wait95.large", BASE)),
    "… GPU-hours lost ÷ blind": ("≤ 0.50", (SHORT, "wastedByPreemptionGpuHours", BLIND)),
    "Bound: mean wait, oracle, shortest first": ("", (ORACLE, "meanWait.all", BASE)),
    "In order of age: mean wait": ("", ("ours", "meanWait.all", BASE)),
}
"""By column: the goal, and a policy, its figure, and the policy against which it counts."""
PICTURES: Final = {
    "replayed-waits.svg": (
        ("meanWait.all", "mean wait, h", 3600.0),
        ("wait95.large", "95 % wait of 4 GPUs and more, h", 3600.0),
        ("meanWait.largest", "mean wait of the largest, h", 3600.0),
        ("wastedByPreemptionGpuHours", "GPU-hours lost by preemption", 1.0),
    ),
    "replayed-estimates.svg": (
        ("atSubmission.medianError", "median error at submission, h", 3600.0),
        ("atSubmission.coverage", "share of starts in the interval", 1.0),
        ("atSubmission.medianWidth", "median width of the interval, h", 3600.0),
    ),
}


def table(summary: Summary) -> str:
    """Waits and costs of each policy, as a table of Markdown."""
    columns: tuple[tuple[str, Callable[[Mapping[str, Any]], str]], ...] = (
        ("Mean wait, h", lambda f: _hours(f, "meanWait.all")),
        ("95 % wait, h", lambda f: _hours(f, "wait95.all")),
        ("95 % wait of 1 GPU, h", lambda f: _hours(f, "wait95.small")),
        ("… of 4 and more, h", lambda f: _hours(f, "wait95.large")),
        ("Mean wait of the largest, h", lambda f: _hours(f, "meanWait.largest")),
        ("GPUs busy, %", lambda f: _plain(f, "busyShare", 100, 1)),
        ("Preemptions", lambda f: _plain(f, "preemptions", 1, 1)),
        ("GPU-hours lost by them", lambda f: _plain(f, "wastedByPreemptionGpuHours", 1, 2)),
        ("Fairness", lambda f: _plain(f, "fairness", 1, 2)),
    )
    return _table(summary, columns)


def estimates_table(summary: Summary, of: str) -> str:
    """How good estimates were, as a table of Markdown; `of` is when they were made."""
    columns: tuple[tuple[str, Callable[[Mapping[str, Any]], str]], ...] = (
        ("Estimates of a replay", lambda f: _plain(f, f"{of}.estimates", 1, 0)),
        ("With an interval, %", lambda f: _plain(f, f"{of}.known", 100, 0)),
        ("Median error, h", lambda f: _hours(f, f"{of}.medianError")),
        ("90 % error, h", lambda f: _hours(f, f"{of}.error90")),
        ("Start in the interval, %", lambda f: _plain(f, f"{of}.coverage", 100, 1)),
        ("Median width, h", lambda f: _hours(f, f"{of}.medianWidth")),
    )
    told = {name: figures for name, figures in summary.items() if f"{of}.estimates" in figures}
    return _table(told, columns)


def goals_table(replays: Sequence[Mapping[str, Any]]) -> str:
    """Each cluster's figures beside the goals, with 95 % confidence intervals over seeds."""
    lines = [
        f"| Cluster | {' | '.join(GOALS)} |",
        f"| --- |{' ---: |' * len(GOALS)}",
        f"| goal | {' | '.join(goal for goal, _ in GOALS.values())} |",
    ]
    for cluster in dict.fromkeys(r["cluster"] for r in replays):
        members = [r["figures"] for r in replays if r["cluster"] == cluster]
        cells = []
        for _, (name, figure, base) in GOALS.values():
            values = [_against(figures, name, figure, base) for figures in members]
            known = [{"x": value} for value in values if value is not None]
            cells.append(_plain(over_seeds(known), "x", 1, 2))
        lines.append(f"| {cluster} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _against(
    figures: Mapping[str, Mapping[str, float]], name: str, figure: str, base: str | None
) -> float | None:
    """A policy's figure, divided by that of the policy `base`; None where there is none."""
    found = figures.get(name, {}).get(figure)
    if base is None or found is None:
        return found
    of = figures.get(base, {}).get(figure)
    return found / of if of else None


def clusters_table(replays: Sequence[Mapping[str, Any]]) -> str:
    """What was replayed, and each cluster's mean wait beside that of best-effort FIFO."""
    lines = [
        "| Cluster | Week from | Sessions | GPUs | Sessions with an estimate"
        " | Mean wait, best-effort FIFO, h |",
        "| --- | --- | ---: | ---: | ---: | ---: |",
    ]
    for cluster in dict.fromkeys(r["cluster"] for r in replays):
        members = [r for r in replays if r["cluster"] == cluster]
        first = members[0]
        waited = over_seeds([r["figures"]["ours"] for r in members])
        fifo = over_seeds([r["figures"][BASE] for r in members])
        lines.append(
            f"| {cluster} | {first['week']} | {first['sessions']:,} | {first['gpus']} |"
            f" {_plain(waited, 'atSubmission.estimates', 1, 0)} | {_hours(fifo, 'meanWait.all')} |"
        )
    return "\n".join(lines)


def _table(
    summary: Summary, columns: Sequence[tuple[str, Callable[[Mapping[str, Any]], str]]]
) -> str:
    lines = [
        f"| Policy | {' | '.join(title for title, _ in columns)} |",
        f"| --- |{' ---: |' * len(columns)}",
    ]
    for name, figures in summary.items():
        lines.append(f"| {name} | {' | '.join(show(figures) for _, show in columns)} |")
    return "\n".join(lines)


def _hours(figures: Mapping[str, Any], name: str) -> str:
    return _plain(figures, name, 1 / 3600, 2)


def _plain(figures: Mapping[str, Any], name: str, factor: float, places: int) -> str:
    found = figures.get(name)
    if found is None:
        return "–"
    mean, half = found["mean"] * factor, (found["high"] - found["mean"]) * factor
    return f"{mean:,.{places}f} ± {half:,.{places}f}" if half else f"{mean:,.{places}f}"


def draw(summary: Summary, panels: Sequence[tuple[str, str, float]], out: Path) -> None:
    """One row of bars for each figure, with the confidence interval of each policy."""
    drawn = Figure(
        figsize=(3.4 * len(panels) + 2.2, 0.42 * len(summary) + 1.4), layout="constrained"
    )
    FigureCanvasSVG(drawn)
    axes = drawn.subplots(1, len(panels), sharey=True)
    names = list(summary)[::-1]
    for axis, (figure, label, unit) in zip(axes, panels, strict=True):
        for row, name in enumerate(names):
            found = summary[name].get(figure)
            if found is None:
                continue
            low, mean, high = (found[key] / unit for key in ("low", "mean", "high"))
            error = [[mean - max(0.0, low)], [high - mean]]
            colour = BLUE if name.startswith(("ours", "…")) else GREY
            axis.barh(row, mean, xerr=error, color=colour, error_kw={"elinewidth": 1})
        axis.set_yticks(range(len(names)), names)
        axis.set_xlabel(label)
        axis.grid(alpha=0.25, axis="x")
    drawn.savefig(out, format="svg", metadata={"Date": None})


def write(results: Mapping[str, Any], path: Path, pictures: Path) -> None:
    """Write the page and the pictures beside it."""
    summary = results["summary"]["programs tell"]
    for name, panels in PICTURES.items():
        draw(summary, panels, pictures / name)
    template = (Path(__file__).parent / "page.txt").read_text()
    told = [r for r in results["replays"] if r["toldByProgram"] > 0]
    parts = {
        "waits": table(summary),
        "submission": estimates_table(summary, "atSubmission"),
        "time": estimates_table(summary, "overTime"),
        "clusters": clusters_table(told),
        "goals": goals_table(told),
        "goals-nothing": goals_table([r for r in results["replays"] if r not in told]),
        "nothing": table(results["summary"]["programs tell nothing"]),
        "nothing-estimates": estimates_table(
            results["summary"]["programs tell nothing"], "atSubmission"
        ),
        "seeds": str(len({r["seed"] for r in told})),
        "count": str(len({r["cluster"] for r in told})),
        "left-out": ", ".join(results["leftOut"]) or "none",
        "trace": results["trace"],
        "load": f"{100 * results['load']:.0f}",
        "slowest": f"{max(s for r in results['replays'] for s in r['cpuSeconds'].values()):.0f}",
    }
    for name, text in parts.items():
        template = template.replace(f"{{{{{name}}}}}", text)
    path.write_text(template)
