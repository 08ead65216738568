"""Space that a worker may write to outside the data volume: /tmp and /dev/shm."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Any, Final

from trainyard_api.quantity import LARGEST_AMOUNT, whole
from trainyard_api.session.resources import Resources

Manifest = dict[str, Any]

TEMPORARY_DIR: Final = str(PurePosixPath("/", "tmp"))
"""Where programs look for scratch space: an emptyDir."""
SHARED_MEMORY_DIR: Final = str(PurePosixPath("/", "dev", "shm"))
DISK_REQUEST: Final = "64Mi"
_LOGS: Final = 256 * 2**20
"""Bytes for logs on the node's disk, beside the scratch space."""
_MEBIBYTE: Final = 2**20


def scratch(resources: Resources, default: str) -> str:
    """Most that a worker may write to /tmp; `default` is the administrator's."""
    return resources.scratch or default


def disk_limit(resources: Resources, default: str) -> str:
    """Scratch space and logs. A worker that writes more is evicted before it fills the node."""
    return _text(min(LARGEST_AMOUNT, whole(scratch(resources, default)) + _LOGS))


def shared_memory(resources: Resources) -> str:
    """Size of /dev/shm: half of the memory unless the session asks otherwise."""
    return resources.shared_memory or _text(max(1, whole(resources.memory) // 2))


def volumes(resources: Resources, default_scratch: str) -> list[Manifest]:
    """The volumes `tmp` and `shm`."""
    memory = {"medium": "Memory", "sizeLimit": shared_memory(resources)}
    return [
        {"name": "tmp", "emptyDir": {"sizeLimit": scratch(resources, default_scratch)}},
        {"name": "shm", "emptyDir": memory},
    ]


def mounts() -> list[Manifest]:
    """Where the container finds them."""
    return [
        {"name": "tmp", "mountPath": TEMPORARY_DIR},
        {"name": "shm", "mountPath": SHARED_MEMORY_DIR},
    ]


def _text(size: int) -> str:
    """Bytes as a quantity."""
    return f"{size // _MEBIBYTE}Mi" if size % _MEBIBYTE == 0 else str(size)
