"""`files ls|get`: what the program of a session has left in its folder."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from trainyard.cli import output
from trainyard.cli.connection import gateway
from trainyard.cli.errors import FilesNotWhole, UsageProblem
from trainyard.cli.output import Format, FormatOption
from trainyard.cli.text import formats
from trainyard.cli.text.progress_bar import progress_bar
from trainyard.cli.text.table import Column, Table, make_table
from trainyard_api import contract
from trainyard_api.files.names import portable

if TYPE_CHECKING:
    from trainyard.files.answers import RunFile, RunFolder
    from trainyard.files.tree import Fetched

_SHOWN = 20
"""Sentences about single files that are printed."""

app = typer.Typer(
    help="List and download what a session has left in its folder.",
    no_args_is_help=True,
    rich_markup_mode="rich",
)
SessionArgument = Annotated[str, typer.Argument(metavar="SESSION", help="Name or UID.")]
PathArgument = Annotated[
    str,
    typer.Argument(
        metavar="[PATH]",
        help="Below the session's folder, or as the program has it: /data/run/… "
        "Default: the whole folder.",
    ),
]


@app.command("ls")
def ls(
    session: SessionArgument, path: PathArgument = "", form: FormatOption = Format.TABLE
) -> None:
    """List a folder of a session by name, during the run too.

    The program of a folder that was sent starts in work.
    """
    with gateway() as (client, clock):
        found = client.files.folder(session, below_run(path))
    output.remark_more(found.cursor, len(found.files))
    data = {
        "session": found.session,
        "total": found.total,
        "files": [f.wire() for f in found.files],
    }
    output.show(form, data, listing(found, clock.now(), wide=form is Format.WIDE))


@app.command("get")
def get(
    session: SessionArgument,
    path: PathArgument = "",
    target: Annotated[
        Path | None, typer.Argument(help="File or folder. Default: the last name of PATH here.")
    ] = None,
) -> None:
    """Download a file, or a folder with all that is below it.

    What was downloaded before is not sent again, and an interrupted download is resumed. A file
    that is here with other content stays. Links are not followed. Ends with 6 when something is not
    here as the session has it.
    """
    place = below_run(path)
    with gateway() as (client, _), progress_bar(path or session) as progress:
        found = client.files.folder(session, place)
        into, last = target or Path(), portable((place or session).rpartition("/")[2])
        if found.kind == "folder":
            into = target or into / last
            fetched = client.files.fetch(session, place, into, progress=progress)
        elif found.kind == "file" and found.files:
            into = into / last if into.is_dir() else into
            if not into.parent.is_dir():
                raise UsageProblem(f"there is no folder {into.parent}; make it first")
            file = found.files[0]
            fetched = client.files.fetch_file(
                session, file, into, live=found.live, progress=progress
            )
        else:
            raise UsageProblem(f"{path} is no file and no folder: nothing of it is read")
    say_fetched(fetched, into)


def say_fetched(fetched: Fetched, into: Path, what: str = "") -> None:
    """Say what was downloaded. Raises FilesNotWhole where something is missing or different."""
    for sentences, word in ((fetched.renamed, "renamed"), (fetched.left_out, "left out")):
        for sentence in _first(sentences):
            output.remark(f"{word}: {sentence}", "yellow")
    files = formats.count(fetched.files, "file")
    output.done(f"{what}{files} ({formats.size(fetched.size_bytes)}) in {into}")
    if fetched.not_whole:
        raise FilesNotWhole("; ".join(_first(fetched.not_whole)))


def _first(sentences: list[str]) -> list[str]:
    more = len(sentences) - _SHOWN
    return sentences[:_SHOWN] + ([f"and {more} more"] if more > 0 else [])


def below_run(path: str) -> str:
    """A path below the session's folder; the program's own `/data/run/…` is one too. Pure."""
    if path == contract.RUN_DIR or path.startswith(f"{contract.RUN_DIR}/"):
        path = path[len(contract.RUN_DIR) :].lstrip("/")
    return "" if path in (".", "/") else path.removeprefix("./").removesuffix("/")


def listing(found: RunFolder, now: datetime, *, wide: bool) -> Table:
    """The table of `files ls`."""
    columns: list[Column[RunFile]] = [
        Column("NAME", _name),
        Column(
            "SIZE", lambda f: formats.size(f.size_bytes) if f.kind == "file" else "-", right=True
        ),
        Column("AGE", lambda f: formats.since(f.modified, now), right=True),
        Column("PATH", lambda f: f.path, wide=True),
    ]
    return make_table(columns, found.files, wide=wide, empty="nothing is in this folder")


def _name(file: RunFile) -> str:
    if file.kind == "folder":
        return f"{file.name}/"
    if file.kind == "link":
        return f"{file.name} -> {file.target or '?'}"
    return file.name if file.kind == "file" else f"{file.name} (no file)"
