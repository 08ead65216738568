"""The NetworkPolicies allow what Trainyard needs and nothing else. Whether a network plugin enforces them: `make flows`."""

from __future__ import annotations

import re
from functools import cache

import pytest
from chart_render import Rendered, render
from flows import FLOWS, VALUES, Flow, allows
from installation import ROOT

DATABASE = {"database.url": "postgresql://t@db.example:6000/t", "database.passwordSecret": "db"}
SIGN_ON = {
    "sso.issuer": "https://id.lab.example:8443/realm",
    "sso.clientId": "trainyard",
    "sso.publicUrl": "https://trainyard.example",
}
NOTICES = {"notices.enabled": True}
INSIDE = {"notices.enabled": True, "notices.internalHosts": ["hooks.lab.example"]}
ONLY = [{"namespaceSelector": {"matchLabels": {"name": "monitoring"}}}]


@cache
def rendered() -> Rendered:
    return render(VALUES)


@pytest.mark.parametrize("flow", FLOWS, ids=str)
def test_flows(flow: Flow) -> None:
    assert allows(rendered().of("NetworkPolicy"), flow) is flow.allowed, flow.why


@pytest.mark.parametrize(
    ("values", "flow"),
    [
        pytest.param(
            {"networkPolicy.apiFrom": ONLY}, Flow("stranger", "gateway", 8080, False, ""),
            id="the API narrowed, for strangers",
        ),
        pytest.param(
            {"networkPolicy.apiFrom": ONLY}, Flow("trainer", "gateway", 8080, True, ""),
            id="the API narrowed, for trainers",
        ),
        pytest.param(
            {"networkPolicy.apiFrom": ONLY}, Flow("monitor", "gateway", 8080, True, ""),
            id="the API narrowed, for monitors",
        ),
        pytest.param(
            {"networkPolicy.metricsFrom": ONLY}, Flow("stranger", "gateway", 9090, False, ""),
            id="metrics narrowed",
        ),
        pytest.param(DATABASE, Flow("gateway", "internet", 6000, True, ""), id="a database"),
        pytest.param({}, Flow("gateway", "internet", 6000, False, ""), id="no database"),
        pytest.param(DATABASE, Flow("trainer", "internet", 6000, False, ""), id="not for trainers"),
        pytest.param(
            SIGN_ON, Flow("gateway", "private network", 8443, True, ""), id="a provider inside",
        ),
        pytest.param(
            SIGN_ON, Flow("gateway", "private network", 9443, False, ""), id="only its port",
        ),
        pytest.param(
            SIGN_ON, Flow("gateway", "machine's credentials", 8443, False, ""),
            id="no credentials by a provider",
        ),
        pytest.param(NOTICES, Flow("gateway", "internet", 443, True, ""), id="notices"),
        pytest.param(NOTICES, Flow("gateway", "internet", 587, True, ""), id="notices by mail"),
        pytest.param(NOTICES, Flow("gateway", "internet", 25, False, ""), id="mail with TLS only"),
        pytest.param(NOTICES, Flow("gateway", "internet", 80, False, ""), id="notices by https"),
        pytest.param(
            NOTICES, Flow("gateway", "private network", 8443, False, ""), id="no notices inside",
        ),
        pytest.param(
            INSIDE, Flow("gateway", "private network", 8443, True, ""), id="notices inside",
        ),
        pytest.param(
            INSIDE, Flow("gateway", "machine's credentials", 80, False, ""), id="never there",
        ),
    ],
)  # fmt: skip
def test_values_change_them(values: dict[str, object], flow: Flow) -> None:
    policies = render(values).of("NetworkPolicy")

    assert allows(policies, flow) is flow.allowed


def test_the_security_page_lists_them() -> None:
    text = (ROOT / "docs" / "security.md").read_text()
    rows = re.findall(
        r"^\| ([\w' ]+) \| ([\w' ]+) \| (\d+) \| (yes|no) \| ([^|]+) \|", text, re.MULTILINE
    )

    assert [(s, t, int(p), a == "yes", w) for s, t, p, a, w in rows] == [
        (f.source, f.target, f.port, f.allowed, f.why) for f in FLOWS
    ]
