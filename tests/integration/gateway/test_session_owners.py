"""Whose a session is after its start: shared by REST, labelled by the gateway, and what a removed user leaves."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from cluster import api_client, unique
from gateway_lab import GatewayFactory, GatewayLab
from kubernetes import client
from poll import eventually

from trainyard_api import names

pytestmark = pytest.mark.integration

SCOPES = ["sessions:read", "sessions:write"]


@pytest.fixture(scope="module")
def lab(gateway_factory: GatewayFactory) -> GatewayLab:
    return gateway_factory(notices_enabled="true", notices_internal_hosts="127.0.0.1")


class People:
    """A member, a fellow of the team, its maintainer, and an outsider."""

    def __init__(self, lab: GatewayLab, http: httpx.Client) -> None:
        self.team, self.other = unique("vision"), unique("speech")
        for team in (self.team, self.other):
            http.post("/teams", json={"name": team}).raise_for_status()
        wanted = {
            "ada": ("member", [self.team, self.other]),
            "fellow": ("member", [self.team]),
            "maintainer": ("maintainer", [self.team]),
            "outsider": ("member", ["default"]),
        }
        self.names = {who: unique(who) for who in wanted}
        self.http: dict[str, httpx.Client] = {}
        for who, (role, teams) in wanted.items():
            name = self.names[who]
            body = {"name": name, "role": role, "teams": teams}
            http.post("/users", json=body).raise_for_status()
            key = http.post("/keys", json={"name": name, "scopes": SCOPES}).json()["key"]
            self.http[who] = httpx.Client(
                base_url=f"{lab.url}/api/v1", headers={"X-API-Key": key}, timeout=30
            )


@pytest.fixture
def people(lab: GatewayLab, http: httpx.Client) -> Iterator[People]:
    found = People(lab, http)
    yield found
    for each in found.http.values():
        each.close()


def start(http: httpx.Client, **more: Any) -> str:
    answer = http.post("/training/start", json={"command": ["x"], **more})
    answer.raise_for_status()
    return str(answer.json()["name"])


def share(http: httpx.Client, name: str, **changes: Any) -> tuple[int, Any]:
    answer = http.patch(f"/training/{name}/owner", json=changes)
    return answer.status_code, answer.json()


def sees(http: httpx.Client, name: str) -> bool:
    return http.get(f"/training/{name}/status").status_code == 200


def test_a_session_is_shared_after_its_start_by_who_may(people: People) -> None:
    ada, fellow, maintainer, outsider = people.http.values()
    name = start(ada, visibility="private")
    assert [sees(who, name) for who in (fellow, maintainer, outsider)] == [False] * 3
    assert share(fellow, name, visibility="all")[0] == 404
    shown = share(ada, name, visibility="team")
    assert shown == (
        200,
        {"user": people.names["ada"], "team": people.team, "visibility": "team"},
    )
    assert [sees(who, name) for who in (fellow, maintainer, outsider)] == [True, True, False]
    assert share(fellow, name, visibility="all")[0] == 403
    assert share(maintainer, name, visibility="all")[0] == 200
    assert sees(outsider, name)
    assert share(outsider, name, visibility="private")[0] == 403
    assert share(maintainer, name, team=people.other)[0] == 403, "no team of the maintainer"
    moved = share(ada, name, team=people.other, visibility="team")
    assert (moved[0], moved[1]["team"]) == (200, people.other)
    assert [sees(who, name) for who in (ada, fellow, maintainer)] == [True, False, False]
    assert ada.get(f"/training/{name}/owner").json()["team"] == people.other
    assert share(ada, name, user=people.names["fellow"])[0] == 422, "its user acts in it"


def test_a_session_that_is_gone_is_not_shared(lab: GatewayLab, people: People) -> None:
    ada = people.http["ada"]
    name = start(ada)
    with api_client(lab.kubeconfig) as api:
        client.CustomObjectsApi(api).delete_namespaced_custom_object(
            names.GROUP, names.VERSION, lab.namespace, names.SESSION_PLURAL, name
        )
    eventually(lambda: ada.get(f"/training/{name}/status").json().get("deleted"), what="it is gone")
    assert share(ada, name, visibility="all")[0] == 409


def test_a_session_by_kubectl_gets_its_team_once(
    lab: GatewayLab, http: httpx.Client, people: People
) -> None:
    user, name = people.names["ada"], unique("kubectl")
    body = {
        "apiVersion": names.API_VERSION,
        "kind": names.SESSION_KIND,
        "metadata": {"name": name, "labels": {names.LABEL_USER: user}},
        "spec": {"command": ["x"]},
    }
    with api_client(lab.kubeconfig) as api:
        custom = client.CustomObjectsApi(api)
        place = (names.GROUP, names.VERSION, lab.namespace, names.SESSION_PLURAL)
        custom.create_namespaced_custom_object(*place, body)

        def team() -> str | None:
            found = custom.get_namespaced_custom_object(*place, name)
            label: str | None = found["metadata"]["labels"].get(names.LABEL_TEAM)
            return label

        eventually(lambda: team() == people.team, within=30, what="the label of its team")
        http.patch(f"/users/{user}", json={"teams": [people.other]}).raise_for_status()
        assert sees(people.http["fellow"], name), "it stays with its team"
        assert http.get(f"/training/{name}/owner").json()["team"] == people.team


def test_receivers_of_a_removed_user_do_not_come_back_with_the_name(
    http: httpx.Client, people: People
) -> None:
    name = people.names["ada"]
    receiver = {"name": "lab", "url": "http://127.0.0.1:9/x", "rules": [{"on": "failure"}]}
    people.http["ada"].post("/notices/receivers", json=receiver).raise_for_status()
    http.delete(f"/users/{name}").raise_for_status()
    http.post("/users", json={"name": name}).raise_for_status()
    made = http.post("/keys", json={"name": name, "scopes": SCOPES}).json()["key"]
    found = http.get("/notices/receivers", headers={"X-API-Key": made})
    assert found.json()["receivers"] == []
