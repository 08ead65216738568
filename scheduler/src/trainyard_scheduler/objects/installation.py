"""What the administrator configured, as far as scheduling needs it.

Operator and gateway build it from their settings.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from pydantic import AliasGenerator, BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

from trainyard_api import names
from trainyard_scheduler.facts import Policy, Runtime
from trainyard_scheduler.objects.nodes import parse_toleration


class RuntimePlacement(BaseModel):
    """The part of a runtime's settings that says which nodes its pods may use."""

    model_config = ConfigDict(
        alias_generator=AliasGenerator(alias=to_camel),
        populate_by_name=True,
        frozen=True,
        extra="ignore",
        use_attribute_docstrings=True,
    )

    gpu_resource_name: str = names.GPU_RESOURCE
    """Extended resource by which nodes offer this runtime's GPUs."""
    node_selector: dict[str, str] = {}
    """Labels that nodes must have."""
    tolerations: tuple[dict[str, Any], ...] = ()
    """Taints that its pods accept, as in a pod."""


@dataclass(frozen=True, slots=True)
class InstallationConfig:
    """The runtimes of one installation and its scheduling policy."""

    runtimes: Mapping[str, Runtime]
    gpu_resources: tuple[str, ...] = (names.GPU_RESOURCE,)
    """GPU resource names, in the order of the GPU positions of resource vectors."""
    policy: Policy = field(default=Policy())

    @classmethod
    def of(cls, runtimes: Mapping[str, RuntimePlacement], policy: Policy) -> Self:
        """From the settings of each runtime.

        Raises AttributeError for a toleration that is no mapping.
        """
        resources = tuple(dict.fromkeys(r.gpu_resource_name for r in runtimes.values()))
        return cls(
            runtimes={
                name: Runtime(
                    name=name,
                    gpu_kind=resources.index(r.gpu_resource_name),
                    node_selector=frozenset(r.node_selector.items()),
                    tolerations=tuple(parse_toleration(t) for t in r.tolerations),
                )
                for name, r in runtimes.items()
            },
            gpu_resources=resources,
            policy=policy,
        )
