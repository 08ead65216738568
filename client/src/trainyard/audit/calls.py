"""The endpoint of the audit log as a value. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from trainyard.audit.answers import AuditEvents
from trainyard.calls import Call


def events(filters: Mapping[str, str | None], limit: int) -> Call[AuditEvents]:
    """GET /audit."""
    given = {name: value for name, value in filters.items() if value is not None}
    return Call("GET", "/audit", AuditEvents, query={**given, "limit": str(limit)})
