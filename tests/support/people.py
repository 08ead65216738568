"""Users of three teams with keys, whose things are, and what one of them may do with a thing of another.

What is right is said here once more, without the function that the gateway asks.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import httpx
from gateway_lab import GatewayLab

from trainyard_api.rights.decision import Verb
from trainyard_gateway.app import PREFIX
from trainyard_gateway.auth.keys import Scope

CALLERS: Final = ("vi", "me", "ma", "out", "ad")
_PEOPLE: Final = (
    ("vi", "viewer", "vision"), ("me", "member", "vision"), ("ma", "maintainer", "vision"),
    ("out", "maintainer", "speech"), ("ad", "administrator", "speech"),
    ("mate", "member", "vision"), ("far", "member", "robots"),
)  # fmt: skip


@dataclass(frozen=True)
class Person:
    """A user with a key and a login."""

    name: str
    role: str
    teams: tuple[str, ...]
    key: str
    cookie: str


@dataclass(frozen=True)
class Thing:
    """An object of a user."""

    id: str
    user: str
    team: str
    visibility: str


def people_of(lab: GatewayLab) -> dict[str, Person]:
    """Make them. The viewer is a member until it has made something, and then `set_role` makes it one."""
    found = {}
    scopes = [s.value for s in Scope if s != Scope.KEYS_ADMIN]
    with lab.http() as http:
        for team in ("vision", "speech", "robots"):
            http.post("/teams", json={"name": team}).raise_for_status()
        for name, role, team in _PEOPLE:
            first = "member" if role == "viewer" else role
            body = {"name": name, "role": first, "teams": [team]}
            http.post("/users", json=body).raise_for_status()
            made = http.post("/keys", json={"name": f"{name}-key", "user": name, "scopes": scopes})
            key = made.json()["key"]
            login = httpx.post(f"{lab.url}{PREFIX}/login", headers={"X-API-Key": key})
            cookie = login.headers["Set-Cookie"].partition(";")[0]
            found[name] = Person(name, role, (team,), key, cookie)
    return found


def set_role(lab: GatewayLab, name: str, role: str) -> None:
    """Give a user another role."""
    with lab.http() as http:
        http.patch(f"/users/{name}", json={"role": role}).raise_for_status()


def wanted(who: Person, verb: Verb, thing: Thing) -> str:
    """What a request answers: `yes`, `forbidden` or `absent`."""
    if who.role == "administrator":
        return "yes"
    own, of_team = who.name == thing.user, thing.team in who.teams
    if not (own or thing.visibility == "all" or (thing.visibility == "team" and of_team)):
        return "absent"
    if verb is Verb.GET:
        return "yes"
    changes = who.role != "viewer" and (own or (who.role == "maintainer" and of_team))
    return "yes" if changes else "forbidden"


def given(status: int) -> str:
    """The same of an answer."""
    assert status not in (401, 429, 500, 503)
    return {403: "forbidden", 404: "absent"}.get(status, "yes")
