"""Who may do what with which Lease: the gateway must never be able to take the operator's."""

from __future__ import annotations

import pytest
from chart_render import EVERYTHING, render
from rights import Request, granted, permitted

OWN, SIGN = "ty-operator", "ty-gateway"
ALLOWED = {
    ("operator", "create", ""),
    ("operator", "get", OWN),
    ("operator", "update", OWN),
    ("operator", "get", SIGN),
    ("gateway", "create", ""),
    ("gateway", "get", SIGN),
    ("gateway", "update", SIGN),
}
VERBS = ("get", "list", "watch", "create", "update", "patch", "delete", "deletecollection")


@pytest.mark.parametrize("account", ["operator", "gateway", "trainer", "bot", "monitor"])
def test_rights_on_leases(account: str) -> None:
    found = render(EVERYTHING)
    namespace = found.named("Role", "ty-operator")["metadata"]["namespace"]
    held = granted(found.objects, f"ty-{account}", namespace)
    allowed = {
        (account, verb, name)
        for verb in VERBS
        for name in ("", OWN, SIGN, "another")
        # A creation has no name when rights are looked at.
        if (verb != "create" or not name)
        and permitted(held, Request("coordination.k8s.io", "leases", verb, namespace, name))
    }
    assert allowed == {case for case in ALLOWED if case[0] == account}
