"""`uploads ls|rm`."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from trainyard.cli import output
from trainyard.cli.connection import gateway
from trainyard.cli.output import Format, FormatOption
from trainyard.cli.text import formats
from trainyard.cli.text.table import Column, Table, make_table

if TYPE_CHECKING:
    from trainyard.models import UploadSummary

app = typer.Typer(
    help="List and delete uploads that are not complete.",
    no_args_is_help=True,
    rich_markup_mode="rich",
)


class Kind(StrEnum):
    """What is uploaded."""

    DATASETS = "datasets"
    MODELS = "models"


KindArgument = Annotated[Kind, typer.Argument(help="What is uploaded.")]


@app.command("ls")
def ls(kind: KindArgument = Kind.DATASETS, form: FormatOption = Format.TABLE) -> None:
    """List uploads in parts that are not complete, oldest first; a week old, they are deleted."""
    with gateway() as (client, clock):
        found = client.uploads(kind.value).uploads
    data = {"uploads": [u.wire() for u in found]}
    output.show(form, data, listing(found, clock.now(), wide=form is Format.WIDE))


@app.command("rm")
def rm(
    kind: KindArgument,
    ids: Annotated[list[str], typer.Argument(metavar="ID...")],
) -> None:
    """Delete uploads by the id that `uploads ls` shows, with the parts that were received."""
    with gateway() as (client, _):
        for one in ids:
            client.delete_upload(kind.value, one)
            output.done(f"upload {one} deleted")


def listing(found: list[UploadSummary], now: datetime, *, wide: bool) -> Table:
    """The table of `uploads ls`."""
    columns: list[Column[UploadSummary]] = [
        Column("ID", lambda u: u.id),
        Column("NAME", lambda u: u.name),
        Column("OWNER", lambda u: u.owner or formats.UNKNOWN),
        Column("SIZE", lambda u: formats.size(u.size_bytes), right=True),
        Column("PARTS", lambda u: f"{u.received}/{u.parts}", right=True),
        Column("AGE", lambda u: formats.since(u.created, now), right=True),
    ]
    return make_table(columns, found, wide=wide, empty="no uploads that are not complete")
