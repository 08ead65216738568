"""Reports of runs as lines of JSON, one for each call of a program, and the batch that they make.

The relay of a session's pod appends a line before it answers a call. A file of lines is one batch
of reports: it gets no more lines once it was sent. A last line without an end is left out, since
its call was never answered. Standard library only.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

Report = dict[str, Any]
"""A `trainyard_api.run_report.RunReport` as JSON; a line holds what one call says of one run."""

LISTS = ("metrics", "inputs", "outputs", "modelValues")
LAST = ("experiment", "name", "status", "endTime", "deleted")
"""What a later line replaces."""


def line_of(report: Mapping[str, Any]) -> bytes:
    """A report as a line."""
    return json.dumps(report, separators=(",", ":")).encode("ascii") + b"\n"


def items_of(report: Mapping[str, Any]) -> int:
    """How much of a batch's bounds a report takes: a tenth for a metric, one for all else. Pure."""
    others = sum(len(report.get(n) or ()) for n in ("params", "tags", "removedTags", *LISTS[1:]))
    return 1 + others + len(report.get("metrics") or ()) // 10


def reports_in(content: Iterable[bytes]) -> Iterator[Report]:
    """The reports in lines, without what is none. Pure."""
    for line in content:
        if not line.endswith(b"\n"):
            return
        try:
            found = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(found, dict) and isinstance(found.get("run"), str):
            yield found


def batch_of(identity: Mapping[str, Any], content: Iterable[bytes]) -> dict[str, Any]:
    """The batch of a file of lines: one report for each run, in the order of their first lines.

    `identity` holds sessionUid, attempt, stream and sequence. Pure.
    """
    runs: dict[str, Report] = {}
    for report in reports_in(content):
        merge(runs.setdefault(report["run"], {"run": report["run"]}), report)
    return {**identity, "runs": list(runs.values())}


def merge(into: Report, report: Mapping[str, Any]) -> None:
    """Add a later report of the same run to `into`."""
    if "created" in report:
        into.setdefault("created", report["created"])
    for name in LISTS:
        if report.get(name):
            into.setdefault(name, []).extend(report[name])
    into.update({name: report[name] for name in LAST if name in report})
    if report.get("params"):
        into["params"] = {**report["params"], **into.get("params", {})}
    _merge_tags(into, report)


def _merge_tags(into: Report, report: Mapping[str, Any]) -> None:
    """A tag that is removed and set again is set, and the other way round."""
    for key in report.get("removedTags") or ():
        into.get("tags", {}).pop(key, None)
        removed = into.setdefault("removedTags", [])
        if key not in removed:
            removed.append(key)
    for key, value in (report.get("tags") or {}).items():
        into.setdefault("tags", {})[key] = value
        if key in into.get("removedTags", ()):
            into["removedTags"].remove(key)
