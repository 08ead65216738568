"""Quiet hours and digests of receivers, as options of the command line write them. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from trainyard.cli.errors import UsageProblem

_HOURS: Final = re.compile(r"([0-9]{1,2}:[0-9]{2})-([0-9]{1,2}:[0-9]{2})")
DIGESTS: Final = "hour, day=08:00 or quiet-hours"
_NEEDS_ZONE: Final = (
    "give --time-zone with --quiet and --digest day=…: the time zone of these times, such as "
    "Europe/Berlin or UTC"
)


def times_of(
    time_zone: str | None,
    quiet: str | None,
    quiet_days: str | None,
    digest: str | None,
    urgent: Sequence[str],
) -> dict[str, Any] | None:
    """The times of a receiver; None without an option for them. Raises UsageProblem."""
    found: dict[str, Any] = {}
    if quiet is not None:
        found["quietHours"] = _quiet_hours(quiet, quiet_days)
    elif quiet_days is not None:
        raise UsageProblem("--quiet-days says on which days the hours of --quiet begin; give both")
    if digest is not None:
        found["digest"] = _digest(digest)
    if urgent:
        found["urgent"] = [kind for text in urgent for kind in text.split(",")]
    if time_zone is not None:
        found["timeZone"] = time_zone
    elif quiet is not None or "at" in found.get("digest", {}):
        raise UsageProblem(_NEEDS_ZONE)
    if found and quiet is None and digest is None:
        raise UsageProblem("give --quiet or --digest with --time-zone and --urgent")
    return found or None


def _quiet_hours(text: str, days: str | None) -> dict[str, Any]:
    found = _HOURS.fullmatch(text)
    if found is None:
        raise UsageProblem(f"--quiet {text!r}: write START-END, such as 22:00-07:00")
    hours = {"start": found[1].zfill(5), "end": found[2].zfill(5)}
    return hours if days is None else {**hours, "days": days.split(",")}


def _digest(text: str) -> dict[str, Any]:
    every, sign, at = text.partition("=")
    if every not in ("hour", "day", "quiet-hours") or (every == "day") != bool(sign):
        raise UsageProblem(f"--digest {text!r}: write {DIGESTS}")
    return {"every": every, "at": at.zfill(5)} if sign else {"every": every}


def times_text(times: Mapping[str, Any] | None) -> str:
    """Times as a table shows them."""
    if times is None:
        return "at once"
    quiet, digest = times.get("quietHours") or {}, times.get("digest") or {}
    parts = []
    if digest:
        parts.append("=".join(map(str, filter(None, ("digest", digest.get("every"))))))
        parts += [str(digest["at"])] if digest.get("at") else []
    if quiet:
        parts.append(f"quiet={quiet.get('start')}-{quiet.get('end')}")
        parts += [",".join(map(str, quiet["days"]))] if quiet.get("days") else []
    if urgent := times.get("urgent"):
        parts.append(f"urgent={','.join(map(str, urgent))}")
    return " ".join([*parts, str(times.get("timeZone", "UTC"))])
