"""`code push|get`: a folder as a bundle of code, and back."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from trainyard.cli import output
from trainyard.cli.connection import gateway
from trainyard.cli.errors import UsageProblem
from trainyard.cli.output import Format, FormatOption
from trainyard.cli.text.progress_bar import progress_bar

if TYPE_CHECKING:
    from trainyard.client import Client
    from trainyard.code.bundle import Bundle

_BUNDLE = re.compile("[0-9a-f]{64}")
_SECRETS = (
    "who may read sessions can get what is sent: list such files in .trainyardignore, and give the "
    "program their values by --secret"
)

app = typer.Typer(
    help="Send folders with programs, and get them back.",
    no_args_is_help=True,
    rich_markup_mode="rich",
)


@app.command("push")
def push(
    folder: Annotated[Path, typer.Argument(metavar="[FOLDER]")] = Path(),
    form: FormatOption = Format.TABLE,
) -> None:
    """Send a folder as a bundle of code, and print its name.

    What .gitignore and .trainyardignore leave out stays here, and .git always does. Only files that
    the gateway lacks are sent.
    """
    with gateway() as (client, _):
        bundle = client.code.read(folder)
        describe(bundle)
        send(client, bundle)
    data = {"bundle": bundle.name, "files": len(bundle.manifest.files)}
    if not output.for_programs(form, data):
        output.line(bundle.name)


@app.command("get")
def get(
    session: Annotated[
        str, typer.Argument(metavar="SESSION", help="Name or UID; or the name of a bundle.")
    ],
    folder: Annotated[
        Path | None, typer.Argument(help="New folder. Default: the session's name.")
    ] = None,
) -> None:
    """Write the code of a session into a new folder: files, links and modes as they were sent."""
    with gateway() as (client, _):
        bundle = session if _BUNDLE.fullmatch(session) else _bundle_of(client, session)
        target = folder or Path(session[:48])
        manifest = client.code.restore(bundle, target)
    output.done(f"{len(manifest.files)} files written to {target}")


def _bundle_of(client: Client, session: str) -> str:
    found = client.status(session)
    if found.spec.code is None:
        raise UsageProblem(
            f"{found.name} was started without a folder: its program is in the runtime's image"
        )
    return found.spec.code.bundle


def describe(bundle: Bundle) -> None:
    """Say what will be sent, before it is: files, bytes, the largest, secrets, what is left out."""
    from trainyard.code.bundle import largest_files, size_text
    from trainyard.secret_files import suspicious

    files = bundle.manifest.files
    total = size_text(bundle.manifest.size_bytes)
    count = f"{len(files)} file{'s' if len(files) != 1 else ''}"
    largest = ", ".join(largest_files(bundle.contents.files))
    output.remark(f"{count}, {total}; the largest: {largest}", "dim")
    for sentence in bundle.contents.left_out:
        output.remark(f"left out: {sentence}", "yellow")
    secrets = suspicious(bundle.contents.top, [file.path for file in files])
    for sentence in secrets:
        output.remark(f"a secret? {sentence}", "yellow")
    if secrets:
        output.remark(_SECRETS, "yellow")


def send(client: Client, bundle: Bundle) -> None:
    """Send what the gateway lacks, and say how much it was."""
    from trainyard.code.bundle import size_text

    sent = 0

    with progress_bar("sending") as bar:

        def count(done: int, total: int | None) -> None:
            nonlocal sent
            sent = max(sent, done)
            bar(done, total)

        client.code.push(bundle, count)
    output.remark(f"sent {size_text(sent)}" if sent else "nothing new to send", "dim")
