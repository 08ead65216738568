"""What the gateway says of the audit log."""

from __future__ import annotations

from trainyard.models.page import Page
from trainyard_api.model import OpenModel


class AuditEvent(OpenModel):
    """Who did what to which object."""

    id: str
    time: str
    user: str = ""
    """Empty if it is not known."""
    channel: str = ""
    """key, browser, bot, program, kubectl or operator."""
    credential: str = ""
    """Public part of the key, id of the login, UID of the program's session, or the name that a
    client of the cluster gave of itself."""
    client: str = ""
    """Address."""
    verb: str
    """create, update or delete."""
    kind: str
    object: str
    uid: str = ""
    status: int = 0
    """HTTP status of the answer; 0 of a change in the cluster."""
    detail: str = ""
    request_id: str = ""


class AuditEvents(Page):
    """Events, newest first."""

    events: list[AuditEvent]
