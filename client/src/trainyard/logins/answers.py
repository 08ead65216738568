"""What the gateway says of logins by single sign-on."""

from __future__ import annotations

from pydantic import Field

from trainyard.models.page import Page
from trainyard_api.model import OpenModel


class DeviceLogin(OpenModel):
    """A login that was begun; a person ends it in any browser."""

    user_code: str
    """What the person enters at the provider."""
    verification_uri: str
    """Where."""
    verification_uri_complete: str | None = None
    """The same with the code in it."""
    expires_in: int = 600
    """Seconds that the person may take."""
    interval: int = 5
    """Seconds between two questions for the end."""
    handle: str = Field(repr=False)
    """What asks for the end."""


class OpenLogin(OpenModel):
    """A login by single sign-on."""

    id: str
    user: str
    of: str = ""
    """browser or commandLine."""
    created: str = ""
    expires: str = ""
    verified: str = ""
    """When the provider last said that it is good."""
    used: str | None = None
    """When it was used last, as far as the gateway remembers."""
    ended: str | None = None
    """When it ended before it expired."""
    reason: str = ""
    """Why."""


class OpenLogins(Page):
    """Logins, newest first."""

    logins: list[OpenLogin]


class DeviceAnswer(OpenModel):
    """What became of a login that was begun."""

    state: str
    """Pending, SlowDown or Open."""
    key: str | None = Field(default=None, repr=False)
    """The key of an open login; it comes this once."""
    name: str | None = None
    """Name of its user."""
    expires: str | None = None
    """When it ends."""
