"""What the administrator configured, as the core sees it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from trainyard_api import names
from trainyard_scheduler.facts import Policy, Runtime


@dataclass(frozen=True, slots=True)
class RuntimeEntry:
    """An entry of the list of runtimes."""

    image: str
    gpu_resource: str = names.GPU_RESOURCE
    node_selector: Mapping[str, str] = field(default_factory=dict)
    tolerations: tuple[Mapping[str, Any], ...] = ()
    runtime_class: str | None = None
    image_pull_policy: str = "IfNotPresent"
    image_pull_secrets: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class InstallationConfig:
    """One installation."""

    namespace: str
    release: str
    gateway_url: str
    data_claim: str
    trainer_service_account: str
    entries: Mapping[str, RuntimeEntry]
    """How pods of each runtime look."""
    runtimes: Mapping[str, Runtime]
    """Where pods of each runtime may run."""
    gpu_kinds: tuple[str, ...] = (names.GPU_RESOURCE,)
    """GPU resource names; their order is that of amounts."""
    policy: Policy = field(default=Policy())
    start_timeout_seconds: float = 120.0
    """How long kube-scheduler may fail to place a pod before the attempt counts as Unschedulable."""
    retention_seconds: int | None = None
    """Finished sessions that do not say so themselves are removed after this time; None keeps them."""
