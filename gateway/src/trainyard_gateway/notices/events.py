"""What has happened to a session that a rule asks for. Pure: session, rule and time in, events out.

Guarantees:

- An event has a key; the same event has the same key at every look, in every gateway.
- An event has the time at which it happened, so that a new rule finds nothing that was before it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from trainyard_api.phase import TERMINAL, Phase
from trainyard_api.timestamps import parse_seconds
from trainyard_gateway.notices.rules import (
    BudgetRule,
    FailureRule,
    MetricRule,
    NoticeRule,
    PhaseRule,
    StalledRule,
    StartsSoonRule,
)
from trainyard_gateway.sessions.info import phase_of
from trainyard_kube import Json


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to a session."""

    key: str
    """Unique within the session."""
    kind: str
    """What receivers get as `type`."""
    time: float
    """When it happened, in seconds since the epoch."""
    facts: Mapping[str, Any] = field(default_factory=dict)
    """What receivers get beside the facts of the session."""


def events(body: Json, rule: NoticeRule, now: float) -> list[Event]:
    """What `rule` asks for and holds for the session at `now`, in seconds since the epoch."""
    status = body.get("status") or {}
    match rule:
        case PhaseRule():
            found = _phase(body, status, rule)
        case FailureRule():
            found = _failure(status, rule)
        case MetricRule():
            found = _metric(status, rule, now)
        case StalledRule():
            found = _stalled(body, status, rule, now)
        case StartsSoonRule():
            found = _soon(body, status, rule, now)
        case BudgetRule():
            return []  # of no session
    return list(found)


def _attempt(status: Json) -> int:
    return int(status.get("attempt") or 0)


def _phase(body: Json, status: Json, rule: PhaseRule) -> Iterator[Event]:
    phase = phase_of(body)
    if phase in rule.phases:
        time = _since(body, status, phase)
        yield Event(f"phase/{phase}/{_attempt(status)}", "session.phase", time)


def _since(body: Json, status: Json, phase: str) -> float:
    """When the session came into its phase, as far as its status says."""
    if phase in TERMINAL:
        time = parse_seconds(status.get("completionTime"))
    elif phase == Phase.RUNNING:
        time = parse_seconds(status.get("attemptStartTime"))
    else:
        conditions = status.get("conditions") or ()
        times = (parse_seconds(c.get("lastTransitionTime")) for c in conditions)
        time = max((t for t in times if t is not None), default=None)
    return time or parse_seconds(body["metadata"].get("creationTimestamp")) or 0.0


def _failure(status: Json, rule: FailureRule) -> Iterator[Event]:
    failure = status.get("failure") or {}
    kind, time = failure.get("class"), parse_seconds(failure.get("time"))
    if kind is None or time is None or (rule.classes and kind not in rule.classes):
        return
    facts = {"class": kind, "message": failure.get("message"), "attempt": failure.get("attempt")}
    yield Event(f"failure/{failure.get('attempt') or 0}", "session.failure", time, facts)


def _metric(status: Json, rule: MetricRule, now: float) -> Iterator[Event]:
    progress = status.get("progress") or {}
    if int(progress.get("attempt") or 0) != _attempt(status):
        return  # the values are those of the attempt before
    time = parse_seconds(progress.get("lastHeartbeat")) or now
    for metric in status.get("metrics") or ():
        if metric.get("name") == rule.name and beyond(_number(metric.get("value")), rule):
            facts = {
                "metric": rule.name,
                "value": metric.get("value"),
                **{
                    k: v for k, v in (("above", rule.above), ("below", rule.below)) if v is not None
                },
            }
            bound = f"{rule.above}/{rule.below}"
            key = f"metric/{rule.name}/{bound}/{_attempt(status)}"
            yield Event(key, "session.metric", time, facts)


def beyond(value: float, rule: MetricRule) -> bool:
    """Whether a value is beyond a bound of the rule. What is not a number is."""
    if math.isnan(value):
        return True
    above = rule.above is not None and value > rule.above
    return above or (rule.below is not None and value < rule.below)


def _number(text: object) -> float:
    """A value of a status, where numbers are texts."""
    try:
        return float(str(text))
    except ValueError:
        return math.nan


def _stalled(body: Json, status: Json, rule: StalledRule, now: float) -> Iterator[Event]:
    if phase_of(body) != Phase.RUNNING:
        return
    progress = status.get("progress") or {}
    # Before the first step, the start of the attempt counts.
    stepped = parse_seconds(progress.get("lastStepTime"))
    last = max(stepped or 0.0, parse_seconds(status.get("attemptStartTime")) or 0.0)
    if not last or now - last < rule.seconds:
        return
    step = progress.get("step") or 0
    facts = {"step": step, "secondsWithoutStep": round(now - last)}
    key = f"stalled/{rule.seconds}/{_attempt(status)}/{step}"
    yield Event(key, "session.stalled", last + rule.seconds, facts)


def _soon(body: Json, status: Json, rule: StartsSoonRule, now: float) -> Iterator[Event]:
    if phase_of(body) != Phase.QUEUED:
        return
    expected = (status.get("queue") or {}).get("estimatedStart") or {}
    earliest = parse_seconds(expected.get("earliest"))
    if earliest is None or earliest - now > rule.seconds:
        return
    key = f"starts-soon/{rule.seconds}/{_attempt(status)}"
    yield Event(key, "session.starts-soon", now, {"estimatedStart": dict(expected)})


LONGEST_AGO: Final = 7 * 86_400.0
"""What happened earlier gives no notice. Notices are kept longer, so that none is sent again."""


def is_due(event: Event, since: float, now: float) -> bool:
    """Whether a receiver that was made at `since` gets a notice about the event at `now`."""
    # Times of a status are whole seconds.
    return event.time >= math.floor(since) and event.time >= now - LONGEST_AGO
