"""The operator's settings: YAML file < environment (`TRAINYARD_OPERATOR_*`) < arguments.

Frozen, built once.
"""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    AliasGenerator,
    BaseModel,
    ConfigDict,
    Field,
    PositiveInt,
    field_validator,
    model_validator,
)
from pydantic.alias_generators import to_camel
from pydantic_settings import BaseSettings, SettingsConfigDict

from trainyard_api import contract, environment, names, settings_file
from trainyard_api.quantity import SpaceQuantity
from trainyard_api.queue import TrainingQueueSpec
from trainyard_api.settings_file import InvalidSettingsError
from trainyard_operator.core.config import (
    EnvironmentConfig,
    OperatorConfig,
    PodConfig,
    RunAs,
)
from trainyard_operator.errors import SettingsError
from trainyard_scheduler.facts import Policy
from trainyard_scheduler.objects.installation import InstallationConfig, RuntimePlacement

VariableName = Annotated[
    str,
    Field(max_length=environment.LONGEST_NAME, pattern=environment.NAME_PATTERN),
    AfterValidator(environment.not_reserved),
]
VariableValue = Annotated[
    str, Field(max_length=environment.LONGEST_VALUE, pattern=environment.VALUE_PATTERN)
]

_OWNED_LABELS = (names.GROUP, "app.kubernetes.io", "batch.kubernetes.io")


def _free_label(name: str) -> str:
    prefix = name.partition("/")[0] if "/" in name else ""
    for domain in _OWNED_LABELS:
        if prefix == domain or prefix.endswith(f".{domain}"):
            raise ValueError(f"labels of {domain} say what a pod is; choose another name")
    return name


LabelName = Annotated[
    str,
    Field(max_length=317, pattern=r"^[A-Za-z0-9][-A-Za-z0-9_./]*$"),
    AfterValidator(_free_label),
]
LabelValue = Annotated[
    str, Field(max_length=63, pattern=r"^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$")
]
ExtendedResource = Annotated[str, Field(max_length=317, pattern=r"^[a-z0-9.-]+/[A-Za-z0-9._-]+$")]
"""Kubernetes' own resources, such as cpu, have no slash: sessions ask for those themselves."""


class ResourceSettings(BaseModel):
    """What the pod of an installation asks for, as in a container."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    requests: dict[str, str] = {}
    """Quantities by resource."""
    limits: dict[str, str] = {}
    """Quantities by resource."""


class EnvironmentSettings(BaseModel):
    """How the packages of sessions (`spec.packages`) are installed."""

    model_config = ConfigDict(
        alias_generator=AliasGenerator(alias=to_camel),
        populate_by_name=True,
        frozen=True,
        extra="forbid",
        use_attribute_docstrings=True,
    )

    index_url: str = Field(default="", max_length=2048, pattern=r"^(https?://[^@\s]+)?$")
    """Index of packages (simple API), without credentials. Default: that of uv."""
    ca_config_map: str = ""
    """ConfigMap with the certificates of the index's authorities. Default: the usual ones."""
    ca_secret: str = ""
    """The same in a Secret, instead of a ConfigMap."""
    ca_key: str = Field(default="ca.crt", max_length=253, pattern=r"^[-._a-zA-Z0-9]+$")
    """Key of the certificates in it."""
    credentials_secret: str = ""
    """Secret with `username` and `password` for the index. Default: none."""
    max_bytes: int = Field(default=20 * 2**30, ge=2**20)
    """Most bytes of all installed packages on the volume; the least recently used go first."""
    max_builders: int = Field(default=4, ge=1, le=1000)
    """Most installations at once."""
    resources: ResourceSettings = ResourceSettings()
    """What the pod of an installation asks for, as in a container; never a GPU."""
    env: dict[VariableName, VariableValue] = {}
    """Environment variables of an installation, such as HTTPS_PROXY."""

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if self.ca_config_map and self.ca_secret:
            raise ValueError("caConfigMap and caSecret both name certificates: leave one out")
        return self

    @field_validator("resources")
    @classmethod
    def _no_gpu(cls, given: ResourceSettings) -> ResourceSettings:
        asked = {*given.requests, *given.limits}
        if extra := sorted(asked - {"cpu", "memory", "ephemeral-storage"}):
            raise ValueError(f"{extra[0]}: accepted are cpu, memory and ephemeral-storage")
        return given


class RuntimeSettings(RuntimePlacement):
    """An entry of the list of runtimes."""

    model_config = ConfigDict(extra="forbid")

    image: str = Field(min_length=1)
    """Image of trainer pods."""
    runtime_class_name: str | None = None
    """RuntimeClass of its pods. Default: the cluster's."""
    image_pull_policy: Literal["IfNotPresent", "Always", "Never"] = "IfNotPresent"
    """When the kubelet pulls the image."""
    image_pull_secrets: tuple[str, ...] = ()
    """Names of Secrets with registry credentials."""
    command: tuple[str, ...] = ()
    """Program of sessions without `command`. Default: `python3 -m trainyard_trainer`."""
    env: dict[VariableName, VariableValue] = {}
    """Environment variables of its programs. A session's `env` comes over them."""
    annotations: dict[str, str] = {}
    """Annotations of its pods."""
    labels: dict[LabelName, LabelValue] = {}
    """Labels of its pods, beside Trainyard's."""
    priority_class_name: str | None = None
    """PriorityClass of its pods. Default: the cluster's."""
    egress: Literal["none", "internet"] = "none"
    """What its pods may reach beside the gateway and each other: none, or the internet."""
    resources: dict[ExtendedResource, PositiveInt] = {}
    """Further extended resources of each worker, such as `rdma/hca: 1`.

    Only kube-scheduler counts them, not the queue.
    """


class RunAsSettings(BaseModel):
    """Users and groups of the pods of sessions."""

    model_config = ConfigDict(
        alias_generator=AliasGenerator(alias=to_camel),
        populate_by_name=True,
        frozen=True,
        extra="forbid",
        use_attribute_docstrings=True,
    )

    user: int | None = Field(default=contract.POD_USER, ge=1)
    """User ID; null lets the cluster assign it."""
    group: int | None = Field(default=contract.POD_USER, ge=1)
    """Group ID; null lets the cluster assign it."""
    fs_group: int | None = Field(default=contract.POD_USER, ge=1)
    """Group of the files on volumes; null lets the cluster assign it."""


class FirstKey(BaseModel):
    """The Secret with the key of the first administrator."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    secret: str = Field(min_length=1, max_length=253)
    """Name of the Secret."""
    key: str = Field(default="api-key", min_length=1, max_length=253)
    """Key within it."""


class Settings(BaseSettings):
    """Everything that can be set."""

    # No aliases: pydantic-settings reads an alias from the environment without the prefix, so that
    # anybody's RELEASE would count.
    model_config = SettingsConfigDict(
        env_prefix="TRAINYARD_OPERATOR_",
        env_nested_delimiter="__",
        frozen=True,
        extra="forbid",
        use_attribute_docstrings=True,
    )

    namespace: str = Field(min_length=1)
    """Namespace of sessions, queues and Jobs."""
    release: str = "trainyard"
    """Name of the installation; the Leases are `<release>-operator` and `<release>-gateway`."""
    gateway_url: str = Field(min_length=1)
    """Gateway, as trainer pods reach it."""
    data_claim: str = Field(min_length=1)
    """PersistentVolumeClaim of datasets and runs."""
    trainer_service_account: str = Field(min_length=1)
    """ServiceAccount of trainer pods; needs no rights."""
    supervisor_image: str = Field(min_length=1)
    """Image whose supervisor starts the programs of sessions: the operator's own."""
    runtimes: dict[str, RuntimeSettings]
    """Runtimes by name; `default` must be there."""
    health_port: int = Field(default=8080, ge=0, le=65_535)
    """/healthz and /readyz."""
    metrics_port: int = Field(default=9090, ge=0, le=65_535)
    """/metrics."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """Least level that is logged."""
    identity: str = Field(default_factory=socket.gethostname, min_length=1)
    """Who holds the Lease: the pod's name. A restarted container of the same pod continues at once.
    """
    ageing_seconds: float = Field(default=300, gt=0)
    """Waiting this long raises a session's rank by one priority point."""
    minimum_run_seconds: float = Field(default=300, ge=0)
    """A session is not preempted before it has run this long."""
    start_timeout_seconds: float = Field(default=120, gt=0)
    """How long a pod may wait for its node, sandbox or image before the attempt is ended."""
    scratch: SpaceQuantity = "1Gi"
    """Space for temporary files of a session that asks for none (resources.scratch)."""
    caches: bool = True
    """Whether caches of programs (`HF_HOME` and the like) are kept on the volume, by user."""
    environments: EnvironmentSettings = EnvironmentSettings()
    """How the packages of sessions are installed."""
    retention_seconds: int | None = Field(default=None, ge=0, le=31_536_000)
    """Finished sessions without ttlSecondsAfterFinished are deleted after this time. Default: kept.
    """
    run_as: RunAsSettings = RunAsSettings()
    """Users and groups of the pods of sessions."""
    default_queue: TrainingQueueSpec | None = None
    """Spec with which the queue `default` is created while there is none. Default: not created.
    """
    first_key: FirstKey | None = None
    """Secret that is created with a random key while there is none. Default: not created."""
    lease_seconds: float = Field(default=15, ge=3)
    """A new operator waits this long for one that vanished without giving its Lease back."""

    def config(self) -> OperatorConfig:
        """The part that decisions need."""
        policy = Policy(
            ageing_seconds=self.ageing_seconds, minimum_run_seconds=self.minimum_run_seconds
        )
        return OperatorConfig(
            namespace=self.namespace,
            gateway_url=self.gateway_url,
            data_claim=self.data_claim,
            trainer_service_account=self.trainer_service_account,
            supervisor_image=self.supervisor_image,
            pods={name: _pod_config(runtime) for name, runtime in self.runtimes.items()},
            installation=InstallationConfig.of(self.runtimes, policy),
            start_timeout_seconds=self.start_timeout_seconds,
            environments=_environment_config(self.environments),
            scratch=self.scratch,
            caches=self.caches,
            run_as=RunAs(self.run_as.user, self.run_as.group, self.run_as.fs_group),
            retention_seconds=self.retention_seconds,
        )


def _environment_config(given: EnvironmentSettings) -> EnvironmentConfig:
    return EnvironmentConfig(
        index_url=given.index_url,
        ca_config_map=given.ca_config_map,
        ca_secret=given.ca_secret,
        ca_key=given.ca_key,
        credentials_secret=given.credentials_secret,
        max_bytes=given.max_bytes,
        max_builders=given.max_builders,
        requests=given.resources.requests,
        limits=given.resources.limits,
        env=given.env,
    )


def _pod_config(runtime: RuntimeSettings) -> PodConfig:
    return PodConfig(
        image=runtime.image,
        gpu_resource=runtime.gpu_resource_name,
        node_selector=runtime.node_selector,
        tolerations=runtime.tolerations,
        runtime_class=runtime.runtime_class_name,
        image_pull_policy=runtime.image_pull_policy,
        image_pull_secrets=runtime.image_pull_secrets,
        command=runtime.command,
        env=runtime.env,
        annotations=runtime.annotations,
        labels=runtime.labels,
        priority_class=runtime.priority_class_name,
        egress=runtime.egress == "internet",
        resources={name: str(amount) for name, amount in runtime.resources.items()},
    )


def load(file: Path | None) -> Settings:
    """Settings from a YAML file and the environment.

    Raises SettingsError with every wrong setting.
    """
    try:
        settings = settings_file.load(Settings, file, {})
    except InvalidSettingsError as error:
        raise SettingsError(str(error)) from None
    if names.DEFAULT_RUNTIME not in settings.runtimes:
        raise SettingsError(f"runtimes: an entry {names.DEFAULT_RUNTIME!r} is needed")
    return settings
