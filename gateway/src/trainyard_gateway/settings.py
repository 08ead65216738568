"""The gateway's settings: YAML file < environment (`TRAINYARD_GATEWAY_*`) < arguments.

Frozen, built once.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    BeforeValidator,
    Field,
    SecretStr,
    field_validator,
)
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from trainyard_api import contract, names, settings_file
from trainyard_api.settings_file import InvalidSettingsError
from trainyard_gateway.errors import SettingsError
from trainyard_gateway.sso_settings import SsoSettings
from trainyard_gateway.store.logs.limit import DEFAULT_MAX_BYTES
from trainyard_scheduler.facts import Policy
from trainyard_scheduler.objects.installation import InstallationConfig, RuntimePlacement

MINIMUM_KEY_LENGTH = 20
"""Shorter keys can be guessed; the chart makes 46 characters."""
PREFIX = "TRAINYARD_GATEWAY_"


def _words(given: Any) -> Any:
    """`a,b` or a list."""
    if isinstance(given, str):
        return tuple(word.strip() for word in given.split(",") if word.strip())
    return given


class Settings(BaseSettings):
    """Everything that can be set. In files the names are camelCase."""

    # No aliases: pydantic-settings reads them from the environment without the prefix, and there
    # PORT and HOST mean other things.
    model_config = SettingsConfigDict(
        env_prefix=PREFIX, frozen=True, extra="forbid", use_attribute_docstrings=True
    )

    namespace: str = Field(min_length=1, max_length=63)
    """Namespace of sessions."""
    release: str = Field(default="trainyard", min_length=1, max_length=53)
    """Name of the installation; the gateway renews the Lease `<release>-gateway`."""
    host: str = Field(default="127.0.0.1", min_length=1)
    """Address to listen on."""
    port: int = Field(default=8080, ge=0, le=65_535)
    """Port of the API."""
    metrics_port: int | None = Field(default=None, ge=0, le=65_535)
    """Port of /metrics; None serves none."""
    data_dir: Path = Path("/data")
    """Datasets, models, runs, and the database unless `databaseUrl` says otherwise."""
    database_dir: Path | None = None
    """Folder of SQLite's database, on a volume that no run can fill. Default: `db` below dataDir; a
    database that is there moves here when the gateway starts."""
    database_url: str | None = None
    """sqlite:///path or postgresql://user@host/name. Default: SQLite below dataDir."""
    database_password_file: Path | None = None
    """File with the password of the PostgreSQL user; a URL shows up in process lists and logs."""
    api_key_file: Path | None = None
    """File with the administrator's key."""
    api_key: SecretStr | None = None
    """The administrator's key itself; a file is safer."""
    cors_origins: Annotated[tuple[str, ...], NoDecode, BeforeValidator(_words)] = ()
    """Origins of browsers that may call the API; in the environment separated by commas."""
    sso: SsoSettings | None = None
    """Single sign-on by an OpenID provider; None: keys only."""
    notices_enabled: bool = False
    """Whether notices are sent to the webhooks and services of users and teams."""
    notices_internal_hosts: Annotated[tuple[str, ...], NoDecode, BeforeValidator(_words)] = ()
    """Hosts inside of this network to which notices may be sent, also by http. Default: none."""
    trusted_proxies: Annotated[tuple[str, ...], NoDecode, BeforeValidator(_words)] = ()
    """Networks of proxies whose X-Forwarded-For tells the client's address, such as 10.0.0.0/24.
    Default: none; the client is who has opened the connection."""
    gpu_resource_name: str = names.GPU_RESOURCE
    """Extended resource of GPUs, for the cluster's figures."""
    runtimes: dict[str, RuntimePlacement] = {}
    """The operator's runtimes, for estimates. Default: `default` with gpuResourceName."""
    trainer_audience: str = contract.TOKEN_AUDIENCE
    """Audience of the trainers' tokens."""
    monitor_service_account: str = "trainyard-monitor"
    """ServiceAccount of the node monitors, whose measurements are taken in."""
    reserve_bytes: int = Field(default=1 << 30, ge=0)
    """Uploads that would leave less free space are refused."""
    datasets_max_bytes: int | None = Field(default=None, ge=1)
    """Bytes of all datasets together; None bounds them by the volume alone."""
    datasets_max_count: int | None = Field(default=None, ge=1)
    """Number of datasets; None does not bound it."""
    models_max_bytes: int | None = Field(default=None, ge=1)
    """Bytes of all versions of all models together; None bounds them by the volume alone."""
    models_max_count: int | None = Field(default=None, ge=1)
    """Number of versions of all models together; None does not bound it."""
    artifacts_run_max_bytes: int | None = Field(default=None, ge=1)
    """Bytes of the artifacts of one run and of its logged models; None does not bound them."""
    artifacts_max_bytes: int | None = Field(default=None, ge=1)
    """Bytes of all artifacts together; None bounds them by the volume alone."""
    code_max_bytes: int = Field(default=512 << 20, ge=1 << 10, le=1 << 40)
    """Bytes of the files of one bundle of code."""
    code_max_files: int = Field(default=20_000, ge=1, le=50_000)
    """Files, links and empty folders of one bundle of code."""
    code_max_total_bytes: int | None = Field(default=None, ge=1)
    """Bytes of the code of all sessions together; None bounds them by the volume alone."""
    code_key_bytes_per_day: int = Field(default=16 << 30, ge=1 << 10)
    """Bytes of code that one key may send in a day; more get 429."""
    code_retention_days: float | None = Field(default=30, gt=0, le=36_500)
    """Days after which a bundle of code is removed that no session in the cluster names. None keeps
    all bundles."""
    cache_max_bytes: int | None = Field(default=20 << 30, ge=0)
    """Bytes of the caches of all users' programs together; what was not used longest goes. None
    does not bound them."""
    run_retention_days: float | None = Field(default=30, gt=0, le=36_500)
    """Days after which the folder of a deleted session is removed, with its checkpoints. None keeps
    all folders."""
    history_retention_days: float | None = Field(default=90, gt=0, le=36_500)
    """Days after which log lines and metrics of a deleted session are removed from the database.
    None keeps all."""
    audit_days: float = Field(default=365, gt=0, le=36_500)
    """Days after which events of the audit log are deleted."""
    audit_max_events: int = Field(default=1_000_000, ge=1_000)
    """Events that the audit log keeps; of users with the most the oldest go first."""
    audit_kubernetes_users: bool = False
    """Whether the API server writes the annotation `trainyard.io/changed-by`, as the chart's policy
    makes it; without that it is not believed."""
    session_retention_seconds: int | None = Field(default=None, ge=0)
    """The operator's retentionSeconds, to tell its deletions from others."""
    log_max_bytes: int = Field(default=DEFAULT_MAX_BYTES, ge=1 << 20)
    """Bytes of the log lines that a session keeps: its first and its newest ones."""
    report_bytes_per_second: float = Field(default=4 << 20, ge=1 << 16)
    """Bytes of one session's reports per second, four times as many in a burst; more get 429."""
    requests_per_second: float = Field(default=100, gt=0, le=1_000_000)
    """Requests of one key per second, twice as many in a burst; more get 429. Not for reports."""
    ageing_seconds: float = Field(default=300, gt=0)
    """The operator's setting of that name, for estimates."""
    minimum_run_seconds: float = Field(default=300, ge=0)
    """The operator's setting of that name, for estimates."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """Least level that is logged."""

    @field_validator("trusted_proxies")
    @classmethod
    def _check_networks(cls, networks: tuple[str, ...]) -> tuple[str, ...]:
        for text in networks:
            try:
                network = ipaddress.ip_network(text)
            except ValueError as error:
                raise ValueError(f"{text!r} is no network: {error}") from error
            if network.prefixlen == 0:
                raise ValueError(f"{text!r} holds every address; list the proxies only")
        return networks

    def admin_key(self) -> str:
        """The administrator's key. Raises SettingsError if there is none or it is too short."""
        if self.api_key_file is not None:
            try:
                key = self.api_key_file.read_text().strip()
            except (OSError, UnicodeDecodeError) as error:
                raise SettingsError(
                    f"cannot read apiKeyFile {self.api_key_file}: {error}"
                ) from error
        else:
            key = self.api_key.get_secret_value() if self.api_key else ""
        if len(key) < MINIMUM_KEY_LENGTH:
            raise SettingsError(
                f"an API key of at least {MINIMUM_KEY_LENGTH} characters is needed: give apiKeyFile or --api-key-file"
            )
        return key

    def installation(self) -> InstallationConfig:
        """The part that estimates need."""
        runtimes = self.runtimes or {
            names.DEFAULT_RUNTIME: RuntimePlacement(gpu_resource_name=self.gpu_resource_name)
        }
        policy = Policy(
            ageing_seconds=self.ageing_seconds, minimum_run_seconds=self.minimum_run_seconds
        )
        return InstallationConfig.of(runtimes, policy)

    def database(self) -> str:
        """Where the database is."""
        return self.database_url or f"sqlite:///{self.sqlite_file()}"

    def sqlite_file(self) -> Path:
        """The file of SQLite's database."""
        return (self.database_dir or self.shared_database_dir()) / "trainyard.sqlite3"

    def shared_database_dir(self) -> Path:
        """The folder of SQLite's database on the volume of datasets, models and runs."""
        return self.data_dir / "db"


def load(file: Path | None, arguments: Mapping[str, Any]) -> Settings:
    """Settings from `arguments` (None left out) over the environment over a YAML file.

    Raises SettingsError with every wrong setting.
    """
    try:
        settings = settings_file.load(Settings, file, arguments)
    except InvalidSettingsError as error:
        raise SettingsError(str(error)) from None
    if arguments.get("api_key") is not None and arguments.get("api_key_file") is None:
        # A key among the arguments wins over a file that the environment or the settings name.
        return settings.model_copy(update={"api_key_file": None})
    return settings
