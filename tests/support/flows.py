"""Who may reach whom: the flows of an installation, and what NetworkPolicies say of a flow, as Kubernetes defines them."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

Policy = dict[str, Any]

_COMMON = {
    "app.kubernetes.io/name": "trainyard",
    "app.kubernetes.io/instance": "ty",
    "app.kubernetes.io/part-of": "trainyard",
}
LABELS: dict[str, dict[str, str]] = {
    **{
        name: {**_COMMON, "app.kubernetes.io/component": name}
        for name in ("operator", "gateway", "monitor", "bot")
    },
    "trainer": {"trainyard.io/session-uid": "a"},
    "other trainer": {"trainyard.io/session-uid": "b"},
    "open trainer": {"trainyard.io/session-uid": "c", "trainyard.io/egress": "internet"},
    "installation of packages": {"trainyard.io/component": "environment-builder"},
    "stranger": {"app": "something else"},
}
"""Pods of the namespace."""
PORTS = {
    "gateway": {"http": 8080, "metrics": 9090},
    "operator": {"health": 8080, "metrics": 9090},
}
"""Ports that have a name."""
ADDRESSES = {
    "API server": "10.0.0.1",
    "DNS": "10.0.0.2",
    "internet": "203.0.113.1",
    "private network": "172.31.255.1",
    "machine's credentials": "169.254.169.254",
}
"""What is no pod; addresses that stand for it."""
_POD_ADDRESS = "10.1.0.1"


@dataclass(frozen=True)
class Flow:
    """A connection that somebody may try."""

    source: str
    target: str
    port: int
    allowed: bool
    why: str

    def __str__(self) -> str:
        return f"{self.source} to {self.target}:{self.port}"


FLOWS = (
    Flow("trainer", "gateway", 8080, True, "reports"),
    Flow("trainer", "gateway", 9090, False, "metrics are for Prometheus"),
    Flow("trainer", "operator", 8080, False, "user code needs no access"),
    Flow("trainer", "operator", 9090, False, "user code needs no access"),
    Flow("trainer", "other trainer", 29500, True, "workers of a session connect to each other; a policy cannot tell sessions apart"),
    Flow("trainer", "DNS", 53, True, "name resolution"),
    Flow("trainer", "API server", 6443, False, "user code needs no access"),
    Flow("trainer", "internet", 443, False, "training data is uploaded as datasets"),
    Flow("trainer", "machine's credentials", 80, False, "user code needs no access"),
    Flow("trainer", "stranger", 8080, False, "user code needs no access"),
    Flow("open trainer", "gateway", 8080, True, "reports"),
    Flow("open trainer", "internet", 443, True, "its runtime has `egress: internet`"),
    Flow("open trainer", "internet", 22, True, "its runtime has `egress: internet`"),
    Flow("open trainer", "private network", 443, False, "the internet alone"),
    Flow("open trainer", "machine's credentials", 80, False, "user code needs no access"),
    Flow("open trainer", "API server", 6443, False, "user code needs no access"),
    Flow("open trainer", "stranger", 8080, False, "user code needs no access"),
    Flow("installation of packages", "gateway", 8080, True, "lines of the session's log"),
    Flow("installation of packages", "internet", 443, True, "the index of packages (`environments.egress` restricts it)"),
    Flow("installation of packages", "internet", 22, False, "indexes use HTTP"),
    Flow("installation of packages", "machine's credentials", 80, False, "it needs no access"),
    Flow("installation of packages", "trainer", 29500, False, "it calls no trainer"),
    Flow("trainer", "installation of packages", 8080, False, "nothing calls it"),
    Flow("stranger", "trainer", 29500, False, "only trainers call trainers"),
    Flow("gateway", "trainer", 29500, False, "the gateway never calls trainers"),
    Flow("stranger", "gateway", 8080, True, "the API is open to every caller with a key (`networkPolicy.apiFrom` restricts it)"),
    Flow("stranger", "gateway", 9090, True, "Prometheus may run anywhere (`networkPolicy.metricsFrom` restricts it)"),
    Flow("stranger", "operator", 8080, True, "probes come from the node, which a policy cannot select"),
    Flow("stranger", "monitor", 8080, False, "nothing calls the monitor"),
    Flow("stranger", "bot", 8080, False, "nothing calls the bot"),
    Flow("monitor", "gateway", 8080, True, "measurements of the node"),
    Flow("monitor", "gateway", 9090, False, "metrics are for Prometheus"),
    Flow("monitor", "API server", 6443, False, "it has no Kubernetes rights"),
    Flow("monitor", "internet", 443, False, "it downloads nothing"),
    Flow("bot", "gateway", 8080, True, "it is a client of the API"),
    Flow("bot", "API server", 6443, False, "it has no Kubernetes rights"),
    Flow("bot", "internet", 443, True, "the Telegram API"),
    Flow("bot", "machine's credentials", 443, False, "it downloads nothing"),
    Flow("operator", "API server", 6443, True, "watches and writes objects"),
    Flow("operator", "gateway", 8080, False, "they communicate through the API server"),
    Flow("operator", "internet", 80, False, "it downloads nothing"),
    Flow("operator", "machine's credentials", 443, False, "it downloads nothing"),
    Flow("gateway", "API server", 6443, True, "sessions and TokenReviews"),
    Flow("gateway", "operator", 8080, False, "they communicate through the API server"),
    Flow("gateway", "internet", 80, False, "it downloads nothing"),
)  # fmt: skip
"""With the chart's default values, the bot, and a runtime `open` with `egress: internet`."""
VALUES: dict[str, Any] = {
    "bot.enabled": True,
    "bot.tokenSecret": "telegram",
    "bot.chats": [1],
    "runtimes.open": {"egress": "internet"},
}
"""Values of the chart for them."""


@dataclass(frozen=True)
class Measured:
    """A flow, and what came of trying it."""

    flow: Flow
    said: str

    @property
    def as_documented(self) -> bool:
        """Whether it passed if it is allowed, and did not if it is not."""
        return self.said.startswith("reached" if self.flow.allowed else "not reached")


def table(measured: Iterable[Measured]) -> str:
    """The flows in Markdown."""
    lines = ["| From | To | Port | Allowed | Measured |", "| --- | --- | ---: | --- | --- |"]
    for one in measured:
        flow, allowed = one.flow, "yes" if one.flow.allowed else "no"
        lines.append(f"| {flow.source} | {flow.target} | {flow.port} | {allowed} | {one.said} |")
    return "\n".join(lines) + "\n"


def allows(policies: Iterable[Policy], flow: Flow) -> bool:
    """Whether the policies of the namespace let a flow pass, at its source and at its target."""
    known = list(policies)
    leaves = _passes(known, "Egress", flow.source, flow.target, flow)
    return leaves and (
        flow.target in ADDRESSES or _passes(known, "Ingress", flow.target, flow.source, flow)
    )


def _passes(policies: list[Policy], side: str, pod: str, peer: str, flow: Flow) -> bool:
    mine = [
        policy["spec"]
        for policy in policies
        if side in policy["spec"]["policyTypes"]
        and _selects(policy["spec"]["podSelector"], LABELS[pod])
    ]
    rules = [rule for spec in mine for rule in spec.get(side.lower(), [])]
    end = "to" if side == "Egress" else "from"
    return not mine or any(
        _has_peer(rule.get(end), peer) and _has_port(rule.get("ports"), flow) for rule in rules
    )


def _has_peer(peers: list[Any] | None, name: str) -> bool:
    # An empty list is like none.
    return not peers or any(_is_peer(peer, name) for peer in peers)


def _is_peer(peer: dict[str, Any], name: str) -> bool:
    if block := peer.get("ipBlock"):
        address = ipaddress.ip_address(ADDRESSES.get(name, _POD_ADDRESS))
        # Plugins take blocks for pods as well.
        return _inside(address, block["cidr"]) and not any(
            _inside(address, cidr) for cidr in block.get("except", [])
        )
    return (
        name in LABELS
        and "namespaceSelector" not in peer
        and _selects(peer["podSelector"], LABELS[name])
    )


def _inside(address: ipaddress.IPv4Address | ipaddress.IPv6Address, cidr: str) -> bool:
    network = ipaddress.ip_network(cidr)
    return address.version == network.version and address in network


def _has_port(ports: list[Any] | None, flow: Flow) -> bool:
    return not ports or any(
        port["port"]
        in (flow.port, *(n for n, p in PORTS.get(flow.target, {}).items() if p == flow.port))
        for port in ports
    )


def _selects(selector: dict[str, Any], labels: dict[str, str]) -> bool:
    wanted: dict[str, str] = selector.get("matchLabels", {})
    kinds = {e["operator"] for e in selector.get("matchExpressions", [])}
    if kinds - {"Exists"}:
        raise NotImplementedError(f"selectors with {kinds}")
    return wanted.items() <= labels.items() and all(
        e["key"] in labels for e in selector.get("matchExpressions", [])
    )
