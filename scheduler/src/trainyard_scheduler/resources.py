"""Resource vectors as plain integer tuples, and Kubernetes quantities.

A vector is `(pods, CPU in millicores, memory in bytes, GPUs of kind 0, GPUs of kind 1, …)`. `PODS`,
`CPU`, `MEMORY` and `FIRST_GPU` are the positions. They are tuples because a scheduling cycle adds
and compares hundreds of thousands.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from decimal import ROUND_CEILING, Decimal
from functools import lru_cache
from typing import Any, Final

ResourceVector = tuple[int, ...]

PODS: Final = 0
CPU: Final = 1
MEMORY: Final = 2
FIRST_GPU: Final = 3

LARGEST_AMOUNT: Final = 2**63 - 1
"""Kubernetes itself holds no larger quantity."""
_QUANTITY: Final = re.compile(
    r"(?P<number>[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+))"
    r"(?:(?P<suffix>[KMGTPE]i|[numkMGTPE])|[eE](?P<power>[+-]?[0-9]{1,3}))?"
)
_LONGEST_QUANTITY: Final = 64
_FACTORS: Final = {
    "n": Decimal("1e-9"),
    "u": Decimal("1e-6"),
    "m": Decimal("1e-3"),
    "": Decimal(1),
    "k": Decimal("1e3"),
    "M": Decimal("1e6"),
    "G": Decimal("1e9"),
    "T": Decimal("1e12"),
    "P": Decimal("1e15"),
    "E": Decimal("1e18"),
    "Ki": Decimal(2**10),
    "Mi": Decimal(2**20),
    "Gi": Decimal(2**30),
    "Ti": Decimal(2**40),
    "Pi": Decimal(2**50),
    "Ei": Decimal(2**60),
}


@lru_cache(maxsize=4096)
def quantity(text: str) -> Decimal:
    """The value of a Kubernetes quantity such as `500m`, `1.5Gi` or `1e3`.

    Raises ValueError for anything else.
    """
    found = _QUANTITY.fullmatch(text) if len(text) <= _LONGEST_QUANTITY else None
    if found is None:
        shown = text[:_LONGEST_QUANTITY]
        raise ValueError(f"{shown!r} is not a quantity such as 500m, 2 or 4Gi")
    number = Decimal(found["number"])
    if found["power"]:
        return number * Decimal(f"1e{found['power']}")
    return number * _FACTORS[found["suffix"] or ""]


@lru_cache(maxsize=4096)
def millicores(text: str) -> int:
    """A CPU quantity in millicores, rounded up, from 0 to 2^63 − 1. Raises ValueError."""
    return _amount(quantity(text) * 1000)


@lru_cache(maxsize=4096)
def whole(text: str) -> int:
    """A quantity of bytes or devices, rounded up, from 0 to 2^63 − 1. Raises ValueError."""
    return _amount(quantity(text))


def _amount(value: Decimal) -> int:
    """What is below 0 or above the bound counts as the bound, as in Kubernetes."""
    bounded = min(max(value, Decimal(0)), Decimal(LARGEST_AMOUNT))
    return int(bounded.to_integral_value(rounding=ROUND_CEILING))


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
