"""Resource vectors as plain integer tuples.

A vector is `(pods, CPU in millicores, memory in bytes, GPUs of kind 0, GPUs of kind 1, …)`. `PODS`,
`CPU`, `MEMORY` and `FIRST_GPU` are the positions. They are tuples because a scheduling cycle adds
and compares hundreds of thousands.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from trainyard_api.quantity import millicores, whole

ResourceVector = tuple[int, ...]

PODS: Final = 0
CPU: Final = 1
MEMORY: Final = 2
FIRST_GPU: Final = 3


def resource_vector(
    resources: Mapping[str, Any], gpu_resources: Sequence[str], pods: int = 0
) -> ResourceVector:
    """The vector of a Kubernetes resource list such as `{"cpu": "2", "nvidia.com/gpu": "1"}`.

    `gpu_resources` are the GPU resource names in the order of the vector. Raises ValueError for a
    quantity that is none.
    """
    return (
        pods,
        millicores(str(resources.get("cpu", 0))),
        whole(str(resources.get("memory", 0))),
        *(whole(str(resources.get(name, 0))) for name in gpu_resources),
    )


def plus(a: ResourceVector, b: ResourceVector) -> ResourceVector:
    """The sum in each resource. Raises ValueError for vectors of different lengths."""
    return tuple([x + y for x, y in zip(a, b, strict=True)])


def minus(a: ResourceVector, b: ResourceVector) -> ResourceVector:
    """a − b. Elements are negative where a node is overcommitted."""
    return tuple([x - y for x, y in zip(a, b, strict=True)])


def scaled(a: ResourceVector, factor: int) -> ResourceVector:
    """Each resource times `factor`, such as the number of workers."""
    return tuple([x * factor for x in a])


def maximum(a: ResourceVector, b: ResourceVector) -> ResourceVector:
    """The larger of both in each resource."""
    return tuple([max(x, y) for x, y in zip(a, b, strict=True)])


def minimum(a: ResourceVector, b: ResourceVector) -> ResourceVector:
    """The smaller of both in each resource."""
    return tuple([min(x, y) for x, y in zip(a, b, strict=True)])


def copies(free: ResourceVector, one: ResourceVector) -> int:
    """How many times `one` fits into `free`.

    A resource of which `one` needs nothing does not count, even where the node is overcommitted.
    """
    return max(0, min([f // d for f, d in zip(free, one, strict=True) if d > 0], default=0))


def gpus(a: ResourceVector) -> int:
    """GPUs of every kind together."""
    return sum(a[FIRST_GPU:])
