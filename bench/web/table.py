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
    ("a printed line, until it is read", "s", ("a line on the session's page", "median s")),
)
_SIDES = ("trainyard", "mlflow", "trackio")
_TITLES = ("Trainyard", "MLflow", "Trackio")


def table(results: dict[str, Any]) -> str:
    """All figures; what a page does not have, or was not measured, is a dash."""
    rows = [f"Asked: {json.dumps(results['asked'])}", ""]
    for side in _SIDES:
        rows += [f"{side}: {json.dumps(_at(results, (side, 'machine')))}", ""]
    rows += [f"The page: {json.dumps(results['page'])}", ""]
    rows += [
        f"| Measurement | Unit | {' | '.join(_TITLES)} |",
        "| --- | --- | ---: | ---: | ---: |",
    ]
    for what, unit, path in _ROWS:
        found = [str(_at(results, (side, *path))) for side in _SIDES]
        rows.append(f"| {what} | {unit} | {' | '.join(found)} |")
    heap = _at(results, ("trainyard", "live", "memory of scripts, MiB over time"))
    last = f"Memory of our page's scripts over the live measurement, MiB: {heap}"
    return "\n".join([*rows, "", last]) + "\n"


def _at(found: Any, path: tuple[str, ...]) -> Any:
    for name in path:
        if not isinstance(found, dict) or name not in found:
            return _NONE
        found = found[name]
    return found
