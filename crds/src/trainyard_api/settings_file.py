"""Loads a program's settings: arguments win over the environment, the environment over a YAML file.

Operator, gateway and bot use it, so that the same mistake is refused in the same words. It needs
the extra `trainyard-api[settings]`. Names in the file are camelCase.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from pathlib import Path
from stat import S_ISREG
from typing import Any, TypeVar

import yaml
from pydantic import SecretStr, ValidationError
from pydantic.alias_generators import to_camel
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    InitSettingsSource,
    PydanticBaseSettingsSource,
    YamlConfigSettingsSource,
)
from pydantic_settings.exceptions import SettingsError as SourceError

from trainyard_api.model import clip, names_at

S = TypeVar("S", bound=BaseSettings)


class InvalidSettingsError(Exception):
    """The settings cannot be used; the message has one line for each mistake."""


def load(
    settings_class: type[S],
    file: Path | None,
    arguments: Mapping[str, Any],
    *,
    not_in_file: Mapping[str, str] | None = None,
) -> S:
    """Build settings from `arguments` over the environment over `file`.

    `arguments` have snake_case names; None means "not given". The class's `env_prefix` begins the
    names of the environment's variables. `not_in_file` maps settings that a file must not hold,
    such as secrets, to what to write instead. Raises InvalidSettingsError with every mistake; the
    message never holds a secret's value.
    """
    given = {name: value for name, value in arguments.items() if value is not None}
    sources: list[PydanticBaseSettingsSource] = [InitSettingsSource(settings_class, given)]
    mistakes: list[str] = []
    try:
        sources.append(EnvSettingsSource(settings_class))
        if file is not None:
            from_file = _SettingsFile(settings_class, file, not_in_file or {})
            sources.append(from_file)
            mistakes += from_file.mistakes
        found = settings_class(_build_sources=(tuple(sources), {}))
    except SourceError as error:
        # An environment variable that must hold JSON and does not.
        raise InvalidSettingsError(f"environment: {error}") from None
    except ValidationError as error:
        problems = error.errors(include_url=False)
        mistakes += (_line(settings_class, file, problem) for problem in problems)
        raise InvalidSettingsError("\n".join(mistakes)) from None
    if mistakes:
        raise InvalidSettingsError("\n".join(mistakes))
    return found


class _SettingsFile(YamlConfigSettingsSource):
    """A YAML file with the fields' names in camelCase; an empty file sets nothing."""

    def __init__(
        self, settings_class: type[BaseSettings], file: Path, not_in_file: Mapping[str, str]
    ) -> None:
        self._accepted = {
            to_camel(name): name for name in settings_class.model_fields if name not in not_in_file
        }
        self._not_in_file = {to_camel(name): instead for name, instead in not_in_file.items()}
        self._file = file
        self.mistakes: list[str] = []
        """One line for each name that this file must not hold."""
        # The base class passes over a file that does not exist.
        try:
            regular = S_ISREG(file.stat().st_mode)
        except OSError as error:
            raise InvalidSettingsError(f"cannot read {file}: {error.strerror}") from None
        if not regular:
            raise InvalidSettingsError(f"cannot read {file}: it is not a regular file")
        super().__init__(settings_class, file)

    def _read_file(self, path: Any) -> dict[str, Any]:
        try:
            values = super()._read_file(path)
        except OSError as error:
            raise InvalidSettingsError(f"cannot read {path}: {error.strerror}") from None
        except UnicodeDecodeError:
            raise InvalidSettingsError(f"cannot read {path}: it is not UTF-8 text") from None
        except yaml.YAMLError as error:
            raise InvalidSettingsError(f"{path} is not valid YAML: {error}") from None
        if not isinstance(values, dict):
            raise InvalidSettingsError(f"{path} must hold settings as `name: value` lines")
        named = {str(name): value for name, value in values.items()}
        self.mistakes += (self._mistake(name) for name in named if name not in self._accepted)
        return {field: named[name] for name, field in self._accepted.items() if name in named}

    def _mistake(self, name: str) -> str:
        if name in self._not_in_file:
            instead = self._not_in_file[name]
            return f"{self._file}: {name} does not belong in this file; {instead}"
        return f"{self._file}: {_unknown(name, list(self._accepted))}"


def _line(settings_class: type[BaseSettings], file: Path | None, problem: Any) -> str:
    """One mistake as `setting: what is wrong (given: value)`."""
    path = tuple(str(part) for part in problem["loc"])
    # Only the first part is a field's name; below it pydantic names what was written.
    name = ".".join((to_camel(path[0]), *path[1:])) if path else ""
    message = str(problem["msg"]).removeprefix("Value error, ")
    if problem["type"] == "missing" and len(path) == 1:
        variable = f"{settings_class.model_config['env_prefix']}{path[0].upper()}"
        return f"{name}: missing; set it in {file or 'the file'}, or {variable} in the environment"
    if problem["type"] == "missing":
        return f"{name}: missing"
    if problem["type"] == "extra_forbidden":
        above, _, last = name.rpartition(".")
        return _unknown(last, names_at(settings_class, problem["loc"][:-1]), above)
    shown = _shown(settings_class, problem, message)
    return f"{name}: {message}{shown}" if name else message


def _shown(settings_class: type[BaseSettings], problem: Any, message: str) -> str:
    """` (given: 70000)`; nothing for secrets, lists, mappings, and values that `message` shows.

    Nor for an address that may hold a password.
    """
    value, path = problem.get("input"), problem["loc"]
    secret = path and "SecretStr" in str(settings_class.model_fields[str(path[0])].annotation)
    if secret or not isinstance(value, (str, int, float, bool)) or isinstance(value, SecretStr):
        return ""
    if isinstance(value, str) and "@" in value:
        return ""
    return "" if repr(value) in message else f" (given: {clip(repr(value))})"


def _unknown(name: str, accepted: list[str], above: str = "") -> str:
    prefix = f"{above}." if above else ""
    nearest = difflib.get_close_matches(name, accepted, n=1)
    hint = f"did you mean {prefix}{nearest[0]}?" if nearest else f"accepted: {', '.join(accepted)}"
    return f"unknown setting {prefix}{name}; {hint}"
