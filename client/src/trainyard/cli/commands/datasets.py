"""`datasets ls|info|schema|put|get|rm`, and `uploads ls|rm`."""

from __future__ import annotations

import re
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from trainyard import transfer
from trainyard.cli import output
from trainyard.cli import schema_options as options
from trainyard.cli.connection import gateway
from trainyard.cli.errors import UsageProblem
from trainyard.cli.output import Format, FormatOption
from trainyard.cli.text import dataset_fields, formats
from trainyard.cli.text.progress_bar import progress_bar
from trainyard.cli.text.table import Column, Table, make_table

if TYPE_CHECKING:
    from trainyard.models import Dataset, DatasetEntry, UploadSummary

app = typer.Typer(
    help="Upload, list, download, describe and correct datasets.",
    no_args_is_help=True,
    rich_markup_mode="rich",
)


class Choice(StrEnum):
    """A choice that can be taken back."""

    TARGET = "target"
    IGNORE = "ignore"
    TYPES = "types"
    MISSING = "missing"
    DELIMITER = "delimiter"
    DECIMAL = "decimal"
    HEADER = "header"
    IMAGE_SIZE = "image-size"
    IMAGE_CLASS = "image-class"
    CHANNEL_AXIS = "channel-axis"

    @property
    def field(self) -> str:
        """Its name in JSON."""
        first, *rest = self.value.split("-")
        return first + "".join(word.capitalize() for word in rest)


_ENDING = re.compile(r"(\.tar)?\.[a-z0-9]{1,8}\Z")
NameArgument = Annotated[str, typer.Argument(metavar="DATASET")]


@app.command("ls")
def ls(form: FormatOption = Format.TABLE) -> None:
    """List the datasets."""
    with gateway() as (client, clock):
        page = client.datasets()
    found = page.datasets
    output.remark_more(page.cursor, len(found))
    data = {"datasets": [d.wire() for d in found]}
    output.show(form, data, listing(found, clock.now(), wide=form is Format.WIDE))


@app.command("info")
def info(name: NameArgument, form: FormatOption = Format.TABLE) -> None:
    """Show the schema: target and why, columns with their types, and what was guessed."""
    with gateway() as (client, clock):
        found = client.dataset(name)
    _show(form, found, clock.now())


@app.command("schema")
@options.reading_options
def schema(
    name: NameArgument,
    reading: options.Reading,
    unset: Annotated[
        list[Choice] | None, typer.Option(help="Let the reader guess again. Repeatable.")
    ] = None,
    form: FormatOption = Format.TABLE,
) -> None:
    """Show the schema of a dataset, or correct it: its file is read again, as chosen.

    What was chosen before stays; `--set zip=` takes the choice of one column back. `--ignore` and
    `--missing` replace the list that was chosen before. Sessions that already run keep the schema
    that they began with.
    """
    changes = reading | {choice.field: None for choice in unset or []}
    with gateway() as (client, clock):
        found = client.correct_schema(name, changes) if changes else client.dataset(name)
    _show(form, found, clock.now())


@app.command("get")
def get(
    name: NameArgument,
    target: Annotated[
        Path | None,
        typer.Argument(
            metavar="[FILE]", help="File or folder. Default: DATASET with its ending, here."
        ),
    ] = None,
) -> None:
    """Download a dataset as it was uploaded; an interrupted download is resumed.

    The hash is checked. A file that is there and has other content is not overwritten.
    """
    path = target or Path()
    if not path.is_dir() and not path.parent.is_dir():
        raise UsageProblem(f"there is no folder {path.parent}; make it first")
    with gateway() as (client, _), progress_bar(name) as progress:
        found = client.dataset(name)
        if path.is_dir():
            path = path / f"{name.removesuffix(_ending(found.file))}{_ending(found.file)}"
        if path.exists() and transfer.hash_of(path) != found.sha256:
            raise UsageProblem(f"{path} is there with other content; give another FILE")
        client.download_dataset(name, path, progress=progress)
    output.done(f"dataset {name} is in {path} ({formats.size(path.stat().st_size)}, hash checked)")


@app.command("put")
@options.reading_options
def put(
    path: Annotated[
        Path,
        typer.Argument(help="CSV, TSV, Parquet, NPZ, NPY, JSONL, text, or images as .zip or .tar."),
    ],
    reading: options.Reading,
    name: Annotated[
        str | None, typer.Option(help="Default: the file's name without its ending.")
    ] = None,
    form: FormatOption = Format.TABLE,
) -> None:
    """Upload a dataset; an interrupted upload is resumed, and the hash is checked.

    What the reader guessed is shown. `trainyard datasets schema` corrects it.
    """
    from trainyard_api.datasets.choices import SchemaChoices

    if not path.is_file():
        raise UsageProblem(f"{path} is not a file; pack a folder of images into one .tar or .zip")
    choices = SchemaChoices.model_validate(reading) if reading else None
    wanted = name or path.name.split(".")[0]
    with gateway() as (client, _), progress_bar(wanted) as progress:
        found = client.upload_dataset(wanted, path, choices=choices, progress=progress)
    if not output.for_programs(form, found.wire()):
        for line in uploaded(found):
            output.done(line)


@app.command("rm")
def rm(names: Annotated[list[str], typer.Argument(metavar="DATASET...")]) -> None:
    """Delete datasets."""
    with gateway() as (client, _):
        for name in names:
            client.delete_dataset(name)
            output.done(f"dataset {name} deleted")


def _ending(file: str) -> str:
    """`.csv` or `.tar.gz`; empty where the gateway names no file."""
    found = _ENDING.search(file)
    return found.group() if found else ""


def listing(found: list[DatasetEntry], now: datetime, *, wide: bool) -> Table:
    """The table of `datasets ls`."""
    columns: list[Column[DatasetEntry]] = [
        Column("NAME", lambda d: d.name),
        Column("FORMAT", lambda d: d.format),
        Column("SAMPLES", lambda d: f"{d.details.samples:,}", right=True),
        Column("DIMENSIONS", lambda d: dataset_fields.dimensions(d.details)),
        Column("SIZE", lambda d: formats.size(d.size_bytes), right=True),
        Column("AGE", lambda d: formats.since(d.created, now), right=True),
        Column("SHA256", lambda d: d.sha256, wide=True),
    ]
    empty = "no datasets; upload one with `trainyard datasets put FILE`"
    return make_table(columns, found, wide=wide, empty=empty)


def uploaded(found: Dataset) -> list[str]:
    """What `datasets put` says: what there is, and what was guessed."""
    what = formats.count(found.details.samples, "sample")
    size = formats.size(found.size_bytes)
    lines = [f"dataset {found.name}: {what}, {found.format}, {size}"]
    if chosen := dataset_fields.target(found.details):
        lines.append(f"target {chosen}")
    return [*lines, *(f"note: {note}" for note in found.details.notes)]


def _show(form: Format, found: Dataset, now: datetime) -> None:
    if output.for_programs(form, found.wire()):
        return
    output.print_table(dataset_fields.facts(found, now))
    if found.details.columns:
        output.line("")
        output.print_table(dataset_fields.columns(found.details))
    if more := dataset_fields.left_out(found.details):
        output.line(more)


uploads = typer.Typer(
    help="List and delete uploads that are not complete.",
    no_args_is_help=True,
    rich_markup_mode="rich",
)


class Kind(StrEnum):
    """What is uploaded."""

    DATASETS = "datasets"
    MODELS = "models"


KindArgument = Annotated[Kind, typer.Argument(help="What is uploaded.")]


@uploads.command("ls")
def uploads_ls(kind: KindArgument = Kind.DATASETS, form: FormatOption = Format.TABLE) -> None:
    """List uploads in parts that are not complete, oldest first; a week old, they are deleted."""
    with gateway() as (client, clock):
        found = client.uploads(kind.value).uploads
    data = {"uploads": [u.wire() for u in found]}
    output.show(form, data, uploads_listing(found, clock.now(), wide=form is Format.WIDE))


@uploads.command("rm")
def uploads_rm(
    kind: KindArgument,
    ids: Annotated[list[str], typer.Argument(metavar="ID...")],
) -> None:
    """Delete uploads by the id that `uploads ls` shows, with the parts that were received."""
    with gateway() as (client, _):
        for one in ids:
            client.delete_upload(kind.value, one)
            output.done(f"upload {one} deleted")


def uploads_listing(found: list[UploadSummary], now: datetime, *, wide: bool) -> Table:
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
