"""The settings of single sign-on: one OpenID provider, and what its claims mean here."""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import Annotated, Final, Literal
from urllib.parse import urlsplit

from pydantic import Field, StringConstraints, field_validator

from trainyard_api.model import ClosedModel
from trainyard_api.rights.owner import Role
from trainyard_gateway.rights.users import MOST_TEAMS, Name

MOST_GROUPS: Final = 1_000
"""Groups that the settings map, and that the claims of a user may have."""
_Url = Annotated[str, StringConstraints(min_length=8, max_length=512)]
_Claim = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.:/-]{1,128}$")]
_Text = Annotated[str, StringConstraints(min_length=1, max_length=256)]


class GroupRights(ClosedModel):
    """What the members of a group of the provider get."""

    role: Role = Role.MEMBER
    """Their role; of several groups the highest one counts."""
    teams: tuple[Name, ...] = Field(default=(), max_length=MOST_TEAMS)
    """Their teams; those of several groups are joined, in the order of the settings."""


class SsoSettings(ClosedModel):
    """Single sign-on."""

    issuer: _Url
    """The provider's issuer, as its discovery document says it: https, or http at this machine."""
    client_id: _Text
    """The client's id at the provider."""
    client_secret_file: Path | None = None
    """File with the client's secret; None for a client that has none."""
    public_url: _Url
    """Where browsers reach the gateway, such as https://trainyard.example; the provider's redirect
    URI is this and `/api/v1/login/sso/callback`."""
    name: Annotated[str, StringConstraints(min_length=1, max_length=64)] = "single sign-on"
    """What the login page calls the provider."""
    scopes: tuple[_Text, ...] = Field(
        default=("openid", "profile", "email", "offline_access"), max_length=32
    )
    """What is asked for. `offline_access` makes most providers give a refresh token."""
    prompt: Literal["", "login", "consent", "select_account"] = ""
    """What the provider asks people each time; some give a refresh token after `consent` only."""
    user_claim: _Claim = "preferred_username"
    """The claim with the user's name. `email` needs `email_verified` too."""
    groups_claim: _Claim = "groups"
    """The claim with the user's groups."""
    groups: dict[_Text, GroupRights] = Field(default={}, max_length=MOST_GROUPS)
    """Roles and teams by group of the provider. Other groups give nothing."""
    default_role: Role | None = None
    """Role, in the team `default`, of users without a mapped group; None refuses them."""
    links: dict[_Text, Name] = Field(default={}, max_length=MOST_GROUPS)
    """Users of before by the claim `sub`: who logs in with this identity becomes that user."""
    link_existing: bool = False
    """Whether a name of the provider takes over a user of before with that name. Administrators are
    taken over by `links` only."""
    command_line_seconds: int = Field(default=604_800, ge=60, le=31_536_000)
    """How long a login of the command line lasts; the provider can end it earlier."""
    check_seconds: float = Field(default=55, ge=1, le=60)
    """A request waits for the provider if its last word about the login is older."""
    grace_seconds: int = Field(default=900, ge=0, le=86_400)
    """How long logins stay open while the provider does not answer."""

    @field_validator("issuer", "public_url")
    @classmethod
    def _check_url(cls, url: str) -> str:
        if not is_safe_url(url):
            raise ValueError(
                f"{url!r} is no https URL; http is accepted for addresses of this machine only"
            )
        return url

    @field_validator("public_url")
    @classmethod
    def _check_origin(cls, url: str) -> str:
        if urlsplit(url).path.strip("/") or urlsplit(url).query:
            raise ValueError(f"{url!r} has a path; give scheme and host only")
        return url.rstrip("/")

    @field_validator("default_role")
    @classmethod
    def _check_default(cls, role: Role | None) -> Role | None:
        if role == Role.ADMINISTRATOR:
            raise ValueError("everyone would be an administrator; map a group to that role")
        return role

    @property
    def redirect_uri(self) -> str:
        """Where the provider sends browsers back to."""
        return f"{self.public_url}/api/v1/login/sso/callback"


def is_safe_url(url: str) -> bool:
    """Whether secrets may be sent there: https, or http to an address of this machine. Pure."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return False
    plain = url.isascii() and url.isprintable() and " " not in url
    if not plain or not host or parts.username is not None or parts.fragment:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and _is_loopback(host))


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
