"""`login` and `logout`."""

from __future__ import annotations

import os
import sys
import time
from typing import TYPE_CHECKING, Annotated

import typer

from trainyard.cli import config, output
from trainyard.cli.config import Login
from trainyard.cli.connection import CONNECTION_OPTIONS
from trainyard.cli.errors import NotLoggedIn, UsageProblem

if TYPE_CHECKING:
    from trainyard.client import Client
    from trainyard.logins.answers import DeviceAnswer, DeviceLogin


def login(
    url: Annotated[
        str | None,
        typer.Argument(help="The gateway, such as https://gateway.example. Default: asked for."),
    ] = None,
    key_stdin: Annotated[
        bool, typer.Option("--key-stdin", help="Read the API key from standard input.")
    ] = False,
    sso: Annotated[
        bool, typer.Option("--sso", help="Log in by the installation's single sign-on.")
    ] = False,
) -> None:
    """Check URL and API key, and remember both.

    The key is asked for without showing it, or read from standard input: everyone on this computer
    could see a key among the arguments. With --sso a browser on any device takes the place of the
    key. TRAINYARD_URL and TRAINYARD_API_KEY win over what is remembered.
    """
    if sso and key_stdin:
        raise UsageProblem("--sso needs no key; leave out --key-stdin")
    where = config.checked_url(url or _ask("URL of the gateway", hide=False))
    found = _by_sso(where) if sso else _by_key(where, key_stdin)
    path = config.save(os.environ, found)
    output.done(f"logged in at {found.url}; remembered in {path}")


def logout() -> None:
    """Forget URL and API key.

    A login by single sign-on ends at the gateway too.
    """
    found, path = config.remembered(os.environ), config.path(os.environ)
    forgotten = config.forget(os.environ)
    if found is not None and found.by_sso:
        _end(found)
    output.done(f"{path} removed" if forgotten else "there was no login")


def _by_key(where: str, key_stdin: bool) -> Login:
    key = sys.stdin.readline().strip() if key_stdin else _ask("API key", hide=True)
    found = Login(where, config.checked_key(key))
    with CONNECTION_OPTIONS.get().client(found) as client:
        client.sessions(limit=1)
    return found


def _by_sso(where: str) -> Login:
    with CONNECTION_OPTIONS.get().client(Login(where, "")) as client:
        begun = client.logins.begin_device()
        page = begun.verification_uri_complete or begun.verification_uri
        output.line(f"open {page} in a browser, and check that it shows {begun.user_code}")
        answer = _wait(client, begun)
    output.line(f"you are {answer.name}, until {answer.expires}")
    return Login(where, config.checked_key(answer.key or ""), by_sso=True)


def _wait(client: Client, begun: DeviceLogin) -> DeviceAnswer:
    """Ask until the person has decided (RFC 8628, 3.5)."""
    from trainyard.errors import NotPermitted, ServerError, TooManyRequests, Unreachable

    pause, until = float(max(1, begun.interval)), time.monotonic() + begun.expires_in
    while time.monotonic() < until:
        time.sleep(pause)
        try:
            answer = client.logins.ask_device(begun.handle)
        except (ServerError, TooManyRequests, Unreachable) as error:
            output.remark(f"waiting: {error}")
            pause += 5
            continue
        except NotPermitted as error:
            raise NotLoggedIn(str(error)) from error
        if answer.state == "Open":
            return answer
        pause += 5 if answer.state == "SlowDown" else 0
    raise UsageProblem("the code has expired; run `trainyard login --sso` again")


def _end(found: Login) -> None:
    from trainyard.errors import ApiError, TrainyardError

    try:
        with CONNECTION_OPTIONS.get().client(found) as client:
            client.logins.end()
    except ApiError as error:
        # A login that is over needs no end.
        if error.status != 401:
            output.remark(f"the gateway did not end the login: {error}", "yellow")
    except (TrainyardError, ValueError) as error:
        output.remark(f"the gateway did not end the login: {error}", "yellow")


def _ask(what: str, *, hide: bool) -> str:
    if not sys.stdin.isatty():
        how = "pipe the key in with --key-stdin" if hide else "give it as an argument"
        raise UsageProblem(f"{what}: there is no terminal to ask on; {how}")
    return str(typer.prompt(what, hide_input=hide)).strip()
