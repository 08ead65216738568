"""The files of a model's version: restored in a folder, and as a table."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from trainyard.cli import output
from trainyard.cli.commands.folders.files import say_fetched
from trainyard.cli.errors import UsageProblem
from trainyard.cli.text import formats
from trainyard.cli.text.progress_bar import progress_bar
from trainyard.cli.text.table import Column, Table, make_table

if TYPE_CHECKING:
    from trainyard.client import Client
    from trainyard.models import Model
    from trainyard.trees.answers import VersionFile, VersionFiles


def fetch(client: Client, found: Model, target: Path | None) -> None:
    """Restore a version in a folder, by default in one of the model's name here."""
    into = target or Path(found.name)
    if into.exists() and not into.is_dir():
        raise UsageProblem(f"{into} is a file, and {found.name} is a folder; give another one")
    if "pickle" in found.flags:
        output.remark(
            f"{found.name} version {found.version} holds pickles: loading one runs the code in it; "
            f"trainyard models files {found.name} shows which files are pickles",
            "yellow",
        )
    with progress_bar(found.name) as progress:
        fetched = client.trees.fetch(found.name, found.version, into, progress=progress)
    say_fetched(fetched, into, f"model {found.name} version {found.version}, hashes checked: ")


def listing(found: VersionFiles, *, wide: bool) -> Table:
    """The table of `models files`."""
    columns: list[Column[VersionFile]] = [
        Column("NAME", _name),
        Column("SIZE", _size, right=True),
        Column("FLAGS", lambda f: ", ".join(f.flags) or formats.UNKNOWN),
        Column("SHA256", lambda f: f.sha256 or formats.UNKNOWN, wide=True),
        Column("PATH", lambda f: f.path, wide=True),
    ]
    return make_table(columns, found.files, wide=wide, empty="nothing is in this folder")


def _name(file: VersionFile) -> str:
    if file.kind == "folder":
        return f"{file.name}/"
    return f"{file.name} -> {file.target or '?'}" if file.kind == "link" else file.name


def _size(file: VersionFile) -> str:
    return formats.size(file.size_bytes) if file.kind == "file" else formats.UNKNOWN
