"""`logins ls|end`: for administrators."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from trainyard.cli import output
from trainyard.cli.connection import gateway
from trainyard.cli.output import Format, FormatOption
from trainyard.cli.text import formats
from trainyard.cli.text.table import Column, Table, make_table

if TYPE_CHECKING:
    from datetime import datetime

    from trainyard.logins.answers import OpenLogin

app = typer.Typer(
    help="List and end logins by single sign-on (administrators).",
    no_args_is_help=True,
    rich_markup_mode="rich",
)


@app.command("ls")
def ls(
    user: Annotated[str | None, typer.Option(help="Only logins of this user.")] = None,
    form: FormatOption = Format.TABLE,
) -> None:
    """List logins by single sign-on, newest first, also those that were over within a day."""
    with gateway() as (client, clock):
        page = client.logins.all(user)
    output.remark_more(page.cursor, len(page.logins))
    data = {"logins": [login.wire() for login in page.logins]}
    output.show(form, data, listing(page.logins, clock.now(), wide=form is Format.WIDE))


@app.command("end")
def end(
    ids: Annotated[list[str], typer.Argument(metavar="ID...", help="As `logins ls` shows them.")],
) -> None:
    """End logins; they open nothing any more."""
    with gateway() as (client, _):
        for id in ids:
            client.logins.end_one(id)
            output.done(f"login {id} ended")


def listing(logins: list[OpenLogin], now: datetime, *, wide: bool) -> Table:
    """The table of `logins ls`."""
    columns: list[Column[OpenLogin]] = [
        Column("ID", lambda v: v.id),
        Column("USER", lambda v: v.user),
        Column("OF", lambda v: "command line" if v.of == "commandLine" else v.of),
        Column("AGE", lambda v: formats.since(v.created, now), right=True),
        Column("EXPIRES IN", lambda v: formats.until(v.expires, now), right=True),
        Column("STATE", lambda v: f"ended: {v.reason}" if v.ended else "open"),
        Column("VERIFIED", lambda v: v.verified, wide=True),
        Column("USED", lambda v: v.used or formats.UNKNOWN, wide=True),
    ]
    return make_table(columns, logins, wide=wide, empty="no logins")
