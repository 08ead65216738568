"""Pages of sessions. Pure."""

from __future__ import annotations

from trainyard_api.model import Status
from trainyard_gateway.sessions.cache import SessionInfo


class SessionPage(Status):
    """Some sessions, and where the next page begins."""

    sessions: list[SessionInfo]
    total: int
    """Sessions that match, on all pages."""
    cursor: str | None = None
    """Give this as `cursor` for the next page; absent on the last."""


def page(
    found: list[SessionInfo], limit: int, cursor: str | None, phase: str | None
) -> SessionPage:
    """The page after `cursor`, newest first (by creation, then UID, so that equal times have one order)."""
    matching = [s for s in found if phase is None or s.phase == phase]
    ordered = sorted(matching, key=_mark, reverse=True)
    rest = [s for s in ordered if cursor is None or _mark(s) < cursor]
    shown = rest[:limit]
    more = len(rest) > limit
    return SessionPage(
        sessions=shown, total=len(matching), cursor=_mark(shown[-1]) if more else None
    )


def _mark(session: SessionInfo) -> str:
    return f"{session.created} {session.uid}"
