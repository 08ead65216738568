"""`login` and `logout`."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from trainyard.cli import config, output
from trainyard.cli.config import Login
from trainyard.cli.connection import CONNECTION_OPTIONS
from trainyard.cli.errors import UsageProblem


def login(
    url: Annotated[
        str | None,
        typer.Argument(help="The gateway, such as https://gateway.example. Default: asked for."),
    ] = None,
    key_stdin: Annotated[
        bool, typer.Option("--key-stdin", help="Read the API key from standard input.")
    ] = False,
) -> None:
    """Check URL and API key, and remember both.

    The key is asked for without showing it, or read from standard input: everyone on this computer
    could see a key among the arguments. TRAINYARD_URL and TRAINYARD_API_KEY win over what is
    remembered.
    """
    where = config.checked_url(url or _ask("URL of the gateway", hide=False))
    key = sys.stdin.readline().strip() if key_stdin else _ask("API key", hide=True)
    found = Login(where, config.checked_key(key))
    with CONNECTION_OPTIONS.get().client(found) as client:
        client.sessions(limit=1)
    path = config.save(os.environ, found)
    output.done(f"logged in at {found.url}; remembered in {path}")


def logout() -> None:
    """Forget URL and API key."""
    path = config.path(os.environ)
    output.done(f"{path} removed" if config.forget(os.environ) else "there was no login")


def _ask(what: str, *, hide: bool) -> str:
    if not sys.stdin.isatty():
        how = "pipe the key in with --key-stdin" if hide else "give it as an argument"
        raise UsageProblem(f"{what}: there is no terminal to ask on; {how}")
    return str(typer.prompt(what, hide_input=hide)).strip()
