"""The token by which a pod reports to the gateway; it is worth nothing anywhere else."""

from __future__ import annotations

from typing import Any, Final

from trainyard_api import contract

Manifest = dict[str, Any]

_VOLUME: Final = "token"


def volume() -> Manifest:
    """The volume with the token."""
    token = {
        "audience": contract.TOKEN_AUDIENCE,
        "expirationSeconds": contract.TOKEN_SECONDS,
        "path": contract.TOKEN_FILE.rpartition("/")[2],
    }
    return {"name": _VOLUME, "projected": {"sources": [{"serviceAccountToken": token}]}}


def mount() -> Manifest:
    """Where a container finds it."""
    return {"name": _VOLUME, "mountPath": contract.TOKEN_DIR, "readOnly": True}
