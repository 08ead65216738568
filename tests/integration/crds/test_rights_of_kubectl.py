"""Verb x whose session x Kubernetes user: what the admission policy holds, and what it cannot.

Kubernetes' own rights say who may change sessions of the namespace; the policy says whose a session
is. The last test asserts what `kubectl` cannot hold, as docs/security.md says it.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from chart_render import render
from cluster import api_client, unique
from kubernetes import client
from poll import eventually

from trainyard_api import names

pytestmark = pytest.mark.integration

VIEWER, OWNER, OTHER, ADMIN = "vi", "me", "other", "root"
WRITE = ["get", "list", "watch", "create", "update", "patch", "delete"]
ROLES: dict[str, list[dict[str, Any]]] = {
    VIEWER: [{"resources": [names.SESSION_PLURAL], "verbs": ["get", "list", "watch"]}],
    OWNER: [{"resources": [names.SESSION_PLURAL], "verbs": WRITE}],
    OTHER: [{"resources": [names.SESSION_PLURAL], "verbs": WRITE}],
    ADMIN: [{"resources": ["*"], "verbs": ["*"]}],
}
LABELS = {
    "user": {names.LABEL_USER: OTHER},
    "team": {names.LABEL_TEAM: "t"},
    "key": {names.LABEL_KEY: "k"},
    "visibility": {names.LABEL_VISIBILITY: "all"},
}


class Cluster:
    """Sessions of one user, and what others try with them."""

    def __init__(self, kubeconfig: Path, namespace: str) -> None:
        self._kubeconfig = kubeconfig
        self._where = (names.GROUP, names.VERSION, namespace, names.SESSION_PLURAL)
        self.gateway = f"system:serviceaccount:{namespace}:ty-gateway"

    def create(self, who: str, labels: dict[str, str], name: str | None = None) -> int:
        """The status of the answer."""
        body = {
            "apiVersion": names.API_VERSION,
            "kind": names.SESSION_KIND,
            "metadata": {"name": name or unique("s"), "labels": labels},
            "spec": {"command": ["x"]},
        }
        return self.ask(who, "create_namespaced_custom_object", body)

    def owned(self) -> str:
        """A new session of OWNER."""
        name = unique("s")
        assert self.create(OWNER, {names.LABEL_USER: OWNER}, name) == 200
        return name

    def ask(self, who: str, call: str, *arguments: Any) -> int:
        """The status of an answer."""
        with api_client(self._kubeconfig) as api:
            api.set_default_header("Impersonate-User", who)
            try:
                getattr(client.CustomObjectsApi(api), call)(*self._where, *arguments)
            except client.ApiException as error:
                return int(error.status)
        return 200


@pytest.fixture(scope="module")
def cluster(kubeconfig: Path) -> Iterator[Cluster]:
    from cluster import fresh_namespace

    with fresh_namespace(kubeconfig) as namespace, api_client(kubeconfig) as api:
        found = Cluster(kubeconfig, namespace)
        for who, rules in {**ROLES, found.gateway: ROLES[OWNER]}.items():
            _grant(api, namespace, who, rules)
        rendered = render({}, f"--namespace={namespace}")
        admission = client.AdmissionregistrationV1Api(api)
        (policy,) = rendered.of("ValidatingAdmissionPolicy")
        (binding,) = rendered.of("ValidatingAdmissionPolicyBinding")
        admission.create_validating_admission_policy(policy)
        try:
            admission.create_validating_admission_policy_binding(binding)
            taken = {names.LABEL_USER: OWNER}
            eventually(lambda: found.create(OTHER, taken) == 422, what="the policy is in force")
            yield found
        finally:
            admission.delete_validating_admission_policy_binding(binding["metadata"]["name"])
            admission.delete_validating_admission_policy(policy["metadata"]["name"])


def _grant(api: client.ApiClient, namespace: str, who: str, rules: list[dict[str, Any]]) -> None:
    rbac, group = client.RbacAuthorizationV1Api(api), "rbac.authorization.k8s.io"
    metadata = {"name": who.replace(":", ".")}
    whole = [{"apiGroups": [names.GROUP], **rule} for rule in rules]
    rbac.create_namespaced_role(namespace, {"metadata": metadata, "rules": whole})
    body = {
        "metadata": metadata,
        "roleRef": {"apiGroup": group, "kind": "Role", **metadata},
        "subjects": [{"kind": "User", "name": who, "apiGroup": group}],
    }
    rbac.create_namespaced_role_binding(namespace, body)


CREATED = {
    (VIEWER, "none"): 403, (VIEWER, "own"): 403, (VIEWER, "others"): 403,
    (OWNER, "none"): 200, (OWNER, "own"): 200, (OWNER, "others"): 422,
    (ADMIN, "none"): 200, (ADMIN, "own"): 200, (ADMIN, "others"): 200,
    ("gateway", "none"): 200, ("gateway", "others"): 200,
}  # fmt: skip


@pytest.mark.parametrize(("who", "whose"), CREATED, ids=str)
def test_a_session_is_made_in_the_own_name_or_in_none(
    cluster: Cluster, who: str, whose: str
) -> None:
    user = cluster.gateway if who == "gateway" else who
    label = {"none": {}, "own": {names.LABEL_USER: who}, "others": {names.LABEL_USER: OTHER}}

    assert cluster.create(user, label[whose]) == CREATED[who, whose]


LABELLED = {
    VIEWER: dict.fromkeys(LABELS, 403),
    OWNER: {"user": 422, "team": 422, "key": 422, "visibility": 200},
    OTHER: dict.fromkeys(LABELS, 422),
    ADMIN: dict.fromkeys(LABELS, 200),
    "gateway": dict.fromkeys(LABELS, 200),
}


@pytest.mark.parametrize("label", LABELS)
@pytest.mark.parametrize("who", LABELLED)
def test_whose_a_session_is_changes_by_few(cluster: Cluster, who: str, label: str) -> None:
    user = cluster.gateway if who == "gateway" else who
    body = {"metadata": {"labels": LABELS[label]}}

    status = cluster.ask(user, "patch_namespaced_custom_object", cluster.owned(), body)

    assert status == LABELLED[who][label]


READS = ("get_namespaced_custom_object", "patch_namespaced_custom_object", "delete_namespaced_custom_object")  # fmt: skip
HELD = {VIEWER: (200, 403, 403), OWNER: (200, 200, 200), OTHER: (200, 200, 200), ADMIN: (200, 200, 200)}  # fmt: skip


@pytest.mark.parametrize("who", HELD)
def test_what_kubectl_cannot_hold(cluster: Cluster, who: str) -> None:
    """Who may change sessions of the namespace reads, changes and deletes those of others."""
    name = cluster.owned()
    body = {"spec": {"priority": 1}}
    arguments = ((name,), (name, body), (name,))

    statuses = tuple(cluster.ask(who, c, *a) for c, a in zip(READS, arguments, strict=True))

    assert statuses == HELD[who]
