"""Pages of sessions, newest first. Pure.

They are ordered by creation, then by UID, so that equal times have one order.
"""

from __future__ import annotations

import re

from trainyard_api.model import OpenModel
from trainyard_gateway.errors import BadRequest
from trainyard_gateway.sessions.info import SessionInfo

_CURSOR = re.compile(r"([0-9TZ:.+-]{1,40})_([A-Za-z0-9-]{1,64})")


class SessionPage(OpenModel):
    """Some sessions, and where the next page begins."""

    sessions: list[SessionInfo]
    """Newest first."""
    total: int
    """Sessions that match, on all pages."""
    cursor: str | None = None
    """Give this as `cursor` for the next page; absent on the last."""


def mark(cursor: str | None) -> tuple[str, str] | None:
    """Creation and UID of the last session of the page before. Raises BadRequest."""
    if cursor is None:
        return None
    found = _CURSOR.fullmatch(cursor)
    if found is None:
        raise BadRequest("the cursor is not one that a page of sessions gave; leave it out")
    return found[1], found[2]


def page(
    found: list[SessionInfo], limit: int, cursor: str | None, phase: str | None
) -> SessionPage:
    """The page after `cursor` of all sessions that are there."""
    before = mark(cursor)
    matching = [s for s in found if phase is None or s.phase == phase]
    ordered = sorted(matching, key=_place, reverse=True)
    rest = [s for s in ordered if before is None or _place(s) < before]
    return cut(rest, limit, len(matching))


def cut(rest: list[SessionInfo], limit: int, total: int) -> SessionPage:
    """The first `limit` of what is left, which is in order."""
    shown = rest[:limit]
    more = len(rest) > limit
    return SessionPage(
        sessions=shown, total=total, cursor="_".join(_place(shown[-1])) if more else None
    )


def _place(session: SessionInfo) -> tuple[str, str]:
    return session.created, session.uid
