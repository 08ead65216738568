"""The chart's admission policy on a real API server: nobody hands sessions in under another's name."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from chart_render import render
from cluster import api_client
from kubernetes import client
from poll import eventually

from trainyard_api import names

pytestmark = pytest.mark.integration

ADA, BOB, ADMIN = "ada@example.org", "bob", "root@example.org"
ADA_LABEL = "ada_aexample.org"
RULES = [{"apiGroups": [names.GROUP], "resources": [names.SESSION_PLURAL], "verbs": ["*"]}]
ADMIN_RULES = [{"apiGroups": [names.GROUP], "resources": ["*"], "verbs": ["*"]}]


class People:
    """Sessions as different people ask for them; nothing is kept but what `keep` says."""

    def __init__(self, kubeconfig: Path, namespace: str) -> None:
        self._kubeconfig, self._namespace = kubeconfig, namespace
        self._where = (names.GROUP, names.VERSION, namespace, names.SESSION_PLURAL)

    def create(
        self,
        who: str,
        user: str | None,
        keep: bool = False,
        shared: dict[str, str] | None = None,
        **spec: Any,
    ) -> str | None:
        """What the API server objects to, None when it takes the session.

        `shared`: labels besides that of the user.
        """
        labels = {**({} if user is None else {names.LABEL_USER: user}), **(shared or {})}
        body = {
            "apiVersion": names.API_VERSION,
            "kind": names.SESSION_KIND,
            "metadata": {"name": "s", "labels": labels},
            "spec": {"command": ["run"], **spec},
        }
        return self._ask(who, "create_namespaced_custom_object", body, keep=keep)

    def change(self, who: str, metadata: dict[str, Any]) -> str | None:
        """The same for a change of the kept session."""
        return self._ask(who, "patch_namespaced_custom_object", "s", {"metadata": metadata})

    def allow(self, users: list[str]) -> None:
        """Give users the right to sessions."""
        with api_client(self._kubeconfig) as api:
            rbac = client.RbacAuthorizationV1Api(api)
            _grant(rbac, self._namespace, RULES, [*users, "more-users"])

    def _ask(self, who: str, call: str, *arguments: Any, keep: bool = False) -> str | None:
        options = {} if keep else {"dry_run": "All"}
        with api_client(self._kubeconfig) as api:
            api.set_default_header("Impersonate-User", who)
            try:
                getattr(client.CustomObjectsApi(api), call)(*self._where, *arguments, **options)
            except client.ApiException as error:
                if error.status != 422:
                    raise
                return str(error.body)
        return None


@pytest.fixture
def people(kubeconfig: Path, namespace: str) -> Iterator[People]:
    rendered = render({}, f"--namespace={namespace}")
    gateway = f"system:serviceaccount:{namespace}:ty-gateway"
    with api_client(kubeconfig) as api:
        admission = client.AdmissionregistrationV1Api(api)
        for rules, subjects in ((RULES, [ADA, BOB, gateway]), (ADMIN_RULES, [ADMIN])):
            _grant(client.RbacAuthorizationV1Api(api), namespace, rules, subjects)
        (policy,) = rendered.of("ValidatingAdmissionPolicy")
        (binding,) = rendered.of("ValidatingAdmissionPolicyBinding")
        admission.create_validating_admission_policy(policy)
        try:
            admission.create_validating_admission_policy_binding(binding)
            found = People(kubeconfig, namespace)
            eventually(lambda: found.create(ADA, "bob") is not None, what="the policy is in force")
            yield found
        finally:
            admission.delete_validating_admission_policy_binding(binding["metadata"]["name"])
            admission.delete_validating_admission_policy(policy["metadata"]["name"])


def _grant(
    rbac: client.RbacAuthorizationV1Api,
    namespace: str,
    rules: list[dict[str, Any]],
    subjects: list[str],
) -> None:
    metadata = {"name": subjects[-1].replace("@", ".")}
    rbac.create_namespaced_role(namespace, {"metadata": metadata, "rules": rules})
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", **metadata}
    users = [{"kind": "User", "name": s, "apiGroup": "rbac.authorization.k8s.io"} for s in subjects]
    rbac.create_namespaced_role_binding(
        namespace, {"metadata": metadata, "roleRef": reference, "subjects": users}
    )


ALIKE = ["a.b", "a-b", "a@b", "a_b", "a__b", "a_ab", "a:b", "a/b", "a+b", "a_cb", "a b", "A.b"]


def own_label(user: str) -> str:
    """As the policy writes a user's name."""
    for character, escape in (("_", "__"), ("@", "_a"), (":", "_c"), ("/", "_s"), ("+", "_p")):
        user = user.replace(character, escape)
    return user


def test_no_two_users_have_one_label() -> None:
    assert len({own_label(user) for user in ALIKE}) == len(ALIKE)


def test_users_with_names_alike_cannot_use_each_others_label(people: People) -> None:
    people.allow(ALIKE)
    labels = [own_label(user) for user in ALIKE if " " not in user]

    taken = {user: [x for x in labels if people.create(user, x) is None] for user in ALIKE}

    assert taken == {user: [] if " " in user else [own_label(user)] for user in ALIKE}


def test_a_session_carries_the_name_of_who_hands_it_in_or_none(
    people: People, namespace: str
) -> None:
    assert people.create(ADA, None) is None
    assert people.create(ADA, "ada_aexample.org") is None
    assert people.create(BOB, "bob") is None
    refused = people.create(ADA, "bob")
    assert refused is not None
    assert "leave it out, or give ada_aexample.org" in refused

    gateway = f"system:serviceaccount:{namespace}:ty-gateway"
    assert people.create(gateway, "telegram") is None
    assert people.create(ADMIN, "ada_aexample.org") is None, "may change the limits as well"

    assert people.create(BOB, "bob", keep=True) is None
    assert people.change(ADA, {"annotations": {"note": "seen"}}) is None
    for label in ("ada_aexample.org-2", None):
        assert people.change(BOB, {"labels": {names.LABEL_USER: label}}) is not None
    taken = people.change(ADA, {"labels": {names.LABEL_USER: ADA_LABEL}})
    assert "only administrators change it" in (taken or "")
    assert people.change(ADMIN, {"labels": {names.LABEL_USER: "ada"}}) is None


def test_a_session_of_no_user_becomes_no_users_own(people: People, namespace: str) -> None:
    assert people.create(BOB, None, keep=True) is None

    assert people.change(ADA, {"labels": {names.LABEL_USER: ADA_LABEL}}) is not None
    assert people.change(BOB, {"labels": {names.LABEL_USER: "bob"}}) is not None
    assert people.change(ADMIN, {"labels": {names.LABEL_USER: "bob"}}) is None


def test_the_gateway_says_which_team_sees_a_session(people: People, namespace: str) -> None:
    gateway = f"system:serviceaccount:{namespace}:ty-gateway"
    for label, value in ((names.LABEL_TEAM, "robots"), (names.LABEL_VISIBILITY, "all")):
        for user in ("bob", None):
            assert "sees this session" in (people.create(BOB, user, shared={label: value}) or "")
        for who in (ADMIN, gateway):
            assert people.create(who, "bob", shared={label: value}) is None

    assert people.create(BOB, "bob", keep=True) is None
    for label, value in ((names.LABEL_TEAM, "robots"), (names.LABEL_VISIBILITY, "all")):
        assert "sees this session" in (people.change(ADA, {"labels": {label: value}}) or "")
        for who in (ADMIN, gateway):
            assert people.change(who, {"labels": {label: value}}) is None
    assert people.change(BOB, {"labels": {names.LABEL_TEAM: "robots"}}) is not None
    assert people.change(BOB, {"labels": {names.LABEL_VISIBILITY: "all"}}) is None


def test_the_gateway_says_which_key_started_a_session(people: People, namespace: str) -> None:
    gateway, key = f"system:serviceaccount:{namespace}:ty-gateway", {names.LABEL_KEY: "k1"}
    assert "which API key" in (people.create(BOB, "bob", shared=key) or "")
    for who in (ADMIN, gateway):
        assert people.create(who, "bob", shared=key) is None
    assert people.create(BOB, "bob", keep=True) is None
    assert "which API key" in (people.change(BOB, {"labels": key}) or "")
    assert people.change(gateway, {"labels": key}) is None


def test_a_kubernetes_user_named_admin_is_not_the_gateways_administrator(
    people: People, namespace: str
) -> None:
    people.allow(["admin"])
    assert "the key that the gateway was started with" in (people.create("admin", "admin") or "")
    assert people.create("admin", None) is None
    assert people.create(f"system:serviceaccount:{namespace}:ty-gateway", "admin") is None


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        pytest.param({"resources": {"scratch": "64Gi"}}, None, id="scratch-at-the-bound"),
        pytest.param({"resources": {"scratch": 68719476736}}, None, id="scratch-in-bytes"),
        pytest.param(
            {"resources": {"scratch": "65537Mi"}},
            "spec.resources.scratch must be at most 64Gi on this installation",
            id="scratch-above",
        ),
        pytest.param(
            {"resources": {"scratch": 68719476737}},
            "spec.resources.scratch must be at most 64Gi on this installation",
            id="scratch-above-in-bytes",
        ),
        pytest.param({"gracePeriodSeconds": 600}, None, id="grace-at-the-bound"),
        pytest.param(
            {"gracePeriodSeconds": 601},
            "spec.gracePeriodSeconds must be at most 600 on this installation",
            id="grace-above",
        ),
    ],
)
def test_the_administrator_bounds_scratch_space_and_grace(
    people: People, spec: dict[str, Any], message: str | None
) -> None:
    found = people.create(BOB, None, **spec)
    assert (found is None) if message is None else (message in (found or ""))
