"""`audit.kubernetesUsers` and `admission.requireUser` on a real API server."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from chart_render import render
from cluster import api_client, unique
from kubernetes import client
from poll import eventually

from trainyard_api import names

pytestmark = pytest.mark.integration

ADA, BOB, ADMIN = "ada@example.org", "bob", "root@example.org"
ADA_LABEL = "ada_aexample.org"
RULES = [{"apiGroups": [names.GROUP], "resources": [names.SESSION_PLURAL], "verbs": ["*"]}]
ADMIN_RULES = [{"apiGroups": [names.GROUP], "resources": ["*"], "verbs": ["*"]}]
KINDS = ("MutatingAdmissionPolicy", "ValidatingAdmissionPolicy")
PATH = "/apis/admissionregistration.k8s.io/v1"


class Sessions:
    """Sessions of a namespace, as different users ask for them."""

    def __init__(self, kubeconfig: Path, namespace: str) -> None:
        self._kubeconfig = kubeconfig
        self._where = (names.GROUP, names.VERSION, namespace, names.SESSION_PLURAL)

    def create(self, who: str, name: str, labels: dict[str, str], **more: Any) -> str:
        """What the API server objects to; empty when it takes the session."""
        body = {
            "apiVersion": names.API_VERSION,
            "kind": names.SESSION_KIND,
            "metadata": {"name": name, "labels": labels, **more},
            "spec": {"command": ["run"]},
        }
        return self._ask(who, "create_namespaced_custom_object", body)

    def change(self, who: str, name: str, metadata: dict[str, Any]) -> str:
        """The same of a change."""
        body = {"metadata": metadata}
        return self._ask(who, "patch_namespaced_custom_object", name, body)

    def changed_by(self, name: str) -> str | None:
        """What the annotation says."""
        with api_client(self._kubeconfig) as api:
            found = client.CustomObjectsApi(api).get_namespaced_custom_object(*self._where, name)
        annotations = found["metadata"].get("annotations") or {}
        return annotations.get(names.ANNOTATION_CHANGED_BY)

    def _ask(self, who: str, call: str, *arguments: Any) -> str:
        with api_client(self._kubeconfig) as api:
            api.set_default_header("Impersonate-User", who)
            try:
                getattr(client.CustomObjectsApi(api), call)(*self._where, *arguments)
            except client.ApiException as error:
                if error.status != 422:
                    raise
                return str(error.body)
        return ""


@contextmanager
def policies(kubeconfig: Path, namespace: str, values: dict[str, Any]) -> Iterator[Sessions]:
    """The chart's policies with these values, in force."""
    rendered = render(values, f"--namespace={namespace}")
    gateway = f"system:serviceaccount:{namespace}:ty-gateway"
    made = []
    with api_client(kubeconfig) as api:
        for rules, subjects in ((RULES, [ADA, BOB, gateway]), (ADMIN_RULES, [ADMIN])):
            _grant(api, namespace, rules, subjects)
        try:
            for kind in KINDS:
                for body in (*rendered.of(kind), *rendered.of(f"{kind}Binding")):
                    plural = _plural(body["kind"])
                    _call(api, f"{PATH}/{plural}", "POST", body)
                    made.append(f"{PATH}/{plural}/{body['metadata']['name']}")
            sessions = Sessions(kubeconfig, namespace)
            probe = {names.LABEL_USER: "bob"}
            eventually(
                lambda: "whose session" in sessions.create(ADA, unique("probe"), probe),
                what="the policies are in force",
            )
            yield sessions
        finally:
            for path in made:
                _call(api, path, "DELETE", None)


def _grant(
    api: client.ApiClient, namespace: str, rules: list[dict[str, Any]], users: list[str]
) -> None:
    rbac = client.RbacAuthorizationV1Api(api)
    metadata = {"name": users[-1].replace("@", ".").replace(":", ".")}
    rbac.create_namespaced_role(namespace, {"metadata": metadata, "rules": rules})
    group = "rbac.authorization.k8s.io"
    body = {
        "metadata": metadata,
        "roleRef": {"apiGroup": group, "kind": "Role", **metadata},
        "subjects": [{"kind": "User", "name": user, "apiGroup": group} for user in users],
    }
    rbac.create_namespaced_role_binding(namespace, body)


def _plural(kind: str) -> str:
    name = kind.lower()
    return f"{name.removesuffix('y')}ies" if name.endswith("y") else f"{name}s"


def _call(api: client.ApiClient, path: str, method: str, body: Any) -> None:
    api.call_api(
        path,
        method,
        header_params={"Content-Type": "application/json", "Accept": "application/json"},
        body=body,
        auth_settings=["BearerToken"],
        response_types_map={},
    )


def test_the_api_server_names_who_changed_a_session(kubeconfig: Path, namespace: str) -> None:
    gateway = f"system:serviceaccount:{namespace}:ty-gateway"
    with policies(kubeconfig, namespace, {"audit": {"kubernetesUsers": True}}) as sessions:

        def named() -> bool:
            name = f"s{len(tried)}"
            tried.append(name)
            assert sessions.create(BOB, name, {}) == ""
            return sessions.changed_by(name) == BOB

        tried: list[str] = []
        eventually(named, what="the mutating policy is in force")
        name = tried[-1]

        assert sessions.change(ADA, name, {"labels": {"project": "a"}}) == ""
        assert sessions.changed_by(name) == ADA
        forged = {"annotations": {names.ANNOTATION_CHANGED_BY: ADMIN, "note": "b"}}
        assert sessions.change(BOB, name, forged) == ""
        assert sessions.changed_by(name) == BOB
        assert sessions.change(BOB, name, {"annotations": None}) == ""
        assert sessions.changed_by(name) == BOB
        assert sessions.change(gateway, name, {"labels": {names.LABEL_TEAM: "t"}}) == ""
        assert sessions.changed_by(name) == BOB


def test_nobody_writes_anothers_name_where_the_api_server_writes_none(
    kubeconfig: Path, namespace: str
) -> None:
    with policies(kubeconfig, namespace, {}) as sessions:
        forged = {names.ANNOTATION_CHANGED_BY: ADA}
        assert "names who changed" in sessions.create(BOB, "f1", {}, annotations=forged)
        assert sessions.create(BOB, "f2", {}) == ""
        assert "names who changed" in sessions.change(BOB, "f2", {"annotations": forged})


def test_sessions_without_the_label_of_their_user_are_refused(
    kubeconfig: Path, namespace: str
) -> None:
    gateway = f"system:serviceaccount:{namespace}:ty-gateway"
    with policies(kubeconfig, namespace, {"admission": {"requireUser": True}}) as sessions:
        assert f"needed on this installation: give {ADA_LABEL}" in sessions.create(ADA, "r1", {})
        assert sessions.create(ADA, "r2", {names.LABEL_USER: ADA_LABEL}) == ""
        assert sessions.change(ADA, "r2", {"labels": {"project": "b"}}) == ""
        assert sessions.change(ADA, "r2", {"labels": {names.LABEL_USER: None}}) != ""
        for who in (ADMIN, gateway):
            assert sessions.create(who, f"r-{who.split(':')[-1].split('@')[0]}", {}) == ""
