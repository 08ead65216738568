"""What the gateway says of owners."""

from __future__ import annotations

from trainyard_api.model import OpenModel


class Owner(OpenModel):
    """Whose an object is."""

    user: str
    """Empty if it is no user's own."""
    team: str
    visibility: str
    """private, team or all."""
