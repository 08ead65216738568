"""The endpoints of logins as values. Pure."""

from __future__ import annotations

from urllib.parse import quote

from trainyard.calls import Call
from trainyard.logins.answers import DeviceAnswer, DeviceLogin, OpenLogins
from trainyard_api.model import OpenModel


def begin_device() -> Call[DeviceLogin]:
    """POST /login/sso/device; each request makes another code, of which one is used."""
    return Call("POST", "/login/sso/device", DeviceLogin)


def ask_device(handle: str) -> Call[DeviceAnswer]:
    """POST /login/sso/device/end; not repeatable: the key comes once."""
    body = {"handle": handle}
    return Call("POST", "/login/sso/device/end", DeviceAnswer, body=body, repeatable=False)


def logins(user: str | None) -> Call[OpenLogins]:
    """GET /logins."""
    return Call("GET", "/logins", OpenLogins, query={"user": user} if user else {})


def end_one(id: str) -> Call[OpenModel]:
    """DELETE /logins/{login}."""
    return Call("DELETE", f"/logins/{quote(id, safe='')}", None)


def end() -> Call[OpenModel]:
    """DELETE /login."""
    return Call("DELETE", "/login", None)
