"""The embedded node enforces the chart's NetworkPolicies: flows tried from pods of an installation."""

from __future__ import annotations

import pytest
from installation import Installation
from measured_flows import measure, outside

pytestmark = pytest.mark.e2e


def test_flows_pass_as_the_policies_say(installation: Installation) -> None:
    """`make flows` tries the rest, with the bot and with a runtime that reaches the internet."""
    with outside(installation.kubeconfig) as answers:
        if not answers:
            pytest.skip("whether another cluster enforces policies is not known")
        measured = measure(installation, {"trainer": "default", "other trainer": "default"})
    for kind, *names in (
        ("ts", "trainer", "other-trainer"),
        ("pod", "stranger", "installation-of-packages"),
    ):
        installation.kubectl("delete", kind, *names, "--wait=false")

    assert {one.flow.source for one in measured} >= {"trainer", "installation of packages"}
    assert [(str(one.flow), one.said) for one in measured if not one.as_documented] == []
