"""The results as Markdown, a column per page."""

from __future__ import annotations

import json
from typing import Any

_NONE = "–"
_ROWS = (
    ("1,000 sessions, until rows are drawn", "s", ("table", "first paint s")),
    ("… received until then", "KiB", ("table", "KiB received")),
    ("… rows that can be scrolled to then", "", ("table", "rows that can be scrolled to")),
    ("… frame while scrolling, median", "ms", ("table", "frames while scrolling, ms", "median")),
    (
        "… frame while scrolling, 95th percentile",
        "ms",
        ("table", "frames while scrolling, ms", "p95"),
    ),
    ("100 curves of 20,000 points, until drawn", "s", ("overlay", "drawn s")),
    ("… received", "KiB", ("overlay", "KiB received")),
    ("… spikes of one step that are seen, of 100", "", ("overlay", "spikes that are seen")),
    ("50 sessions report every second, received", "KiB/s", ("live", "KiB/s")),
    ("… delay of a value in the table, median", "s", ("live", "delay in the table, median s")),
    ("… delay of a value in the table, longest", "s", ("live", "delay in the table, longest s")),
    ("… CPU of the server", "cores", ("live", "gateway CPU, cores")),
    ("after a break, received first", "KiB", ("live", "after a break", "KiB first")),
    ("after a break, received again", "KiB", ("live", "after a break", "KiB again")),
    ("a log of a million lines, until lines are drawn", "s", ("log", "first lines s")),
    ("… to its first line", "s", ("log", "to the first line of all s")),
    ("… frame while scrolling, median", "ms", ("log", "frames while scrolling, ms", "median")),
    ("a printed line, until it is read", "s", ("log", "a printed line, median s")),
)
PARTS = ("table", "overlay", "live", "log")
_SIDES = ("trainyard", "mlflow", "trackio")
_TITLES = ("Trainyard", "MLflow", "Trackio")
_LOWER_IS_BETTER = ("s", "KiB", "KiB/s", "ms", "cores")


def table(results: dict[str, Any]) -> str:
    """All figures; what a page does not have, or was not measured, is a dash."""
    rows = [
        f"| Measurement | Unit | {' | '.join(_TITLES)} | Better than the better one |",
        "| --- | --- | ---: | ---: | ---: | ---: |",
    ]
    for what, unit, path in _ROWS:
        found = [_at(results, (side, *path)) for side in _SIDES]
        shown = [
            _shown(results, side, path, each) for side, each in zip(_SIDES, found, strict=True)
        ]
        rows.append(f"| {what} | {unit} | {' | '.join(shown)} | {_times(unit, *found)} |")
    heap = _at(results, ("trainyard", "live", "memory of scripts, MiB over time"))
    rows += ["", f"Memory of our page's scripts over the live measurement, MiB: {heap}", ""]
    rows += [f"The page: {json.dumps(results['page'])}", "", *_circumstances(results)]
    return "\n".join(rows) + "\n"


BEGIN, END = "<!-- make bench-web -->\n", "<!-- end of make bench-web -->\n"
_GOALS = (
    ("1,000 sessions, until rows are drawn", "s", ("table", "first paint s"), 1.0),
    ("100 curves of 20,000 points, until drawn", "s", ("overlay", "drawn s"), 1.5),
    ("spikes of one step that are seen, of 100", "", ("overlay", "spikes that are seen"), None),
    ("50 sessions report every second, received", "KiB/s", ("live", "KiB/s"), 50.0),
    ("delay of a value, median", "s", ("live", "delay in the table, median s"), 1.0),
    ("delay of a value, longest", "s", ("live", "delay in the table, longest s"), 1.0),
    ("CPU of the server meanwhile", "cores", ("live", "gateway CPU, cores"), None),
    ("a log of a million lines, until lines are drawn", "s", ("log", "first lines s"), 0.5),
)


def summary(results: dict[str, Any]) -> str:
    """The figures that have a goal, and the sizes, for the documentation."""
    rows = [
        "| What | Unit | Goal | Trainyard | MLflow | Trackio |",
        "| --- | --- | ---: | ---: | ---: | ---: |",
    ]
    for what, unit, path, goal in _GOALS:
        found = [_shown(results, side, path, _at(results, (side, *path))) for side in _SIDES]
        least = _NONE if goal is None else f"{goal:g}"
        rows.append(f"| {what} | {unit} | {least} | {' | '.join(found)} |")
    return "\n".join([*rows, "", *_sizes(results)]) + "\n"


def _sizes(results: dict[str, Any]) -> list[str]:
    """One line for each side."""
    rows = []
    for side, title in zip(_SIDES, _TITLES, strict=True):
        told = [
            f"{part} {found['load'][0]} to {found['load'][1]}"
            for part in PARTS
            if (found := results.get(side, {}).get(part)) is not None
        ]
        rows.append(f"- Load average, {title}: {', '.join(told) or 'not measured'}.")
    return rows


def _shown(results: dict[str, Any], side: str, path: tuple[str, ...], found: Any) -> str:
    """A figure, or that the page did not show it."""
    failed = _at(results, (side, path[0], "failed"))
    return str(found) if found != _NONE or failed == _NONE else "not shown"


def _times(unit: str, ours: Any, *peers: Any) -> str:
    """How many times smaller our figure is than the smaller of the others; a dash without both."""
    others = [each for each in peers if isinstance(each, int | float)]
    if unit not in _LOWER_IS_BETTER or not others or not isinstance(ours, int | float) or not ours:
        return _NONE
    return f"{min(others) / ours:.1f}"


def _circumstances(results: dict[str, Any]) -> list[str]:
    """When, where and with which sizes each part was measured."""
    rows = [
        "| Measured | Of | Date | Load average before and after | Sizes |",
        "| --- | --- | --- | ---: | --- |",
    ]
    for side, title in zip(_SIDES, _TITLES, strict=True):
        for part in PARTS:
            found = results.get(side, {}).get(part)
            if found is not None:
                sizes = ", ".join(f"{value:,} {name}" for name, value in found["asked"].items())
                before, after = found["load"]
                date = found["machine"]["date"]
                rows.append(f"| {part} | {title} | {date} | {before}, {after} | {sizes} |")
    machines = {
        f"{found['machine']['cores']} cores ({found['machine']['cpu']}), {found['machine']['memoryGiB']} GiB"
        for side in _SIDES
        for found in results.get(side, {}).values()
    }
    return [*rows, "", f"Machine: {'; '.join(sorted(machines))}"]


def _at(found: Any, path: tuple[str, ...]) -> Any:
    for name in path:
        if not isinstance(found, dict) or name not in found:
            return _NONE
        found = found[name]
    return found
