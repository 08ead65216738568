"""`datasets ls|info|put|rm`."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from trainyard.cli import output
from trainyard.cli.connection import gateway
from trainyard.cli.errors import UsageProblem
from trainyard.cli.output import Format, FormatOption
from trainyard.cli.text import formats
from trainyard.cli.text.progress_bar import progress_bar
from trainyard.cli.text.table import Column, Table, make_table

if TYPE_CHECKING:
    from trainyard.models import Dataset

app = typer.Typer(
    help="Upload, list and describe datasets.", no_args_is_help=True, rich_markup_mode="rich"
)
NameArgument = Annotated[str, typer.Argument(metavar="DATASET")]


@app.command("ls")
def ls(form: FormatOption = Format.TABLE) -> None:
    """List the datasets."""
    with gateway() as (client, clock):
        found = client.datasets().datasets
    data = {"datasets": [d.wire() for d in found]}
    output.show(form, data, listing(found, clock.now(), wide=form is Format.WIDE))


@app.command("info")
def info(name: NameArgument, form: FormatOption = Format.TABLE) -> None:
    """Show format, samples, dimensions, and columns with their types."""
    with gateway() as (client, clock):
        found = client.dataset(name)
    output.show(form, found.wire(), details(found, clock.now()))


@app.command("put")
def put(
    path: Annotated[
        Path, typer.Argument(help="CSV, Parquet, NPZ, NPY, JSONL, text, or images as .zip or .tar.")
    ],
    name: Annotated[
        str | None, typer.Option(help="Default: the file's name without its ending.")
    ] = None,
    form: FormatOption = Format.TABLE,
) -> None:
    """Upload a dataset; an interrupted upload is resumed, and the hash is checked."""
    if not path.is_file():
        raise UsageProblem(f"{path} is not a file; pack a folder of images into one .tar or .zip")
    wanted = name or path.name.split(".")[0]
    with gateway() as (client, _), progress_bar(wanted) as progress:
        found = client.upload_dataset(wanted, path, progress=progress)
    if not output.for_programs(form, found.wire()):
        what = formats.count(found.details.samples, "sample")
        output.done(
            f"dataset {found.name}: {what}, {found.format}, {formats.size(found.size_bytes)}"
        )


@app.command("rm")
def rm(names: Annotated[list[str], typer.Argument(metavar="DATASET...")]) -> None:
    """Delete datasets."""
    with gateway() as (client, _):
        for name in names:
            client.delete_dataset(name)
            output.done(f"dataset {name} deleted")


def listing(found: list[Dataset], now: datetime, *, wide: bool) -> Table:
    """The table of `datasets ls`."""
    columns: list[Column[Dataset]] = [
        Column("NAME", lambda d: d.name),
        Column("FORMAT", lambda d: d.format),
        Column("SAMPLES", lambda d: f"{d.details.samples:,}", right=True),
        Column("DIMENSIONS", lambda d: dimensions(d)),
        Column("SIZE", lambda d: formats.size(d.size_bytes), right=True),
        Column("AGE", lambda d: formats.since(d.created, now), right=True),
        Column("SHA256", lambda d: d.sha256, wide=True),
    ]
    empty = "no datasets; upload one with `trainyard datasets put FILE`"
    return make_table(columns, found, wide=wide, empty=empty)


def details(found: Dataset, now: datetime) -> Table:
    """The table of `datasets info`."""
    facts = [
        ("name", found.name),
        ("format", found.format),
        ("samples", f"{found.details.samples:,}"),
        ("dimensions", dimensions(found)),
        ("size", formats.size(found.size_bytes)),
        ("sha256", found.sha256),
        ("age", formats.since(found.created, now)),
    ]
    if found.details.classes:
        facts.append(("classes", ", ".join(found.details.classes)))
    facts += [(f"column {c.name}", c.type) for c in found.details.columns]
    columns: list[Column[tuple[str, str]]] = [
        Column("FIELD", lambda p: p[0]),
        Column("VALUE", lambda p: p[1]),
    ]
    return make_table(columns, facts, wide=True, empty="")


def dimensions(found: Dataset) -> str:
    """`1797 × 64`."""
    return " × ".join(map(str, found.details.dimensions))
