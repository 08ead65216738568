"""Which sessions resume from which, to look at them again when that one changes its owner."""

from __future__ import annotations

from collections import defaultdict
from typing import NamedTuple

from trainyard_gateway.sessions.info import Owned, owned
from trainyard_kube import Json


class _Known(NamedTuple):
    """What is remembered of a live session."""

    owner: Owned
    source: str | None
    """The session in `resumeFrom`."""


class ResumingSessions:
    """The live sessions of the cluster, by the name of the session from which they resume."""

    def __init__(self) -> None:
        self._known: dict[str, _Known] = {}
        self._by_source: defaultdict[str, set[str]] = defaultdict(set)

    def of_changed(self, uid: str, body: Json | None) -> list[str]:
        """UIDs of the sessions that resume from a session that came, went or has another owner.

        `body`: the session as it is now; None of one that is gone. Empty if its labels are as they
        were.
        """
        before = self._known.pop(uid, None)
        if before is not None and before.source is not None:
            self._forget(before.source, uid)
        if body is not None:
            source = (body["spec"].get("resumeFrom") or {}).get("session")
            self._known[uid] = _Known(owned(body), source)
            if source is not None:
                self._by_source[source].add(uid)
        now = self._known.get(uid)
        if before is None or now is None or before.owner != now.owner:
            known = now or before
            return sorted(self._by_source.get(known.owner.name, ())) if known is not None else []
        return []

    def _forget(self, source: str, uid: str) -> None:
        self._by_source[source].discard(uid)
        if not self._by_source[source]:
            del self._by_source[source]
