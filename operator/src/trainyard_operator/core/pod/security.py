"""What a pod may do: Pod Security `restricted`, with a read-only root."""

from __future__ import annotations

from typing import Any

from trainyard_operator.core.config import RunAs

Manifest = dict[str, Any]


def of_pod(run_as: RunAs) -> Manifest:
    """The security context of a pod."""
    chosen = {
        "runAsUser": run_as.user,
        "runAsGroup": run_as.group,
        "fsGroup": run_as.fs_group,
    }
    return {
        "runAsNonRoot": True,
        **{name: number for name, number in chosen.items() if number is not None},
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
