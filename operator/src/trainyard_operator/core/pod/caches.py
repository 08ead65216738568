"""Where programs find their caches: on the volume, one folder for each user, or in scratch space.

Sessions of one user share it, and no other session sees it. The supervisor takes scratch space
instead where the folder cannot be used.
"""

from __future__ import annotations

from typing import Any, Final

from trainyard_api import contract, names

Manifest = dict[str, Any]

_BELOW: Final = {
    "XDG_CACHE_HOME": "",
    "HF_HOME": "/huggingface",
    "TORCH_HOME": "/torch",
    "TRITON_CACHE_DIR": "/triton",
    "MPLCONFIGDIR": "/matplotlib",
}


def variables(user: str, *, on_volume: bool) -> dict[str, str]:
    """The variables that name caches; of sessions without a user they are in scratch space."""
    kept = on_volume and bool(user)
    place = contract.CACHE_DIR if kept else contract.SCRATCH_CACHE_DIR
    return {name: f"{place}{below}" for name, below in _BELOW.items()}


def mounts(user: str, *, on_volume: bool) -> list[Manifest]:
    """Where the container finds them."""
    if not user or not on_volume:
        return []
    path = f"cache/{names.cache_folder(user)}"
    return [{"name": "data", "mountPath": contract.CACHE_DIR, "subPath": path}]
