"""Sessions that name several datasets: refused early, found later, and kept while they are needed."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from cluster import api_client, unique
from gateway_lab import GatewayLab
from kubernetes import client
from poll import eventually

from trainyard_api import names
from trainyard_gateway.registry.datasets import needing

pytestmark = pytest.mark.integration


def upload(http: httpx.Client, name: str, content: bytes = b"a,y\n1,2\n3,4\n") -> None:
    query = {"name": name, "filename": "a.csv"}
    http.post("/datasets", params=query, content=content).raise_for_status()


def apply(lab: GatewayLab, name: str, **spec: Any) -> None:
    """As kubectl does it, past the gateway."""
    body = {
        "apiVersion": f"{names.GROUP}/{names.VERSION}",
        "kind": names.SESSION_KIND,
        "metadata": {"name": name},
        "spec": {"command": ["python", "train.py"], **spec},
    }
    with api_client(lab.kubeconfig) as api:
        client.CustomObjectsApi(api).create_namespaced_custom_object(
            names.GROUP, names.VERSION, lab.namespace, names.SESSION_PLURAL, body
        )


def test_a_name_that_is_not_registered_is_refused(lab: GatewayLab, http: httpx.Client) -> None:
    there, absent, name = unique("there"), unique("absent"), unique("many")
    upload(http, there)
    body = {"name": name, "command": ["run"], "datasets": [there, absent]}

    refused = http.post("/training/start", json=body)

    assert refused.status_code == 404
    assert f"there is no dataset {absent!r}" in refused.json()["detail"]
    assert http.get(f"/training/{name}/status").status_code == 404


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        pytest.param({"datasets": ["a", "a"]}, "a is named twice", id="twice"),
        pytest.param({"dataset": "a", "datasets": ["b"]}, "not both", id="both"),
        pytest.param({"datasets": ["../runs"]}, "datasets", id="a-path"),
        pytest.param({"datasets": []}, "datasets", id="none"),
    ],
)
def test_names_that_no_session_may_give(
    http: httpx.Client, fields: dict[str, Any], words: str
) -> None:
    for route in ("start", "estimate"):
        refused = http.post(f"/training/{route}", json={"command": ["run"], **fields})

        assert refused.status_code == 422
        assert words in refused.text


def test_each_dataset_is_looked_up_and_found_when_it_comes(
    lab: GatewayLab, http: httpx.Client
) -> None:
    first, second, name = unique("first"), unique("second"), unique("pair")
    upload(http, first)
    apply(lab, name, datasets=[first, second])

    def states() -> list[tuple[str, str]]:
        shown = http.get(f"/training/{name}/status")
        found = shown.json()["status"].get("datasets") if shown.status_code == 200 else None
        return [(d["name"], d["state"]) for d in found or ()]

    missing = [(first, "Found"), (second, "NotFound")]
    eventually(lambda: states() == missing, within=30, what="one found, one not")
    upload(http, second)

    both = [(first, "Found"), (second, "Found")]
    eventually(lambda: states() == both, within=30, what="both found")
    [row] = [s for s in http.get("/training/sessions").json()["sessions"] if s["name"] == name]
    assert row["spec"]["datasets"] == [first, second]


def test_none_of_them_can_be_deleted_while_the_session_is_not_over(
    lab: GatewayLab, http: httpx.Client
) -> None:
    first, second, name = unique("first"), unique("second"), unique("needs")
    upload(http, first)
    upload(http, second)
    body = {"name": name, "command": ["run"], "datasets": [first, second]}
    http.post("/training/start", json=body).raise_for_status()

    for needed in (first, second):
        refused = http.delete(f"/datasets/{needed}")
        assert refused.status_code == 409
        assert f"{name!r}" in refused.json()["detail"]

    with api_client(lab.kubeconfig) as api:
        client.CustomObjectsApi(api).delete_namespaced_custom_object(
            names.GROUP, names.VERSION, lab.namespace, names.SESSION_PLURAL, name
        )
    eventually(lambda: http.delete(f"/datasets/{second}").status_code == 204, within=60)


@pytest.mark.parametrize(
    ("seen", "sessions", "words"),
    [
        (["a"], 1, "'a'"),
        (["a"], 3, "'a' and 2 more"),
        (list("abcdef"), 6, "'a', 'b', 'c', 'd', 'e' and 1 more"),
        ([], 1, "a session that you may not see"),
        ([], 2, "2 sessions that you may not see"),
    ],
    ids=str,
)
def test_sessions_of_others_are_counted_and_not_named(
    seen: list[str], sessions: int, words: str
) -> None:
    assert needing(seen, sessions) == words


def test_who_may_not_see_a_session_does_not_learn_its_name(
    lab: GatewayLab, http: httpx.Client
) -> None:
    dataset, name, user, team = (unique(word) for word in ("data", "hidden", "eve", "vision"))
    http.post("/teams", json={"name": team}).raise_for_status()
    http.post("/users", json={"name": user, "role": "maintainer"}).raise_for_status()
    key = http.post(
        "/keys", json={"name": f"{user}-key", "user": user, "scopes": ["datasets:write"]}
    ).json()["key"]
    upload(http, dataset)
    body = {"name": name, "command": ["run"], "datasets": [dataset], "team": team}
    http.post("/training/start", json=body).raise_for_status()

    url = f"{lab.url}/api/v1/datasets/{dataset}"
    refused = httpx.delete(url, headers={"X-API-Key": key})

    assert refused.status_code == 409
    assert f"{dataset!r} is needed by a session that you may not see" in refused.json()["detail"]
    assert name not in refused.text


def test_a_name_that_is_registered_again_is_another_folder(
    lab: GatewayLab, http: httpx.Client
) -> None:
    """What a waiting session saw of the deleted one leads nowhere, and not to the new one."""
    name, again = unique("waits"), unique("again")
    apply(lab, name, datasets=[again])

    def file() -> str | None:
        shown = http.get(f"/training/{name}/status")
        [found] = shown.json()["status"].get("datasets") or [{}]
        path: str | None = found.get("file")
        return path

    files = []
    for content in (b"a,y\n1,2\n3,4\n", b"a,y\n5,6\n7,8\n"):
        upload(http, again, content)
        seen = eventually(file, within=30, what="its file")
        assert (lab.data / "datasets" / seen).read_bytes() == content
        files.append(seen)
        with api_client(lab.kubeconfig) as api:
            objects = client.CustomObjectsApi(api)
            place = (names.GROUP, names.VERSION, lab.namespace, names.SESSION_PLURAL, name)
            objects.delete_namespaced_custom_object(*place)
        eventually(lambda: http.delete(f"/datasets/{again}").status_code == 204, within=60)
        assert not (lab.data / "datasets" / seen).exists()
        name = unique("waits")
        apply(lab, name, datasets=[again])
    assert files[0].partition("/")[0] != files[1].partition("/")[0]
