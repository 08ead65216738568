"""Which client wrote a field of an object of the cluster. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from trainyard_kube import Json

_ROOTS: Final = {
    "spec": ("f:spec",),
    "labels": ("f:metadata", "f:labels"),
    "annotations": ("f:metadata", "f:annotations"),
    "finalizers": ("f:metadata", "f:finalizers"),
    "ownerReferences": ("f:metadata", "f:ownerReferences"),
}


class Entry(NamedTuple):
    """What one client owns of an object."""

    manager: str
    """The name that it gave of itself."""
    operation: str
    time: str
    """When it last changed a value that it owns, in whole seconds (RFC 3339)."""
    fields: Mapping[str, Any]


def entries_of(metadata: Json) -> list[Entry]:
    """The entries of an object's `managedFields`, without those of subresources."""
    return [
        Entry(
            str(entry.get("manager", "")),
            str(entry.get("operation", "")),
            str(entry.get("time", "")),
            entry.get("fieldsV1") or {},
        )
        for entry in metadata.get("managedFields") or []
        if not entry.get("subresource")
    ]


def maker_of(entries: Sequence[Entry]) -> str:
    """Who made an object: the owner of the whole spec, else who wrote first; empty of no entries.

    The time of an entry is that of its client's last change.
    """
    whole = [entry for entry in entries if "." in (entry.fields.get("f:spec") or {})]
    return min(whole or entries, key=lambda entry: entry.time).manager if entries else ""


def manager_of(path: str, entries: Sequence[Entry], before: Mapping[str, str]) -> str:
    """Who changed the field `path`: its owner, or of a removed one who wrote since then.

    `before`: when each client had written last; see `SeenState`. Empty if nothing says it, as
    where a client removed a field that was another's.
    """
    owners = [entry for entry in entries if _owns(entry.fields, path)]
    if owners:
        return max(owners, key=lambda entry: entry.time).manager
    wrote = [e for e in entries if before.get(f"{e.manager}/{e.operation}") != e.time]
    return max(wrote, key=lambda entry: entry.time).manager if wrote else ""


def _owns(fields: Mapping[str, Any], path: str) -> bool:
    root, _, rest = path.partition(".")
    node: Any = fields
    for step in _ROOTS[root]:
        node = node.get(step)
        if node is None:
            return False
    if root not in ("spec",):
        return not rest or f"f:{rest}" in node
    for name in rest.split("."):
        if not node:
            return True  # It owns the whole of an atomic field.
        node = node.get(f"f:{name}")
        if node is None:
            return False
    return True
