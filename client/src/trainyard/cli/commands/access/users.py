"""`users ls|create|set|rm`: for administrators."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from trainyard.cli import output
from trainyard.cli.connection import gateway
from trainyard.cli.errors import UsageProblem
from trainyard.cli.output import Format, FormatOption
from trainyard.cli.text import formats
from trainyard.cli.text.table import Column, make_table
from trainyard_api.rights.owner import Role

if TYPE_CHECKING:
    from trainyard.models import User

app = typer.Typer(
    help="Make, change and remove users (administrators).",
    no_args_is_help=True,
    rich_markup_mode="rich",
)


RoleOption = Annotated[
    Role | None,
    typer.Option(
        help="viewer reads; member makes, and changes what is the user's own; maintainer changes "
        "what the teams see; administrator does everything."
    ),
]
TeamOption = Annotated[
    list[str] | None,
    typer.Option("--team", help="Repeatable; the first one gets what the user makes."),
]


@app.command("ls")
def ls(form: FormatOption = Format.TABLE) -> None:
    """List the users by name."""
    with gateway() as (client, clock):
        page = client.users()
    output.remark_more(page.cursor, len(page.users))
    data = {"users": [u.wire() for u in page.users]}
    columns: list[Column[User]] = [
        Column("NAME", lambda u: u.name),
        Column("ROLE", lambda u: u.role),
        Column("TEAMS", lambda u: " ".join(u.teams) or formats.UNKNOWN),
        Column("AGE", lambda u: formats.since(u.created, clock.now()), right=True),
    ]
    wide = form is Format.WIDE
    output.show(form, data, make_table(columns, page.users, wide=wide, empty="no users but admin"))


@app.command("create")
def create(
    name: Annotated[str, typer.Argument(help="The user's name.")],
    role: RoleOption = None,
    teams: TeamOption = None,
    form: FormatOption = Format.TABLE,
) -> None:
    """Make a user. Default: a member of the team `default`."""
    with gateway() as (client, _):
        made = client.create_user(name, role.value if role else None, teams)
    _show(form, made, f"user {made.name} made")


@app.command("set")
def change(
    name: Annotated[str, typer.Argument(help="The user's name.")],
    role: RoleOption = None,
    teams: TeamOption = None,
    form: FormatOption = Format.TABLE,
) -> None:
    """Change the role of a user, or all teams of the user."""
    if role is None and teams is None:
        raise UsageProblem("nothing to change: give --role or --team")
    with gateway() as (client, _):
        made = client.change_user(name, role.value if role else None, teams)
    _show(form, made, f"user {made.name} changed")


@app.command("rm")
def rm(names: Annotated[list[str], typer.Argument(metavar="NAME...")]) -> None:
    """Remove users and revoke their keys. What they made stays."""
    with gateway() as (client, _):
        for one in names:
            client.remove_user(one)
            output.done(f"user {one} removed")


def _show(form: Format, user: User, done: str) -> None:
    if not output.for_programs(form, user.wire()):
        output.done(f"{done}: {user.role} of {', '.join(user.teams) or 'no team'}")
