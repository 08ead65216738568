"""What a pod may do: Pod Security `restricted`, with a read-only root."""

from __future__ import annotations

from typing import Any

from trainyard_api import contract

Manifest = dict[str, Any]


def of_pod() -> Manifest:
    """The security context of a pod."""
    return {
        "runAsNonRoot": True,
        "runAsUser": contract.POD_USER,
        "runAsGroup": contract.POD_USER,
        "fsGroup": contract.POD_USER,
        # Otherwise the kubelet visits every file of the volume at every start.
        "fsGroupChangePolicy": "OnRootMismatch",
        "seccompProfile": {"type": "RuntimeDefault"},
    }


def of_container() -> Manifest:
    """The security context of a container."""
    return {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
