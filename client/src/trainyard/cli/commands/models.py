"""`models ls|info|get|files|put|verify|rm`."""

from __future__ import annotations

import tempfile
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from trainyard import transfer
from trainyard.cli import output, verification
from trainyard.cli.commands.folders import trees
from trainyard.cli.connection import gateway
from trainyard.cli.errors import Exit, UsageProblem
from trainyard.cli.output import Format, FormatOption
from trainyard.cli.text import formats
from trainyard.cli.text.progress_bar import progress_bar
from trainyard.cli.text.table import Column, Table, make_table

if TYPE_CHECKING:
    from trainyard.models import Model

app = typer.Typer(
    help="List, download, upload, verify and delete models.",
    no_args_is_help=True,
    rich_markup_mode="rich",
)
NOTES_SHOWN = 20
NameArgument = Annotated[str, typer.Argument(metavar="MODEL")]


@app.command("ls")
def ls(
    name: Annotated[
        str | None, typer.Argument(metavar="[MODEL]", help="All versions of this model.")
    ] = None,
    form: FormatOption = Format.TABLE,
) -> None:
    """List the newest version of every model, or all versions of one."""
    with gateway() as (client, clock):
        page = client.versions(name) if name else client.models()
    found = page.models
    output.remark_more(page.cursor, len(found))
    data = {"models": [m.wire() for m in found]}
    output.show(form, data, listing(found, clock.now(), wide=form is Format.WIDE))


@app.command("info")
def info(
    name: NameArgument,
    version: Annotated[int | None, typer.Option(min=1, help="Default: the newest.")] = None,
    form: FormatOption = Format.TABLE,
) -> None:
    """Show a model's card: where it comes from, its metrics, its hash."""
    with gateway() as (client, clock):
        found = client.model(name, version)
    output.show(form, found.wire(), details(found, clock.now()))


@app.command("get")
def get(
    name: NameArgument,
    target: Annotated[
        Path | None,
        typer.Argument(
            help="File or folder. Default: MODEL.safetensors here, or the folder MODEL for a tree."
        ),
    ] = None,
    version: Annotated[int | None, typer.Option(min=1, help="Default: the newest.")] = None,
) -> None:
    """Download a model, a file or a folder; an interrupted download is resumed.

    Hashes are checked. A file that is there and has other content is not overwritten. Of a folder,
    files that are there already are not sent again; ends with 6 when something is not here as the
    model has it.
    """
    if target is not None and not target.parent.is_dir():
        raise UsageProblem(f"there is no folder {target.parent}; make it first")
    with gateway() as (client, _):
        found = client.model(name, version)
        if found.kind == "tree":
            trees.fetch(client, found, target)
            return
        path = target or Path()
        if path.is_dir():
            path = path / f"{name}.safetensors"
        if path.exists() and transfer.hash_of(path) != found.sha256:
            raise UsageProblem(f"{path} is there with other content; give another FILE")
        with progress_bar(name) as progress:
            client.download_model(name, path, found.version, progress=progress)
    output.done(f"model {name} is in {path} ({formats.size(path.stat().st_size)}, hash checked)")


@app.command("files")
def files(
    name: NameArgument,
    path: Annotated[
        str, typer.Argument(metavar="[PATH]", help="Folder or file in it. Default: everything.")
    ] = "",
    version: Annotated[int | None, typer.Option(min=1, help="Default: the newest.")] = None,
    form: FormatOption = Format.TABLE,
) -> None:
    """List the files of a model with their sizes, flags and hashes.

    The flag pickle is on files that run code when Python loads them.
    """
    with gateway() as (client, _):
        number = version or client.model(name).version
        place = path.removeprefix("./").removesuffix("/")
        found = client.trees.files(name, number, "" if place == "." else place)
    output.remark_more(found.cursor, len(found.files))
    output.show(form, found.wire(), trees.listing(found, wide=form is Format.WIDE))


@app.command("put")
def put(
    path: Annotated[Path, typer.Argument(help="A safetensors file.")],
    name: Annotated[
        str | None, typer.Option(help="Default: the file's name without its ending.")
    ] = None,
    form: FormatOption = Format.TABLE,
) -> None:
    """Upload a safetensors file as the next version; an interrupted upload is resumed."""
    if not path.is_file():
        raise UsageProblem(f"{path} is not a file; models are safetensors files")
    wanted = name or path.stem
    with gateway() as (client, _), progress_bar(wanted) as progress:
        found = client.upload_model(wanted, path, progress=progress)
    if not output.for_programs(form, found.wire()):
        output.done(
            f"model {found.name} version {found.version} ({formats.size(found.size_bytes)})"
        )


@app.command("verify")
def verify(
    name: Annotated[str, typer.Argument(metavar="MODEL[@VERSION]")],
    dataset: Annotated[
        Path | None,
        typer.Option(help="The dataset's file. Default: download the one that the card names."),
    ] = None,
) -> None:
    """Measure again what a model's card states, from its file and the dataset's.

    Prints what is stated and what is measured; ends with 1 when they differ. Runs on this computer
    and needs the package trainyard-trainer with PyTorch in the same Python as this program.
    """
    wanted, version = _name_and_version(name)
    if dataset is not None and not dataset.is_file():
        raise UsageProblem(
            f"{dataset} is not a file; give the file that was uploaded as the dataset"
        )
    verification.require_trainer(wanted)
    with tempfile.TemporaryDirectory() as text:
        folder = Path(text)
        file = folder / "model.safetensors"
        with gateway() as (client, _):
            if dataset is None:
                version, dataset = verification.fetch_dataset(client, wanted, version, folder)
            with progress_bar(wanted) as progress:
                client.download_model(wanted, file, version, progress=progress)
        code = verification.measured(file, dataset)
    if code != 0:
        raise typer.Exit(Exit.NOT_SUCCEEDED)


def _name_and_version(text: str) -> tuple[str, int | None]:
    """`digits@3` as name and version."""
    name, at, version = text.partition("@")
    if not at and ":" in text:
        raise UsageProblem(
            f"{text!r}: a version stands behind @, as in {text.replace(':', '@', 1)}"
        )
    if not at:
        return name, None
    if not version.isascii() or not version.isdigit() or not 1 <= int(version[:12]) < 2**31:
        raise UsageProblem(f"{text!r}: a version is a number from 1, as in {name}@3")
    return name, int(version)


@app.command("rm")
def rm(
    names: Annotated[list[str], typer.Argument(metavar="MODEL[@VERSION]...")],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Delete models with all their versions, or single versions.

    trainyard models rm digits@3

    The other versions keep their numbers, and the number of a deleted one is not given again as
    long as the model has others.
    """
    wanted = [_name_and_version(name) for name in names]
    with gateway() as (client, _):
        for name, version in wanted:
            if version is not None:
                # Asked is about what is there.
                found = client.model(name, version)
                size = formats.size(found.size_bytes)
                _confirm(f"delete version {version} of {name} ({size})?", yes)
                client.delete_version(name, version)
                output.done(f"version {version} of model {name} deleted")
                continue
            versions = len(client.versions(name).models)
            _confirm(f"delete {name} with {formats.count(versions, 'version')}?", yes)
            client.delete_model(name)
            output.done(f"model {name} deleted")


def listing(found: list[Model], now: datetime, *, wide: bool) -> Table:
    """The table of `models ls`."""
    columns: list[Column[Model]] = [
        Column("NAME", lambda m: m.name),
        Column("VERSION", lambda m: str(m.version), right=True),
        Column("METRICS", lambda m: metrics(m.card)),
        Column("SESSION", lambda m: str(part(m.card, "session").get("name") or formats.UNKNOWN)),
        Column("FILES", lambda m: f"{m.files:,}", right=True),
        Column("SIZE", lambda m: formats.size(m.size_bytes), right=True),
        Column("AGE", lambda m: formats.since(m.created, now), right=True),
        Column("FLAGS", lambda m: ", ".join(m.flags) or formats.UNKNOWN, wide=True),
        Column("SHA256", lambda m: m.sha256, wide=True),
    ]
    empty = "no models; a session that succeeds makes one"
    return make_table(columns, found, wide=wide, empty=empty)


def details(found: Model, now: datetime) -> Table:
    """The table of `models info`."""
    named = part(found.card, "metrics")
    facts = [
        ("name", found.name),
        ("version", str(found.version)),
        ("session", str(part(found.card, "session").get("name") or formats.UNKNOWN)),
        ("dataset", str(part(found.card, "dataset").get("name") or formats.UNKNOWN)),
        ("kind", found.kind),
        ("files", f"{found.files:,}"),
        ("size", formats.size(found.size_bytes)),
        ("flags", ", ".join(found.flags) or formats.UNKNOWN),
        ("age", formats.since(found.created, now)),
        ("sha256", found.sha256),
        ("epochs", _epochs(found.card)),
        *((name, formats.number(named[name])) for name in sorted(named)),
        *(("note", str(note)) for note in _notes(found.card)),
    ]
    columns: list[Column[tuple[str, str]]] = [
        Column("FIELD", lambda p: p[0]),
        Column("VALUE", lambda p: p[1]),
    ]
    return make_table(columns, [f for f in facts if f[1] != formats.UNKNOWN], wide=True, empty="")


def metrics(card: dict[str, Any]) -> str:
    """`val/accuracy 0.971, val/loss 0.0934` of a model card; validation first, at most three."""
    named = part(card, "metrics")
    order = sorted(named, key=lambda n: (not n.startswith("val/"), n))
    return ", ".join(f"{n} {formats.number(named[n])}" for n in order[:3]) or formats.UNKNOWN


def _epochs(card: dict[str, Any]) -> str:
    """`2 of 60`: after which of the trained epochs the weights were taken."""
    own, trained = card.get("epochs"), part(card, "trained").get("epochs")
    if not isinstance(own, int) or not isinstance(trained, int):
        return formats.UNKNOWN
    return f"{own:,} of {trained:,}"


def _notes(card: dict[str, Any]) -> list[Any]:
    found = card.get("notes")
    return found[:NOTES_SHOWN] if isinstance(found, list) else []


def part(card: dict[str, Any], name: str) -> dict[str, Any]:
    """One part of a card; {} if it is not an object. The card comes from the file."""
    found = card.get(name)
    return found if isinstance(found, dict) else {}


def _confirm(question: str, yes: bool) -> None:
    if not yes and not typer.confirm(question):
        raise UsageProblem("nothing was deleted; --yes deletes without asking")
