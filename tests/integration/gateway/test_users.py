"""Users and teams through the real gateway: made, changed, removed, and what that does to keys."""

from __future__ import annotations

import struct

import httpx
import pytest
from cluster import unique
from gateway_lab import GatewayLab

pytestmark = pytest.mark.integration

READS = ["sessions:read"]


def make_key(http: httpx.Client, **body: object) -> str:
    answer = http.post("/keys", json={"scopes": READS, **body})
    answer.raise_for_status()
    return str(answer.json()["key"])


def who(lab: GatewayLab, key: str) -> httpx.Response:
    return httpx.get(f"{lab.url}/api/v1/login", headers={"X-API-Key": key})


def test_a_user_from_making_to_removing(lab: GatewayLab, http: httpx.Client) -> None:
    team, name = unique("vision"), unique("ada")
    assert http.post("/teams", json={"name": team}).status_code == 201

    made = http.post("/users", json={"name": name, "teams": [team, "default"]})
    key = make_key(http, name=f"{name}-laptop", user=name)
    changed = http.patch(f"/users/{name}", json={"role": "viewer"})
    seen = who(lab, key).json()
    removed = http.delete(f"/users/{name}")

    assert made.status_code == 201
    assert made.headers["Location"] == f"/api/v1/users/{name}"
    assert (made.json()["role"], made.json()["teams"]) == ("member", [team, "default"])
    assert (changed.status_code, changed.json()["teams"]) == (200, [team, "default"])
    assert (seen["name"], seen["role"], seen["teams"]) == (name, "viewer", [team, "default"])
    assert removed.status_code == 204
    assert who(lab, key).status_code == 401
    assert http.get(f"/users/{name}").status_code == 404
    assert name not in [u["name"] for u in http.get("/users").json()["users"]]


def test_a_key_of_an_unknown_name_makes_its_user_as_before(
    lab: GatewayLab, http: httpx.Client
) -> None:
    name = unique("ci")

    seen = who(lab, make_key(http, name=name)).json()

    assert (seen["name"], seen["role"], seen["teams"]) == (name, "maintainer", ["default"])
    assert http.get(f"/users/{name}").json()["role"] == "maintainer"


def test_a_removed_name_gets_no_key_before_it_is_a_user_again(http: httpx.Client) -> None:
    name = unique("eve")
    make_key(http, name=name)
    http.delete(f"/users/{name}").raise_for_status()

    refused = http.post("/keys", json={"name": name, "scopes": READS})
    http.post("/users", json={"name": name}).raise_for_status()

    assert (refused.status_code, "there is no user" in refused.json()["detail"]) == (422, True)
    assert make_key(http, name=name)


def test_keys_users_and_teams_are_for_administrators(lab: GatewayLab, http: httpx.Client) -> None:
    """The scope alone is not enough: the role may be taken away later."""
    name = unique("root")
    refused = unique("x")
    http.post("/users", json={"name": name, "role": "administrator"}).raise_for_status()
    key = make_key(http, name=name, scopes=["keys:admin"])
    headers = {"X-API-Key": key}
    with httpx.Client(base_url=f"{lab.url}/api/v1", headers=headers) as other:
        before = other.get("/users").status_code
        http.patch(f"/users/{name}", json={"role": "maintainer"}).raise_for_status()
        after = [other.get(path) for path in ("/users", "/teams", "/keys")]

    assert before == 200
    assert [a.status_code for a in after] == [403] * 3
    assert "for administrators" in after[0].json()["detail"]
    http.post("/users", json={"name": refused}).raise_for_status()
    answer = http.post("/keys", json={"name": refused, "scopes": ["keys:admin"]})
    assert (answer.status_code, "is for administrators" in answer.json()["detail"]) == (422, True)


def test_what_makes_no_sense_is_refused_in_a_sentence(http: httpx.Client) -> None:
    team, name = unique("team"), unique("ada")
    http.post("/teams", json={"name": team}).raise_for_status()
    http.post("/users", json={"name": name, "teams": [team]}).raise_for_status()

    answers = {
        "taken": http.post("/users", json={"name": name}),
        "taken team": http.post("/teams", json={"name": team}),
        "no such team": http.post("/users", json={"name": "bob", "teams": ["nowhere"]}),
        "no role": http.post("/users", json={"name": "bob", "role": "king"}),
        "no name": http.post("/users", json={"name": "a b"}),
        "admin": http.patch("/users/admin", json={"role": "viewer"}),
        "team with users": http.delete(f"/teams/{team}"),
        "default": http.delete("/teams/default"),
        "absent": http.patch("/users/nobody", json={}),
        "absent team": http.delete("/teams/nowhere"),
    }
    statuses = {what: answer.status_code for what, answer in answers.items()}

    assert statuses == {
        "taken": 409, "taken team": 409, "no such team": 422, "no role": 422, "no name": 422,
        "admin": 409, "team with users": 409, "default": 409, "absent": 404, "absent team": 404,
    }  # fmt: skip
    assert http.patch(f"/users/{name}", json={"teams": []}).json()["teams"] == []
    assert http.delete(f"/teams/{team}").status_code == 204


def test_other_gateways_hear_of_it(lab: GatewayLab, http: httpx.Client) -> None:
    """What is read from the database is what the key's owner is now."""
    name = unique("bob")
    key = make_key(http, name=name)
    lab.stop()
    lab.start()

    assert who(lab, key).json()["name"] == name


def test_a_session_gets_no_name_of_a_model_of_another_team(
    lab: GatewayLab, http: httpx.Client
) -> None:
    name, user = unique("net"), unique("eve")
    http.post("/users", json={"name": user}).raise_for_status()
    key = make_key(http, name=f"{user}-key", user=user, scopes=["sessions:write"])
    team = unique("vision")
    http.post("/teams", json={"name": team}).raise_for_status()
    content = struct.pack("<Q", 2) + b"{}"
    http.post("/models", params={"name": name, "team": team}, content=content).raise_for_status()

    def start(called: str) -> httpx.Response:
        body = {"name": called, "command": ["x"]}
        headers = {"X-API-Key": key}
        return httpx.post(
            f"{lab.url}/api/v1/training/start", json=body, headers=headers, params={"dryRun": True}
        )

    assert start(unique("s")).is_success
    refused = start(name)
    assert refused.status_code == 403
    assert f"the name of the model {name!r} is taken" in refused.json()["detail"]
