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


def rest(
    found: list[SessionInfo], cursor: str | None, phase: str | None
) -> tuple[list[SessionInfo], int]:
    """The sessions after `cursor`, newest first, and how many there are on all pages."""
    before = mark(cursor)
    matching = [s for s in found if phase is None or s.phase == phase]
    ordered = sorted(matching, key=_place, reverse=True)
    return [s for s in ordered if before is None or _place(s) < before], len(matching)


def cursor_after(session: SessionInfo) -> str:
    """The cursor of a page that ends with this session."""
    return "_".join(_place(session))


def _place(session: SessionInfo) -> tuple[str, str]:
    return session.created, session.uid
