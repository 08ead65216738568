"""The gateway's URL and API key: from the environment, otherwise from the file of `login`.

Guarantee: the file is always readable by its owner only, and is replaced as a whole or not at all.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from trainyard.cli.errors import NotLoggedIn, UsageProblem

URL: Final = "TRAINYARD_URL"
KEY: Final = "TRAINYARD_API_KEY"
_SSO: Final = "sso"


@dataclass(frozen=True, slots=True)
class Login:
    """One gateway and a key to it."""

    url: str
    key: str = field(repr=False)
    by_sso: bool = False
    """Whether the key is that of a login by single sign-on, which a logout ends."""


def path(env: Mapping[str, str]) -> Path:
    """`$XDG_CONFIG_HOME/trainyard/config`; default: below `~/.config` (XDG Base Directory)."""
    given = env.get("XDG_CONFIG_HOME", "")
    base = Path(given) if Path(given).is_absolute() else Path.home() / ".config"
    return base / "trainyard" / "config"


def load(env: Mapping[str, str]) -> Login:
    """The current login; each environment variable wins over the file. Raises NotLoggedIn."""
    stored = _read(path(env)) if not (env.get(URL) and env.get(KEY)) else {}
    url, key = env.get(URL) or stored.get("url"), env.get(KEY) or stored.get("key")
    if not url or not key:
        missing = URL if not url else KEY
        raise NotLoggedIn(
            f"there is no gateway to talk to: run `trainyard login`, or set {missing}"
        )
    return Login(checked_url(url), checked_key(key))


def save(env: Mapping[str, str], login: Login) -> Path:
    """Write the file with mode 0600; returns its path."""
    target = path(env)
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # mkstemp makes the file with mode 0600.
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=".config-")
    try:
        with os.fdopen(handle, "w") as file:
            import yaml

            kind = {"kind": _SSO} if login.by_sso else {}
            yaml.safe_dump({"url": login.url, "key": login.key, **kind}, file, sort_keys=False)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(target)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    return target


def remembered(env: Mapping[str, str]) -> Login | None:
    """The login in the file, also if the environment has another one; None without a whole one."""
    try:
        stored = _read(path(env))
    except UsageProblem:
        return None
    url, key = stored.get("url"), stored.get("key")
    return Login(url, key, stored.get("kind") == _SSO) if url and key else None


def forget(env: Mapping[str, str]) -> bool:
    """Remove the file; returns whether there was one."""
    target = path(env)
    there = target.exists()
    target.unlink(missing_ok=True)
    return there


def checked_url(url: str) -> str:
    """`url` if it can be a gateway's. Raises UsageProblem."""
    from trainyard import wire

    try:
        wire.base(url)
    except ValueError as error:
        raise UsageProblem(str(error)) from error
    return url.rstrip("/")


def checked_key(key: str) -> str:
    """`key` if it can stand in a header. Raises UsageProblem, without showing it."""
    if not key or not key.isascii() or not key.isprintable() or " " in key:
        raise UsageProblem("the API key has characters that no key has; copy it again, in one line")
    return key


def _read(file: Path) -> dict[str, str]:
    try:
        text = file.read_text()
    except FileNotFoundError:
        return {}
    import yaml

    try:
        found = yaml.safe_load(text)
    except yaml.YAMLError:
        found = None
    if not isinstance(found, dict) or not all(isinstance(v, str) for v in found.values()):
        raise UsageProblem(f"{file} is damaged; write it again with `trainyard login`")
    return found
