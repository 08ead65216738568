"""Nodes and tolerations, from the JSON of the API server."""

from __future__ import annotations

from collections.abc import Sequence

from trainyard_api.quantity import whole
from trainyard_api.timestamps import parse_seconds
from trainyard_scheduler.facts import Node, Taint, Toleration, Unready
from trainyard_scheduler.objects import fields
from trainyard_scheduler.objects.fields import Json, items, mapping, text
from trainyard_scheduler.resources import resource_vector

DEFAULT_MAX_PODS = 110
"""The kubelet's own default."""


def parse_node(raw: Json, gpu_resources: Sequence[str]) -> Node:
    """A node. Raises ValueError, TypeError, KeyError or AttributeError if it makes no sense."""
    spec, status = mapping(raw.get("spec")), mapping(raw.get("status"))
    allocatable = mapping(status.get("allocatable"))
    unready = _unready(status)
    pods = whole(str(allocatable.get("pods", DEFAULT_MAX_PODS)))
    return Node(
        name=raw["metadata"]["name"],
        allocatable=resource_vector(allocatable, gpu_resources, pods=pods),
        usable=unready is None and not spec.get("unschedulable", False),
        labels=frozenset(mapping(raw["metadata"].get("labels")).items()),
        taints=tuple(
            Taint(text(t.get("key")), text(t.get("value")), text(t.get("effect")))
            for t in items(spec.get("taints"))
        ),
        version=fields.version(raw["metadata"]),
        unready=unready,
    )


def _unready(status: Json) -> Unready | None:
    found = (c for c in items(status.get("conditions")) if c.get("type") == "Ready")
    ready = next(found, None)
    if ready is None:
        return Unready(silent=True)
    if ready.get("status") == "True":
        return None
    silent = ready.get("status") != "False"
    # A kubelet that says that the node is not ready still sends its heartbeats.
    since = ready.get("lastHeartbeatTime" if silent else "lastTransitionTime")
    return Unready(silent, parse_seconds(since), text(ready.get("message")))


def parse_toleration(raw: Json) -> Toleration:
    """A toleration as it stands in a pod."""
    return Toleration(
        raw.get("key") or "",
        raw.get("operator") or "Equal",
        raw.get("value") or "",
        raw.get("effect") or "",
    )
