"""What each worker of a session may use."""

from __future__ import annotations

from pydantic import Field

from trainyard_api.model import ClosedModel
from trainyard_api.quantity import CpuQuantity, MemoryQuantity, SpaceQuantity, same_cel


class Resources(ClosedModel):
    """Resources of each worker. Requests equal limits, so that no worker starves another."""

    gpus: int = Field(default=1, ge=0, le=64)
    """Whole GPUs per worker; 0 trains on the CPU."""
    cpu: CpuQuantity = "1"
    """CPU cores per worker, such as 2, 500m or '1.5'."""
    memory: MemoryQuantity = "2Gi"
    """Memory per worker, such as 4Gi or 1.5Gi; at least 16Mi."""
    shared_memory: SpaceQuantity | None = None
    """Size of /dev/shm per worker; counts towards memory. Default: half of memory."""
    scratch: SpaceQuantity | None = None
    """Space for temporary files and caches per worker, on the node's disk at /tmp. Default and maximum are the administrator's."""


SAME_CEL = " && ".join(
    (
        "self.gpus == oldSelf.gpus",
        same_cel("cpu", optional=False),
        same_cel("memory", optional=False),
        f"({same_cel('sharedMemory', optional=True)})",
        f"({same_cel('scratch', optional=True)})",
    )
)
"""Whether the API server finds the same resources as before, whichever way they are written."""
