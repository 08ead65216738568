"""What each worker of a session may use."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, Field, WithJsonSchema

from trainyard_api.model import ClosedModel

CPU_PATTERN = r"^([1-9][0-9]{0,6}m|[0-9]{1,4}(\.[0-9]{1,3})?)$"
MEMORY_PATTERN = r"^[1-9][0-9]{0,14}(Ki|Mi|Gi|Ti|k|M|G|T)?$"


def _quantity(pattern: str) -> tuple[Any, ...]:
    schema = {
        "anyOf": [{"type": "integer"}, {"type": "string"}],
        "pattern": pattern,
        "x-kubernetes-int-or-string": True,
    }
    to_text = BeforeValidator(lambda v: str(v) if isinstance(v, (int, float)) else v)
    return (to_text, Field(pattern=pattern), WithJsonSchema(schema))


_CPU_CHECK, _CPU_FIELD, _CPU_SCHEMA = _quantity(CPU_PATTERN)
_MEMORY_CHECK, _MEMORY_FIELD, _MEMORY_SCHEMA = _quantity(MEMORY_PATTERN)
CpuQuantity = Annotated[str, _CPU_CHECK, _CPU_FIELD, _CPU_SCHEMA]
MemoryQuantity = Annotated[str, _MEMORY_CHECK, _MEMORY_FIELD, _MEMORY_SCHEMA]


class Resources(ClosedModel):
    """Resources of each worker. Requests equal limits, so that no worker starves another."""

    gpus: int = Field(default=1, ge=0, le=64)
    """Whole GPUs per worker; 0 trains on the CPU."""
    cpu: CpuQuantity = "1"
    """CPU cores per worker, such as 2 or 500m."""
    memory: MemoryQuantity = "2Gi"
    """Memory per worker, such as 4Gi."""
    shared_memory: MemoryQuantity | None = None
    """Size of /dev/shm per worker; counts towards memory. Default: half of memory."""
    scratch: MemoryQuantity | None = None
    """Space for temporary files and caches per worker, on the node's disk at /tmp. Default and maximum are the administrator's."""
