"""What the administrator configured, as the operator's core needs it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from trainyard_api import contract, names
from trainyard_scheduler.objects.installation import InstallationConfig


@dataclass(frozen=True, slots=True)
class PodConfig:
    """How the pods of one runtime look."""

    image: str
    gpu_resource: str = names.GPU_RESOURCE
    node_selector: Mapping[str, str] = field(default_factory=dict)
    tolerations: tuple[Mapping[str, Any], ...] = ()
    runtime_class: str | None = None
    image_pull_policy: str = "IfNotPresent"
    image_pull_secrets: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    """Program of sessions without `command`; empty means the built-in trainer."""
    env: Mapping[str, str] = field(default_factory=dict)
    """Environment variables of its programs; those of the session come over them."""
    annotations: Mapping[str, str] = field(default_factory=dict)
    """Annotations of its pods."""
    labels: Mapping[str, str] = field(default_factory=dict)
    """Labels of its pods, beside Trainyard's."""
    priority_class: str | None = None
    """PriorityClass of its pods; None means the cluster's default."""
    egress: bool = False
    """Whether its pods may reach the internet."""
    resources: Mapping[str, str] = field(default_factory=dict)
    """Further extended resources of each worker, such as network cards."""


@dataclass(frozen=True, slots=True)
class EnvironmentConfig:
    """How the packages of sessions are installed."""

    index_url: str = ""
    """Index of packages; empty is the usual one."""
    ca_config_map: str = ""
    """ConfigMap with the certificates of the index's authorities; empty without one."""
    ca_secret: str = ""
    """The same in a Secret; at most one of the two is named."""
    ca_key: str = "ca.crt"
    """Key of the certificates in it."""
    credentials_secret: str = ""
    """Secret with `username` and `password` for the index; empty without one."""
    max_bytes: int = 20 * 2**30
    """Most bytes of all installed packages on the volume."""
    max_builders: int = 4
    """Most installations at once."""
    env: Mapping[str, str] = field(default_factory=dict)
    """Environment variables of an installation, such as HTTPS_PROXY."""
    requests: Mapping[str, str] = field(default_factory=dict)
    limits: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RunAs:
    """Users and groups of pods; the cluster assigns those that are None."""

    user: int | None = contract.POD_USER
    group: int | None = contract.POD_USER
    fs_group: int | None = contract.POD_USER
    """Group of the files on volumes."""


@dataclass(frozen=True, slots=True)
class OperatorConfig:
    """One installation, with what the operator creates and how long it waits."""

    namespace: str
    gateway_url: str
    data_claim: str
    """PersistentVolumeClaim of datasets and run folders."""
    trainer_service_account: str
    supervisor_image: str
    """Image that holds the supervisor: the operator's own."""
    pods: Mapping[str, PodConfig]
    """By runtime."""
    installation: InstallationConfig
    start_timeout_seconds: float = 120.0
    """How long a pod may wait for its node, sandbox or image before the attempt is ended."""
    environments: EnvironmentConfig = field(default=EnvironmentConfig())
    caches: bool = True
    """Whether caches of programs are kept on the volume, by user."""
    scratch: str = "1Gi"
    """Default of resources.scratch."""
    run_as: RunAs = field(default=RunAs())
    """Users and groups of the pods that it creates."""
    retention_seconds: int | None = None
    """Default of ttlSecondsAfterFinished; None keeps finished sessions."""
