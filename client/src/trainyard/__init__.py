"""Trainyard for Python: a client of the gateway, and reporting from training code.

Names are imported at first use, so that `import trainyard` in a training script is cheap.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from trainyard.client import AsyncClient, Client
    from trainyard.reporting import checkpoint, finish, init, log, log_artifact, log_model

_HOMES = {
    "AsyncClient": "trainyard.client",
    "Client": "trainyard.client",
    "checkpoint": "trainyard.reporting",
    "finish": "trainyard.reporting",
    "init": "trainyard.reporting",
    "log": "trainyard.reporting",
    "log_artifact": "trainyard.reporting",
    "log_model": "trainyard.reporting",
}

__all__ = [
    "AsyncClient",
    "Client",
    "checkpoint",
    "finish",
    "init",
    "log",
    "log_artifact",
    "log_model",
]


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'trainyard' has no attribute {name!r}")
    return getattr(import_module(home), name)
