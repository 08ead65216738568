"""`keys ls|create|revoke`: for administrators."""

from __future__ import annotations

import re
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Final

import typer

from trainyard.cli import output
from trainyard.cli.connection import gateway
from trainyard.cli.errors import UsageProblem
from trainyard.cli.output import Format, FormatOption
from trainyard.cli.text import formats
from trainyard.cli.text.table import Column, Table, make_table
from trainyard_api import timestamps

if TYPE_CHECKING:
    from trainyard.models import Key

app = typer.Typer(
    help="Make, list and revoke API keys (administrators).",
    no_args_is_help=True,
    rich_markup_mode="rich",
)

EVERYDAY: Final = (
    "sessions:read",
    "sessions:write",
    "datasets:read",
    "datasets:write",
    "models:read",
    "models:write",
    "system:read",
)
"""What a person needs who trains: everything but the keys."""
_UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}


@app.command("ls")
def ls(form: FormatOption = Format.TABLE) -> None:
    """List the keys, newest first, without their secrets."""
    with gateway() as (client, clock):
        page = client.keys()
    found = page.keys
    output.remark_more(page.cursor, len(found))
    data = {"keys": [k.wire() for k in found]}
    output.show(form, data, listing(found, clock.now(), wide=form is Format.WIDE))


@app.command("create")
def create(
    name: Annotated[str, typer.Argument(help="Who or what will use it.")],
    scopes: Annotated[
        list[str] | None,
        typer.Option(
            "--scope",
            help="Such as sessions:read. Repeatable. Default: everything but keys:admin.",
        ),
    ] = None,
    expires: Annotated[
        str | None, typer.Option(help="Such as 12h, 30d or 4w. Default: never.")
    ] = None,
    user: Annotated[
        str | None,
        typer.Option(help="Whose key it is. Default: the user NAME, who is made if absent."),
    ] = None,
    form: FormatOption = Format.TABLE,
) -> None:
    """Make a key. It is shown this once: alone on standard output, so that it can be piped on."""
    seconds = None if expires is None else seconds_of(expires)
    with gateway() as (client, _):
        made = client.create_key(name, *(scopes or EVERYDAY), expires_in_seconds=seconds, user=user)
    if not output.for_programs(form, made.wire()):
        output.line(made.key)
        output.remark(
            f"key {made.id} of {made.name} is shown this once; "
            f"revoke it with `trainyard keys revoke {made.id}`"
        )


@app.command("revoke")
def revoke(ids: Annotated[list[str], typer.Argument(metavar="ID...")]) -> None:
    """Revoke keys by the id that `keys ls` shows; they are worth nothing at once."""
    with gateway() as (client, _):
        for one in ids:
            client.revoke_key(one)
            output.done(f"key {one} revoked")


def seconds_of(duration: str) -> int:
    """`30d` as seconds. Raises UsageProblem."""
    found = re.fullmatch(r"([1-9][0-9]{0,5})([smhdw])", duration)
    if found is None:
        raise UsageProblem(f"{duration!r} is no duration; write it as 90m, 12h, 30d or 4w")
    return int(found[1]) * _UNITS[found[2]]


def listing(found: list[Key], now: datetime, *, wide: bool) -> Table:
    """The table of `keys ls`."""
    columns: list[Column[Key]] = [
        Column("ID", lambda k: k.id),
        Column("NAME", lambda k: k.name),
        Column("USER", lambda k: k.user or formats.UNKNOWN, wide=True),
        Column("STATE", lambda k: state(k, now)),
        Column("EXPIRES IN", lambda k: _left(k, now), right=True),
        Column("AGE", lambda k: formats.since(k.created, now), right=True),
        Column("SCOPES", lambda k: " ".join(k.scopes), wide=True),
    ]
    return make_table(columns, found, wide=wide, empty="no keys but the administrator's own")


def state(key: Key, now: datetime) -> str:
    """valid, expired or revoked."""
    if key.revoked is not None:
        return "revoked"
    expires = timestamps.parse(key.expires)
    over = expires is not None and expires <= now
    return "expired" if over else "valid"


def _left(key: Key, now: datetime) -> str:
    expires = timestamps.parse(key.expires)
    if expires is None or state(key, now) != "valid":
        return formats.UNKNOWN
    return formats.duration((expires - now).total_seconds())
