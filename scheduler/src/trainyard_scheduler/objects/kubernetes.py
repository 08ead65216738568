"""Nodes and pods as Kubernetes gives them, as facts. Raises ValueError, TypeError or KeyError on objects that make no sense."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from trainyard_scheduler.facts import Node, Taint, Toleration
from trainyard_scheduler.resources import ResourceVector, amount, larger, plus, whole

_DONE = ("Succeeded", "Failed")


def node(raw: Mapping[str, Any], gpu_kinds: Sequence[str]) -> Node:
    """A node with what it can give."""
    spec, status = raw.get("spec") or {}, raw.get("status") or {}
    allocatable = status.get("allocatable") or {}
    ready = any(
        c.get("type") == "Ready" and c.get("status") == "True"
        for c in status.get("conditions") or ()
    )
    return Node(
        name=raw["metadata"]["name"],
        allocatable=amount(allocatable, gpu_kinds, pods=whole(str(allocatable.get("pods", 110)))),
        usable=ready and not spec.get("unschedulable", False),
        labels=frozenset((raw["metadata"].get("labels") or {}).items()),
        taints=tuple(
            Taint(str(t["key"]), str(t.get("value") or ""), str(t["effect"]))
            for t in spec.get("taints") or ()
        ),
        version=int(raw["metadata"].get("resourceVersion") or 0),
    )


def toleration(raw: Mapping[str, Any]) -> Toleration:
    """A toleration as it stands in a pod."""
    return Toleration(
        raw.get("key") or "",
        raw.get("operator") or "Equal",
        raw.get("value") or "",
        raw.get("effect") or "",
    )


def pod_requests(raw: Mapping[str, Any], gpu_kinds: Sequence[str]) -> ResourceVector:
    """What kube-scheduler counts for a pod: containers and sidecars together, or the largest init step, plus overhead."""
    spec = raw.get("spec") or {}
    running = amount({}, gpu_kinds)
    for container in spec.get("containers") or ():
        running = plus(running, _requests(container, gpu_kinds))
    sidecars, largest = amount({}, gpu_kinds), amount({}, gpu_kinds)
    for container in spec.get("initContainers") or ():
        asked = _requests(container, gpu_kinds)
        if container.get("restartPolicy") == "Always":
            sidecars = plus(sidecars, asked)
            largest = larger(largest, sidecars)
        else:
            largest = larger(largest, plus(sidecars, asked))
    total = larger(plus(running, sidecars), largest)
    if pod_level := spec.get("resources"):
        total = larger(total, _requests({"resources": pod_level}, gpu_kinds))
    total = plus(total, amount(spec.get("overhead") or {}, gpu_kinds))
    return (1, *total[1:])


def holds_node(raw: Mapping[str, Any]) -> str | None:
    """The node whose resources a pod takes, None before it is bound and after it has ended."""
    if (raw.get("status") or {}).get("phase") in _DONE:
        return None
    name = (raw.get("spec") or {}).get("nodeName")
    return str(name) if name else None


def _requests(container: Mapping[str, Any], gpu_kinds: Sequence[str]) -> ResourceVector:
    resources = container.get("resources") or {}
    # A limit without a request is its own request.
    return amount(
        {**(resources.get("limits") or {}), **(resources.get("requests") or {})}, gpu_kinds
    )
