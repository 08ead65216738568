"""`share`: who sees a session, dataset or model."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from trainyard.cli import output
from trainyard.cli.connection import gateway
from trainyard.cli.output import Format, FormatOption


def share(
    kind: Annotated[
        Literal["session", "dataset", "model"], typer.Argument(help="session, dataset or model.")
    ],
    name: Annotated[str, typer.Argument(help="Its name.")],
    visibility: Annotated[
        Literal["private", "team", "all"] | None,
        typer.Option(help="Who sees it: its user, its team or every user."),
    ] = None,
    team: Annotated[
        str | None, typer.Option(help="The team that it belongs to, one of yours.")
    ] = None,
    user: Annotated[
        str | None, typer.Option(help="The user that it belongs to; not of sessions.")
    ] = None,
    form: FormatOption = Format.TABLE,
) -> None:
    """Show whose a session, dataset or model is, and change who sees it."""
    with gateway() as (client, _):
        if visibility is None and team is None and user is None:
            found = client.owners.of(kind, name)
        else:
            found = client.owners.share(kind, name, visibility=visibility, team=team, user=user)
    if not output.for_programs(form, found.wire()):
        whose = f"user {found.user}, " if found.user else ""
        output.line(f"{kind} {name}: {whose}team {found.team}, visibility {found.visibility}")
