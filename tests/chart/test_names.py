"""Names of two installations never collide."""

from __future__ import annotations

import itertools
from typing import Any

from chart_render import EVERYTHING, render_as

LONG = "a-very-long-name-of-a-release-for-vision-team"
RELEASES = [
    ("ns", "ty"),
    ("ml", "team-trainyard"),
    ("ml-team", "trainyard"),
    ("ns", f"{LONG}-1"),
    ("ns", f"{LONG}-2"),
    ("ns", LONG[:40]),
]
CLUSTER_WIDE = (
    "ClusterRole",
    "ClusterRoleBinding",
    "ValidatingAdmissionPolicy",
    "ValidatingAdmissionPolicyBinding",
)


def names(namespace: str, release: str) -> set[tuple[str, str, str]]:
    """Namespace (empty without one), kind and name of every object but the CRDs."""
    found = render_as(release, namespace, EVERYTHING)
    assert found.code == 0, found.error

    def place(thing: dict[str, Any]) -> tuple[str, str, str]:
        metadata = thing["metadata"]
        return metadata.get("namespace", ""), thing["kind"], metadata["name"]

    return {place(o) for o in found.objects if o["kind"] != "CustomResourceDefinition"}


def test_no_two_installations_share_a_name() -> None:
    found = {release: names(*release) for release in RELEASES}

    shared = {
        (one, other): found[one] & found[other]
        for one, other in itertools.combinations(RELEASES, 2)
        if found[one] & found[other]
    }
    assert shared == {}


def test_names_are_short_enough() -> None:
    for release in RELEASES:
        assert max(len(name) for _, _, name in names(*release)) <= 63


def test_short_names_are_those_of_earlier_charts() -> None:
    found = names("ns", "ty")

    assert ("", "ClusterRole", "ns-ty-operator") in found
    assert ("ns", "Deployment", "ty-operator") in found
