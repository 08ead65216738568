"""The arithmetic behind the proof of least rights (tests/e2e/test_rights.py): a truth table of the RBAC authorizer."""

from __future__ import annotations

from typing import Any

import pytest
from rights import Request, Right, granted, needing, permitted, rules

NS = "yard"
PODS = Request("", "pods", "list", NS)
ONE_POD = Request("", "pods", "get", NS, "p-1")
LOG = Request("", "pods/log", "get", NS, "p-1")
EVERYWHERE = Request("", "pods", "list")


def right(group: str, resource: str, verb: str, namespace: str | None = NS, *names: str) -> Right:
    return Right("Role", group, resource, verb, namespace, names)


DECISIONS = {
    "the same": (right("", "pods", "list"), PODS, True),
    "another verb": (right("", "pods", "watch"), PODS, False),
    "another resource": (right("", "nodes", "list"), PODS, False),
    "another group": (right("batch", "pods", "list"), PODS, False),
    "any verb": (right("", "pods", "*"), PODS, True),
    "any resource": (right("", "*", "get"), LOG, True),
    "any group": (right("*", "pods", "list"), PODS, True),
    "another namespace": (right("", "pods", "list", "other"), PODS, False),
    "everywhere": (right("", "pods", "list", None), PODS, True),
    "one namespace is not all": (right("", "pods", "list"), EVERYWHERE, False),
    "a subresource is not its resource": (right("", "pods", "get"), LOG, False),
    "a resource is not its subresource": (right("", "pods/log", "get"), ONE_POD, False),
    "the subresource": (right("", "pods/log", "get"), LOG, True),
    "the subresource of anything": (right("", "*/log", "get"), LOG, True),
    "another subresource of anything": (right("", "*/status", "get"), LOG, False),
    "its name": (right("", "pods", "get", NS, "p-0", "p-1"), ONE_POD, True),
    "another name": (right("", "pods", "get", NS, "p-0"), ONE_POD, False),
    "a name where none is asked for": (right("", "pods", "list", NS, "p-1"), PODS, False),
}


@pytest.mark.parametrize(("held", "request_", "want"), DECISIONS.values(), ids=DECISIONS)
def test_decisions(held: Right, request_: Request, want: bool) -> None:
    assert held.permits(request_) is want
    assert permitted([held], request_) is want


def event(verb: str, **ref: Any) -> dict[str, Any]:
    return {"verb": verb, "objectRef": {"namespace": NS, **ref}}


def test_requests_are_those_that_the_authorizer_saw() -> None:
    pods, status = {"resource": "pods"}, {"resource": "jobs", "apiGroup": "batch"}
    assert Request.of(event("list", **pods)) == PODS
    assert Request.of(event("get", **pods, subresource="log", name="p-1")) == LOG
    assert Request.of(event("create", **pods, name="p-1")).name == ""
    assert Request.of(event("create", **pods, subresource="eviction", name="p-1")).name == "p-1"
    assert Request.of(event("patch", **status, subresource="status", name="j")) == Request(
        "batch", "jobs/status", "patch", NS, "j"
    )


LIST, GET, WIDE = right("", "pods", "list"), right("", "pods", "get"), right("", "*", "get")
CLUSTER = right("", "pods", "list", None)
NEEDS: dict[str, tuple[Right, list[Right], list[Request], Request | None]] = {
    "used": (LIST, [LIST, GET], [ONE_POD, PODS], PODS),
    "never used": (LIST, [LIST, GET], [ONE_POD], None),
    "another one is enough": (GET, [GET, WIDE], [ONE_POD], None),
    "the wider one reaches further": (WIDE, [GET, WIDE], [ONE_POD, LOG], LOG),
    "granted twice": (GET, [GET, right("", "pods", "get")], [ONE_POD], None),
    "everywhere and used there": (CLUSTER, [CLUSTER], [PODS, EVERYWHERE], EVERYWHERE),
    "everywhere and used in the namespace": (CLUSTER, [CLUSTER], [PODS], None),
}


@pytest.mark.parametrize(("one", "held", "asked", "want"), NEEDS.values(), ids=NEEDS)
def test_what_needs_a_right(
    one: Right, held: list[Right], asked: list[Request], want: Request | None
) -> None:
    assert needing(one, held, asked, NS) == want


def role(kind: str, name: str, *rules_: dict[str, Any]) -> dict[str, Any]:
    return {"kind": kind, "metadata": {"name": name, "namespace": NS}, "rules": list(rules_)}


def binding(kind: str, to: str, account: str) -> dict[str, Any]:
    subject = {"kind": "ServiceAccount", "name": account, "namespace": NS}
    return {
        "kind": f"{kind}Binding",
        "metadata": {"name": "b", "namespace": NS},
        "roleRef": {"kind": kind, "name": to},
        "subjects": [subject],
    }


def test_rights_are_those_of_the_bound_roles() -> None:
    reading = {"apiGroups": [""], "resources": ["pods", "nodes"], "verbs": ["get", "list"]}
    named = {"apiGroups": [""], "resources": ["pods"], "verbs": ["get"], "resourceNames": ["p"]}
    objects = [
        role("Role", "same", named),
        role("ClusterRole", "same", reading),
        role("Role", "unbound", reading),
        role("Role", "others", reading),
        binding("Role", "same", "a"),
        binding("ClusterRole", "same", "a"),
        binding("Role", "others", "b"),
    ]

    found = granted(objects, "a", NS)

    assert found[0] == Right("Role", "", "pods", "get", NS, ("p",))
    assert {(r.role, r.resource, r.verb, r.namespace) for r in found[1:]} == {
        ("ClusterRole", resource, verb, None)
        for resource in ("pods", "nodes")
        for verb in ("get", "list")
    }
    assert rules(found[:1]) == [named]
    assert granted(objects, "a", "elsewhere") == []


def test_a_message_says_which_right_it_is() -> None:
    assert str(right("batch", "jobs", "get")) == "Role: get jobs.batch in yard"
    assert str(right("", "pods", "get", None, "p")) == "Role: get pods.core named p everywhere"
