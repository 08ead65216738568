"""Warning Events about pods and Jobs: what Kubernetes says of what it cannot do."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from trainyard_api.timestamps import parse_seconds
from trainyard_scheduler.objects import fields
from trainyard_scheduler.objects.fields import Json, mapping, text

MOST_EVENTS: Final = 20_000
"""Events that are kept; the oldest are forgotten first."""
LONGEST_NOTE: Final = 1024
_KINDS: Final = frozenset({"Pod", "Job"})
_UNTELLING: Final = ("Error: ", "Back-off ")
"""So begin messages of the kubelet that repeat a reason which the pod shows anyway."""


@dataclass(frozen=True, slots=True)
class WarningEvent:
    """A Warning Event about one pod or Job."""

    uid: str
    about: str
    """UID of the pod or Job."""
    version: int
    """resourceVersion."""
    reason: str
    """One word, such as FailedMount."""
    message: str
    first: float | None = None
    """When it was first seen, in seconds since the epoch."""
    last: float | None = None
    """When it was last seen, in seconds since the epoch."""

    @property
    def words(self) -> str:
        """Reason and message."""
        return f"{self.reason}: {self.message}" if self.reason else self.message

    @property
    def telling(self) -> bool:
        """Whether it says more than the pod itself shows."""
        return bool(self.message) and not self.message.startswith(_UNTELLING)


@dataclass
class WarningIndex:
    """The Events that are known."""

    events: dict[str, WarningEvent] = field(default_factory=dict)
    """By their UID, in the order in which they came."""
    _about: dict[str, dict[str, WarningEvent]] = field(default_factory=dict)

    def put(self, item: WarningEvent) -> None:
        """Add or replace an Event."""
        self.drop(item.uid)
        self.events[item.uid] = item
        self._about.setdefault(item.about, {})[item.uid] = item
        if len(self.events) > MOST_EVENTS:
            self.drop(next(iter(self.events)))

    def drop(self, uid: str) -> WarningEvent | None:
        """Remove an Event; the Event, None if there was none."""
        old = self.events.pop(uid, None)
        if old is not None:
            left = self._about[old.about]
            del left[uid]
            if not left:
                del self._about[old.about]
        return old

    def newest(self, about: str) -> WarningEvent | None:
        """The newest Event about a pod or Job that says something; None without any."""
        return max(self._of(about), key=_rank, default=None)

    def began(self, about: str) -> float | None:
        """When the first of the Events about a pod or Job was seen; None without any."""
        return min((e.first for e in self._of(about) if e.first is not None), default=None)

    def _of(self, about: str) -> Iterable[WarningEvent]:
        return self._about.get(about, {}).values()


def _rank(event: WarningEvent) -> tuple[bool, float, int]:
    return event.telling, event.last or 0.0, event.version


def parse_warning(raw: Json) -> WarningEvent | None:
    """A Warning Event (events.k8s.io/v1) about a pod or Job; None for any other Event.

    Raises ValueError, TypeError, LookupError or AttributeError if it makes no sense.
    """
    meta, about = raw["metadata"], mapping(raw.get("regarding"))
    if raw.get("type") != "Warning" or about.get("kind") not in _KINDS:
        return None
    made = parse_seconds(raw.get("eventTime")) or parse_seconds(meta.get("creationTimestamp"))
    series = mapping(raw.get("series"))
    seen = series.get("lastObservedTime") or raw.get("deprecatedLastTimestamp")
    return WarningEvent(
        uid=meta["uid"],
        about=text(about.get("uid")),
        version=fields.version(meta),
        reason=text(raw.get("reason"))[:64],
        message=text(raw.get("note")).strip()[:LONGEST_NOTE],
        first=parse_seconds(raw.get("deprecatedFirstTimestamp")) or made,
        last=parse_seconds(seen) or made,
    )
