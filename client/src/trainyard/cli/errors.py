"""Errors as one sentence that says what to do, with their exit codes. Pure.

CliError
├── UsageProblem      2  the command line, a value or the manifest is wrong
├── NotLoggedIn       4  no URL or no key
├── DatasetGone       5  the dataset that a card names was deleted
├── DatasetReplaced   6  the dataset that a card names has other content now
├── FilesNotWhole     6  files are not here as the session has them
├── ImportNotWhole    6  runs are not here as the other tracker has them
└── SessionNotSucceeded          1  the watched session did not succeed
"""

from __future__ import annotations

import re
from enum import IntEnum
from typing import TYPE_CHECKING

from trainyard import errors
from trainyard.code.refusals import CannotBundle, CannotRestore

if TYPE_CHECKING:
    import ssl


class Exit(IntEnum):
    """Exit codes; docs/cli.md and `trainyard --help` list them."""

    OK = 0
    NOT_SUCCEEDED = 1
    USAGE = 2
    UNREACHABLE = 3
    KEY = 4
    NOT_FOUND = 5
    CONFLICT = 6
    GATEWAY = 7
    INTERRUPTED = 130
    BROKEN_PIPE = 141


MEANINGS = {
    Exit.OK: "done",
    Exit.NOT_SUCCEEDED: "the watched session did not succeed, doctor found something broken, or a model is not as its card says",
    Exit.USAGE: "wrong arguments, values or manifest",
    Exit.UNREACHABLE: "no answer from the gateway",
    Exit.KEY: "no API key, a wrong one, or one without the right",
    Exit.NOT_FOUND: "nothing of that name",
    Exit.CONFLICT: "the state of things does not allow it",
    Exit.GATEWAY: "the gateway failed or is too busy",
    Exit.INTERRUPTED: "Ctrl-C",
    Exit.BROKEN_PIPE: "the reader of the output went away",
}


class CliError(Exception):
    """A sentence for the user, and the exit code."""

    code = Exit.NOT_SUCCEEDED


class UsageProblem(CliError):
    """The command line, a value or the manifest is wrong."""

    code = Exit.USAGE


class NotLoggedIn(CliError):
    """No URL or no key."""

    code = Exit.KEY


class DatasetGone(CliError):
    """The dataset that a model's card names was deleted."""

    code = Exit.NOT_FOUND


class DatasetReplaced(CliError):
    """The dataset that a model's card names has other content now."""

    code = Exit.CONFLICT


class FilesNotWhole(CliError):
    """Files are not here as the session has them: changed meanwhile, or others are in the way."""

    code = Exit.CONFLICT


class ImportNotWhole(CliError):
    """What was copied from another tracker is not here as that one has it."""

    code = Exit.CONFLICT


class SessionNotSucceeded(CliError):
    """The watched session did not succeed."""


def explain(error: BaseException) -> tuple[str, Exit]:
    """The sentence and the exit code of an error that a user can act on.

    Any other error is a bug and is raised again.
    """
    if isinstance(error, CliError):
        return str(error), error.code
    if isinstance(error, errors.Unreachable):
        return _unreachable(error), Exit.UNREACHABLE
    if isinstance(error, errors.BadAnswer):
        return f"{error}; check the URL with `trainyard login`", Exit.GATEWAY
    if isinstance(error, errors.HashMismatch):
        return f"{error}: it was damaged on the way; run the command again", Exit.GATEWAY
    if isinstance(error, errors.ApiError):
        return _refused(error)
    if isinstance(error, CannotBundle | CannotRestore):
        return str(error), Exit.USAGE
    if isinstance(error, OSError) and error.filename is not None:
        reason = (error.strerror or type(error).__name__).lower()
        return f"cannot use {error.filename}: {reason}", Exit.USAGE
    raise error


def _unreachable(error: errors.Unreachable) -> str:
    import ssl

    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return _certificate(cause)
        cause = cause.__cause__ or cause.__context__
    return (
        f"{error}; check the URL (`trainyard login`), the network and that the gateway runs "
        "(`trainyard doctor`)"
    )


def _certificate(error: ssl.SSLCertVerificationError) -> str:
    why = error.verify_message or str(error)
    if "not yet valid" in why or "expired" in why:
        return (
            f"the gateway's certificate is refused ({why}); if it is valid today, this computer's "
            "clock is wrong: set it (`timedatectl set-ntp true`)"
        )
    return (
        f"the gateway's certificate is refused ({why}); use the URL that the certificate names, "
        "or trust its issuer with SSL_CERT_FILE"
    )


def _refused(error: errors.ApiError) -> tuple[str, Exit]:
    match error:
        case errors.NotAuthenticated():
            over = str(error).startswith(_OVER)
            return f"{error}; run `trainyard login --sso`" if over else _WRONG_KEY, Exit.KEY
        case errors.NotPermitted():
            return f"{error}; use a key with that right (`trainyard login`)", Exit.KEY
        case errors.NotFound():
            return _ENDPOINT.sub(_command, str(error)), Exit.NOT_FOUND
        case errors.Conflict() | errors.PreconditionFailed():
            return str(error), Exit.CONFLICT
        case errors.BadRequest() | errors.Invalid():
            return _with_fields(error), Exit.USAGE
        case errors.TooManyRequests():
            wait = f" in {error.retry_after:.0f} s" if error.retry_after else " a little later"
            return f"the gateway has too many requests of this key; try again{wait}", Exit.GATEWAY
        case _ if error.status >= 500:
            failed = f"the gateway failed ({error.status}: {error})"
            return f"{failed}; try again, then `trainyard doctor`", Exit.GATEWAY
        case _:
            return f"the gateway refused ({error.status}): {error}", Exit.USAGE


_WRONG_KEY = "the gateway does not accept the API key; get a new one and run `trainyard login`"
_OVER = "the login is over"
"""So begins the gateway's sentence about a login by single sign-on."""
_ENDPOINT = re.compile(
    r"(GET|POST) /api/v1/(?:training/)?(sessions|models|datasets|keys)\b(?:\?\S*)?"
)


def _command(endpoint: re.Match[str]) -> str:
    """The command for an endpoint that the gateway recommends."""
    verb, noun = endpoint.groups()
    group = "trainyard" if noun == "sessions" else f"trainyard {noun}"
    return f"`{group} ls`" if verb == "GET" else f"`{group} put FILE`"


def _with_fields(error: errors.ApiError) -> str:
    """The sentence with the fields that it does not name itself."""
    said = str(error)
    fields = [
        f"{e.get('field', '')}: {e.get('message', '')}".removeprefix(": ")
        for e in error.errors
        if e.get("message", "") not in said
    ]
    return "; ".join([said, *fields])
