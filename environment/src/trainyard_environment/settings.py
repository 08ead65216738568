"""What the operator says to the builder, by arguments and by the container's environment."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from trainyard_api import contract
from trainyard_environment.authorities import authorities
from trainyard_environment.errors import bad_arguments

DEFAULT_MAX_BYTES = 20 << 30
HIDDEN_USERNAME = 12
"""From this length on a user's name may be a token."""
MAX_REQUIREMENTS = 500
MAX_REQUIREMENT_CHARACTERS = 1000
USAGE = """\
usage: trainyard_environment build --environments FOLDER --image NAME [--code FOLDER --file PATH]
                                   [--requirements-json LIST] [--termination-message FILE]
                                   [--uv PROGRAM]
       trainyard_environment install FOLDER
"""


@dataclass(frozen=True)
class Index:
    """The package index; without a URL, uv's own default."""

    url: str
    username: str
    password: str
    authorities: tuple[str, ...] = ()
    """Certificates in PEM that count instead of the usual authorities; () means the usual ones."""

    @property
    def secrets(self) -> tuple[str, ...]:
        """What nothing may show; a short name of a user is none."""
        hidden = len(self.username) >= HIDDEN_USERNAME
        return (self.password, self.username) if hidden else (self.password,)


@dataclass(frozen=True)
class Settings:
    """What to build, where, and of which index."""

    environments: Path
    image: str
    code: Path | None
    file: str
    requirements: tuple[str, ...]
    """Lines, where no file of the code says what is asked."""
    index: Index
    max_bytes: int
    """How much all environments may take."""
    termination_file: Path
    uv: Path | None


def settings(arguments: Sequence[str], environment: Mapping[str, str]) -> Settings:
    """The settings of `build`. Raises CannotBuild."""
    given = _options(arguments)
    if not given.get("--environments") or not given.get("--image"):
        raise bad_arguments(f"build needs --environments and --image.\n{USAGE}")
    by_file = "--file" in given and "--code" in given
    if by_file == ("--requirements-json" in given):
        raise bad_arguments("build needs either --code and --file, or --requirements-json.")
    uv = given.get("--uv")
    return Settings(
        environments=Path(given["--environments"]),
        image=given["--image"],
        code=Path(given["--code"]) if by_file else None,
        file=given.get("--file", ""),
        requirements=() if by_file else _requirements(given["--requirements-json"]),
        index=_index(environment),
        max_bytes=_max_bytes(environment.get(contract.ENV_ENVIRONMENTS_MAX_BYTES, "")),
        termination_file=termination_file(arguments),
        uv=Path(uv) if uv else None,
    )


def termination_file(arguments: Sequence[str]) -> Path:
    """Where to leave the last word, also if the other arguments have no meaning."""
    name = "--termination-message"
    at = arguments.index(name) + 1 if name in arguments else len(arguments)
    return Path(arguments[at] if at < len(arguments) else contract.TERMINATION_MESSAGE_FILE)


def _options(arguments: Sequence[str]) -> dict[str, str]:
    known = {
        "--environments", "--image", "--code", "--file", "--requirements-json",
        "--termination-message", "--uv",
    }  # fmt: skip
    found: dict[str, str] = {}
    names = iter(arguments)
    for name in names:
        value = next(names, None)
        if name not in known or value is None:
            raise bad_arguments(f"The argument {name[:100]!r} has no meaning or no value.\n{USAGE}")
        found[name] = value
    return found


def _requirements(given: str) -> tuple[str, ...]:
    try:
        lines: Any = json.loads(given)
    except (ValueError, RecursionError) as error:
        raise bad_arguments(f"--requirements-json is no JSON: {error}.") from error
    if not isinstance(lines, list) or not all(isinstance(line, str) for line in lines):
        raise bad_arguments("--requirements-json is no list of texts.")
    if not 1 <= len(lines) <= MAX_REQUIREMENTS:
        raise bad_arguments(f"There are {len(lines)} requirements; 1 to {MAX_REQUIREMENTS} may be.")
    if any(len(line) > MAX_REQUIREMENT_CHARACTERS or not line.isprintable() for line in lines):
        raise bad_arguments(
            f"A requirement is longer than {MAX_REQUIREMENT_CHARACTERS} characters or has one that"
            " cannot be printed."
        )
    return tuple(lines)


def _index(environment: Mapping[str, str]) -> Index:
    url = environment.get(contract.ENV_INDEX_URL, "").strip()
    if url:
        _check_url(url)
    ca = environment.get(contract.ENV_INDEX_CA, "")
    source = environment.get(contract.ENV_INDEX_CA_SOURCE) or f"the file {ca[:200]}"
    return Index(
        url=url,
        username=environment.get(contract.ENV_INDEX_USERNAME, ""),
        password=environment.get(contract.ENV_INDEX_PASSWORD, ""),
        authorities=authorities(Path(ca), source) if ca else (),
    )


def _check_url(url: str) -> None:
    try:
        parts = urlsplit(url)
        fine = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        fine, parts = False, urlsplit("")
    if not fine:
        raise bad_arguments(f"{contract.ENV_INDEX_URL} is no http or https URL of an index.")
    if parts.username is not None or parts.password is not None:
        raise bad_arguments(
            f"{contract.ENV_INDEX_URL} holds credentials.",
            f"Put them into the Secret, as {contract.ENV_INDEX_USERNAME} and"
            f" {contract.ENV_INDEX_PASSWORD}.",
        )


def _max_bytes(given: str) -> int:
    if not given:
        return DEFAULT_MAX_BYTES
    if not (given.isascii() and given.isdigit() and 0 < int(given[:20]) <= 2**60):
        raise bad_arguments(
            f"{contract.ENV_ENVIRONMENTS_MAX_BYTES} is {given[:40]!r}, no number of bytes."
        )
    return int(given)
