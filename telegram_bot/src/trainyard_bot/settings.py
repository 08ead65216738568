"""Settings of the bot: arguments over the environment (`TRAINYARD_BOT_*`) over a YAML file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import yaml
from pydantic import (
    AfterValidator,
    AliasGenerator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    model_validator,
)
from pydantic.alias_generators import to_camel
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from trainyard_api import settings_file
from trainyard_api.settings_file import InvalidSettingsError

EDIT_SECONDS_MIN: Final = 5
_FILE_OF: Final = (("token", "tokenFile"), ("api_key", "apiKeyFile"))
"""Secrets, and the settings that name their files."""
_SECRETS: Final = {secret: f"name a file in {file}" for secret, file in _FILE_OF}


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError(f"{name!r} is no time zone; write one such as Europe/Vienna") from error
    return name


def _web_address(url: str) -> str:
    if not url.startswith(("http://", "https://")):
        raise ValueError(f"{url!r} must start with http:// or https://")
    return url.rstrip("/")


def _chats(given: Any) -> Any:
    """Chats as `1,-2`, as a list of numbers, or as JSON; a number is a chat with the defaults."""
    if isinstance(given, str):
        given = yaml.safe_load(given if given.lstrip().startswith("[") else f"[{given}]")
    if isinstance(given, int):
        given = [given]
    if isinstance(given, list):
        return tuple({"id": c} if isinstance(c, int) else c for c in given)
    return given


ZoneName = Annotated[str, AfterValidator(_zone)]
WebAddress = Annotated[str, AfterValidator(_web_address)]


class Chat(BaseModel):
    """One chat that may talk to the bot."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        populate_by_name=True,
        alias_generator=AliasGenerator(alias=to_camel),
        use_attribute_docstrings=True,
    )

    id: int
    """Telegram's number of the chat; negative for groups."""
    users: tuple[int, ...] | None = None
    """Telegram's numbers of the people who may use the bot there. Default: all in the chat."""
    notify: Literal["all", "own", "none"] = "all"
    """Notices about all sessions, about those that were started or shown in this chat, or none."""
    time_zone: ZoneName | None = None
    """Time zone of the times in this chat. Default: the bot's timeZone."""


class Settings(BaseSettings):
    """Everything that can be set."""

    model_config = SettingsConfigDict(
        env_prefix="TRAINYARD_BOT_", frozen=True, extra="forbid", use_attribute_docstrings=True
    )

    gateway_url: WebAddress
    """Address of the gateway, such as http://trainyard-gateway.trainyard.svc."""
    api_key_file: Path | None = None
    """File with the gateway's API key. Give this or TRAINYARD_BOT_API_KEY."""
    api_key: SecretStr | None = None
    """The key itself; from the environment only, a file is better."""
    token_file: Path | None = None
    """File with the bot's token. Give this or TRAINYARD_BOT_TOKEN."""
    token: SecretStr | None = None
    """The token itself; from the environment only, a file is better."""
    chats: Annotated[tuple[Chat, ...], NoDecode, BeforeValidator(_chats)] = Field(min_length=1)
    """Chats that may use the bot, as numbers or objects. The bot ignores all others."""
    time_zone: ZoneName = "UTC"
    """Time zone of the times in messages, unless a chat has its own."""
    state_file: Path = Path("/data/bot/state.json")
    """File for what must survive a restart: notices to send, live messages, handled updates."""
    alive_file: Path | None = None
    """File that is touched after each poll of the gateway, for a liveness probe. Default: none."""
    api_base_url: WebAddress = "https://api.telegram.org"
    """Address of the Bot API, without /bot<token>."""
    poll_seconds: float = Field(default=5, gt=0, le=1800)
    """Seconds between two polls of the gateway."""
    edit_seconds: float = Field(default=5, ge=EDIT_SECONDS_MIN, le=300)
    """Smallest number of seconds between two edits of one message; Telegram limits them."""
    gateway_timeout_seconds: float = Field(default=10, gt=0, le=120)
    """Seconds that one call of the gateway may take."""
    starts_soon_seconds: float = Field(default=600, ge=0, le=86_400)
    """Announce a waiting session when it is expected to start within this many seconds."""
    stalled_seconds: float = Field(default=600, ge=30, le=86_400)
    """Announce a running session when it made no step for this many seconds."""
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    """Smallest level that is logged."""

    @model_validator(mode="after")
    def _chats_once(self) -> Self:
        ids = [chat.id for chat in self.chats]
        if len(set(ids)) < len(ids):
            raise ValueError("chats: each id may stand there once")
        return self

    def zone(self, chat_id: int) -> ZoneInfo:
        """The zone of the times shown in a chat."""
        own = next((c.time_zone for c in self.chats if c.id == chat_id), None)
        return ZoneInfo(own or self.time_zone)


def load(file: Path | None, arguments: Mapping[str, Any]) -> Settings:
    """Settings from `arguments` (snake_case, None left out) over the environment over a YAML file.

    Raises InvalidSettingsError with every wrong setting, one a line.
    """
    return settings_file.load(Settings, file, arguments, not_in_file=_SECRETS)


def read_secret(direct: SecretStr | None, file: Path | None, name: str) -> str:
    """A secret from its file (surrounding white space dropped), else `direct` from the environment.

    Raises InvalidSettingsError if there is none; `name` is the setting's name.
    """
    if file is not None:
        try:
            text = file.read_text().strip()
        except (OSError, UnicodeDecodeError) as error:
            raise InvalidSettingsError(f"{name}File: cannot read {file}: {error}") from error
        if not text:
            raise InvalidSettingsError(f"{name}File: {file} is empty")
        return text
    if direct is not None and direct.get_secret_value().strip():
        return direct.get_secret_value().strip()
    raise InvalidSettingsError(f"{name}File: missing; name the file that holds the {name}")
