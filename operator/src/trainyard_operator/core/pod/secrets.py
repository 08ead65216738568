"""The Secrets of a session: variables of its program, and what the supervisor masks.

The operator knows their names alone. The supervisor reads the values from files: among the
variables it could not tell them from others.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from trainyard_api import contract

Manifest = dict[str, Any]


def variables(secrets: Sequence[str]) -> list[Manifest]:
    """The container's `envFrom`: each key becomes a variable."""
    return [{"secretRef": {"name": name}} for name in secrets]


def mounts(secrets: Sequence[str]) -> list[Manifest]:
    """Where the container finds their files."""
    return [
        {"name": volume, "mountPath": f"{contract.SECRETS_DIR}/{name}", "readOnly": True}
        for volume, name in _named(secrets)
    ]


def volumes(secrets: Sequence[str]) -> list[Manifest]:
    """The volumes.

    Optional, so that the kubelet says that a Secret is missing when it makes the variables: a
    volume would be waited for without a word.
    """
    return [
        {"name": volume, "secret": {"secretName": name, "optional": True, "defaultMode": 0o440}}
        for volume, name in _named(secrets)
    ]


def _named(secrets: Sequence[str]) -> list[tuple[str, str]]:
    """Each Secret with the name of its volume: theirs may be too long for one."""
    return [(f"secret-{number}", name) for number, name in enumerate(secrets)]
