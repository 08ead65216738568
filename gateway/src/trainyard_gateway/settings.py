"""The gateway's settings: YAML file < environment (`TRAINYARD_GATEWAY_*`) < arguments. Frozen, built once."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import AliasGenerator, Field, SecretStr, ValidationError
from pydantic.alias_generators import to_camel
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from trainyard_api import contract, names
from trainyard_gateway.errors import SettingsError

MINIMUM_KEY_LENGTH = 20
"""Shorter keys can be guessed; the chart makes 46 characters."""


class Settings(BaseSettings):
    """Everything that can be set."""

    model_config = SettingsConfigDict(
        env_prefix="TRAINYARD_GATEWAY_",
        alias_generator=AliasGenerator(alias=to_camel),
        populate_by_name=True,
        frozen=True,
        extra="forbid",
    )

    namespace: str = Field(min_length=1)
    """Namespace of sessions."""
    host: str = "127.0.0.1"
    """Address to listen on."""
    port: int = Field(default=8080, ge=0, le=65_535)
    """Port of the API."""
    metrics_port: int | None = Field(default=None, ge=0, le=65_535)
    """Port of /metrics; None serves none."""
    data_dir: Path = Path("/data")
    """Database, datasets, models and runs."""
    api_key_file: Path | None = None
    """File with the administrator's key."""
    api_key: SecretStr | None = None
    """The administrator's key itself; a file is safer."""
    cors_origins: tuple[str, ...] = ()
    """Origins of browsers that may call the API."""
    gpu_resource_name: str = names.GPU_RESOURCE
    """Extended resource of GPUs, for the cluster's figures."""
    trainer_audience: str = contract.TOKEN_AUDIENCE
    """Audience of the trainers' tokens."""
    reserve_bytes: int = Field(default=1 << 30, ge=0)
    """Uploads that would leave less free space are refused."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """Least level that is logged."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 - the signature of pydantic-settings
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - as above
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - as above
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Environment before file (the file comes in as initial values)."""
        return env_settings, init_settings

    def admin_key(self) -> str:
        """The administrator's key. Raises SettingsError when there is none or it is too short: no door without a lock."""
        if self.api_key_file is not None:
            try:
                key = self.api_key_file.read_text().strip()
            except OSError as error:
                raise SettingsError(
                    f"cannot read apiKeyFile {self.api_key_file}: {error.strerror}"
                ) from error
        else:
            key = self.api_key.get_secret_value() if self.api_key else ""
        if len(key) < MINIMUM_KEY_LENGTH:
            raise SettingsError(
                f"an API key of at least {MINIMUM_KEY_LENGTH} characters is needed: give apiKeyFile or --api-key-file"
            )
        return key


def load(path: Path | None, arguments: dict[str, Any]) -> Settings:
    """Settings from file, environment and arguments. Raises SettingsError with every wrong setting."""
    values: dict[str, Any] = {}
    if path is not None:
        try:
            values = yaml.safe_load(path.read_text()) or {}
        except OSError as error:
            raise SettingsError(f"cannot read {path}: {error.strerror}") from error
        except yaml.YAMLError as error:
            raise SettingsError(f"{path} is not valid YAML: {error}") from error
    try:
        settings = Settings(**values)
        return settings.model_copy(update={k: v for k, v in arguments.items() if v is not None})
    except ValidationError as error:
        problems = (f"{'.'.join(str(p) for p in e['loc'])}: {e['msg']}" for e in error.errors())
        raise SettingsError("; ".join(problems)) from error
