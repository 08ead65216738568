"""Nodes and tolerations, from the JSON of the API server."""

from __future__ import annotations

from collections.abc import Sequence

from trainyard_scheduler.facts import Node, Taint, Toleration
from trainyard_scheduler.objects import fields
from trainyard_scheduler.objects.fields import Json
from trainyard_scheduler.resources import resource_vector, whole

DEFAULT_MAX_PODS = 110
"""The kubelet's own default."""


def parse_node(raw: Json, gpu_resources: Sequence[str]) -> Node:
    """A node. Raises ValueError, TypeError, KeyError or AttributeError if it makes no sense."""
    spec, status = raw.get("spec") or {}, raw.get("status") or {}
    allocatable = status.get("allocatable") or {}
    ready = any(
        c.get("type") == "Ready" and c.get("status") == "True"
        for c in status.get("conditions") or ()
    )
    pods = whole(str(allocatable.get("pods", DEFAULT_MAX_PODS)))
    return Node(
        name=raw["metadata"]["name"],
        allocatable=resource_vector(allocatable, gpu_resources, pods=pods),
        usable=ready and not spec.get("unschedulable", False),
        labels=frozenset((raw["metadata"].get("labels") or {}).items()),
        taints=tuple(
            Taint(str(t["key"]), str(t.get("value") or ""), str(t["effect"]))
            for t in spec.get("taints") or ()
        ),
        version=fields.version(raw["metadata"]),
    )


def parse_toleration(raw: Json) -> Toleration:
    """A toleration as it stands in a pod."""
    return Toleration(
        raw.get("key") or "",
        raw.get("operator") or "Equal",
        raw.get("value") or "",
        raw.get("effect") or "",
    )
