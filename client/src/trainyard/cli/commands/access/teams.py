"""`teams ls|create|rm`: for administrators."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from trainyard.cli import output
from trainyard.cli.connection import gateway
from trainyard.cli.output import Format, FormatOption
from trainyard.cli.text import formats
from trainyard.cli.text.table import Column, make_table

if TYPE_CHECKING:
    from trainyard.models import Team

app = typer.Typer(
    help="Make, list and remove teams (administrators).",
    no_args_is_help=True,
    rich_markup_mode="rich",
)


@app.command("ls")
def ls(form: FormatOption = Format.TABLE) -> None:
    """List the teams with their users."""
    with gateway() as (client, _):
        found = client.teams().teams
    columns: list[Column[Team]] = [
        Column("NAME", lambda t: t.name),
        Column("USERS", lambda t: " ".join(t.users) or formats.UNKNOWN),
    ]
    data = {"teams": [t.wire() for t in found]}
    wide = form is Format.WIDE
    output.show(form, data, make_table(columns, found, wide=wide, empty="no teams"))


@app.command("create")
def create(names: Annotated[list[str], typer.Argument(metavar="NAME...")]) -> None:
    """Make teams."""
    with gateway() as (client, _):
        for one in names:
            client.create_team(one)
            output.done(f"team {one} made")


@app.command("rm")
def rm(names: Annotated[list[str], typer.Argument(metavar="NAME...")]) -> None:
    """Remove teams that have no users. What belongs to them stays."""
    with gateway() as (client, _):
        for one in names:
            client.remove_team(one)
            output.done(f"team {one} removed")
