"""Role x route of the receivers of teams, made from the gateway's routes, each cell tried over HTTP."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from cluster import unique
from fastapi.routing import APIRoute
from gateway_lab import GatewayFactory, GatewayLab
from noticed import FAILED, data_of, fail
from people import CALLERS, Person, given, people_of, set_role
from poll import eventually
from webhook_receiver import WebhookReceiver

from trainyard_api.rights.decision import Verb
from trainyard_gateway.app import PREFIX
from trainyard_gateway.routes.access import notices
from trainyard_gateway.routes.rules import OfTeam

pytestmark = pytest.mark.integration

ROUTES = [route for route in notices.router.routes if isinstance(route, APIRoute)]
TEAM_CELLS = [
    pytest.param(method, PREFIX + route.path_format, below.call.verb, id=f"{method} {route.path}")
    for route in ROUTES
    for method in sorted(route.methods)
    for below in route.dependant.dependencies
    if isinstance(below.call, OfTeam)
]
CALLER_ROLES = {"vi": "viewer", "me": "member", "ma": "maintainer", "out": "other", "ad": "admin"}
RULE = {"on": "failure"}


@pytest.fixture(scope="module")
def lab(gateway_factory: GatewayFactory) -> GatewayLab:
    return gateway_factory(notices_enabled="true", notices_internal_hosts="127.0.0.1")


@pytest.fixture(scope="module")
def people(lab: GatewayLab) -> dict[str, Person]:
    found = people_of(lab)
    set_role(lab, "vi", "viewer")
    return found


@pytest.fixture
def webhook() -> Iterator[WebhookReceiver]:
    with WebhookReceiver() as receiver:
        yield receiver


def ask(lab: GatewayLab, who: Person, method: str, path: str, **sent: Any) -> httpx.Response:
    headers = {"X-API-Key": who.key}
    return httpx.request(method, f"{lab.url}{path}", headers=headers, timeout=30, **sent)


def new(url: str = "http://127.0.0.1:1/secret", **more: Any) -> dict[str, Any]:
    return {"name": unique("hook"), "url": url, "rules": [RULE], **more}


def made(lab: GatewayLab, who: Person, team: str, **more: Any) -> str:
    found = ask(lab, who, "POST", f"{PREFIX}/notices/receivers?team={team}", json=new(**more))
    assert found.status_code == 201, found.text
    assert found.json()["team"] == team
    return str(found.json()["name"])


def test_every_route_of_notices_has_the_rule_of_a_team() -> None:
    assert len(TEAM_CELLS) == len(ROUTES) == 7


@pytest.mark.parametrize("caller", CALLERS)
@pytest.mark.parametrize(("method", "route", "verb"), TEAM_CELLS)
def test_each_cell_answers_as_it_must(
    lab: GatewayLab, people: dict[str, Person], method: str, route: str, verb: Verb, caller: str
) -> None:
    name = made(lab, people["ma"], "vision")
    path = route.format(name=name, notice=f"msg_{'0' * 32}")
    body = new() if method == "POST" and path.endswith("receivers") else {"sessions": "all"}
    answer = ask(lab, people[caller], method, f"{path}?team=vision", json=body)

    role = CALLER_ROLES[caller]
    right = role in ("maintainer", "admin") or (role != "other" and verb is Verb.GET)
    if path.endswith("/retry") and right:
        assert answer.status_code == 404, "there is no such notice"
    else:
        assert given(answer.status_code) == ("yes" if right else "forbidden"), answer.text
    assert "secret" not in answer.text or role in ("maintainer", "admin")
    with lab.http() as http:
        for left in http.get("/notices/receivers?team=vision").json()["receivers"]:
            http.delete(f"/notices/receivers/{left['name']}?team=vision").raise_for_status()


def test_members_see_receivers_of_their_teams_masked_and_not_what_was_sent(
    lab: GatewayLab, people: dict[str, Person]
) -> None:
    name = made(lab, people["ma"], "vision")
    ask(lab, people["ma"], "POST", f"{PREFIX}/notices/receivers/{name}/test?team=vision")
    for who, url, changeable in (
        ("me", "http://127.0.0.1/…", False), ("ma", "http://127.0.0.1:1/secret", True),
    ):  # fmt: skip
        found = ask(lab, people[who], "GET", f"{PREFIX}/notices/receivers").json()["receivers"]
        [shown] = [r for r in found if r["name"] == name]
        assert (shown["url"], shown["changeable"]) == (url, changeable)
        sent = ask(lab, people[who], "GET", f"{PREFIX}/notices?team=vision").json()["notices"]
        assert (name in {n["receiver"] for n in sent}) is changeable
    others = ask(lab, people["out"], "GET", f"{PREFIX}/notices/receivers").text
    assert name not in others


def test_a_team_that_is_not_there_is_not_named_to_others(
    lab: GatewayLab, people: dict[str, Person]
) -> None:
    texts = set()
    for team in ("robots", "no-such-team"):
        answer = ask(lab, people["me"], "GET", f"{PREFIX}/notices/receivers?team={team}")
        assert answer.status_code == 403
        texts.add(answer.json()["detail"].replace(team, "T"))
    assert len(texts) == 1


def start(lab: GatewayLab, who: Person, visibility: str) -> str:
    body = {"name": unique("s"), "command": ["x"], "visibility": visibility}
    found = ask(lab, who, "POST", f"{PREFIX}/training/start", json=body)
    assert found.status_code == 201, found.text
    return str(body["name"])


def test_a_team_gets_notices_about_what_it_sees(
    lab: GatewayLab, people: dict[str, Person], webhook: WebhookReceiver
) -> None:
    """Also with a maker who is an administrator, and sees everything."""
    made(lab, people["ad"], "vision", url=webhook.url, rules=[FAILED], sessions="all")
    private = start(lab, people["me"], "private")
    fail(lab, private)
    other = start(lab, people["far"], "team")
    fail(lab, other)
    seen = {start(lab, people["me"], "team"), start(lab, people["far"], "all")}
    for name in seen:
        fail(lab, name)
    eventually(lambda: len(webhook.messages) >= 2, within=40, what="both notices")
    assert {data["session"] for _, data in data_of(webhook)} == seen
    assert private not in json.dumps(data_of(webhook))


def test_a_team_that_is_removed_takes_its_receivers_along(
    lab: GatewayLab, people: dict[str, Person]
) -> None:
    team = unique("t")
    with lab.http() as http:
        http.post("/teams", json={"name": team}).raise_for_status()
        name = made(lab, people["ad"], team)
        assert name in http.get(f"/notices/receivers?team={team}").text
        http.delete(f"/teams/{team}").raise_for_status()
        assert http.get(f"/notices/receivers?team={team}").status_code == 422
        http.post("/teams", json={"name": team}).raise_for_status()
        assert http.get(f"/notices/receivers?team={team}").json() == {"receivers": []}
