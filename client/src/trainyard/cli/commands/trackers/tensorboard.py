"""`tensorboard`: the user's TensorBoard on the event files of sessions."""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from trainyard import errors
from trainyard.cli import config, output
from trainyard.cli.connection import gateway
from trainyard.cli.errors import UsageProblem
from trainyard.cli.text import formats

if TYPE_CHECKING:
    from trainyard.cli.trackers.event_files import EventFiles
    from trainyard.client import Client

END_SECONDS = 10.0
"""How long TensorBoard has to end."""
NOT_INSTALLED = (
    "TensorBoard is not installed here; install it beside trainyard: pip install tensorboard"
)


def tensorboard(
    sessions: Annotated[list[str], typer.Argument(metavar="SESSION…", help="Names or UIDs.")],
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0 finds a free one.")] = 6006,
    every: Annotated[float, typer.Option(min=1, help="Seconds between two looks.")] = 10.0,
    folder: Annotated[
        Path | None,
        typer.Option(help="Where the event files lie. Default: a folder of the user's cache."),
    ] = None,
) -> None:
    """Start your TensorBoard on the event files of sessions.

    Event files alone are downloaded, and while TensorBoard runs what is added to them. Ctrl-C ends
    both; the next time only what is new is downloaded.
    """
    program = found_program(os.environ)
    if program is None:
        raise UsageProblem(NOT_INSTALLED)
    with gateway() as (client, _):
        found = [client.status(session) for session in sessions]
        uids = {session.uid: session.name for session in found}
        root = folder or cache_folder(os.environ, config.load(os.environ).url, list(uids))
        followed = [followed_files(client, uid, root / name) for uid, name in uids.items()]
        say_found(followed)
        output.remark(f"event files are in {root}")
        process = subprocess.Popen([*program, "--logdir", str(root), "--port", str(port)])
        try:
            code = run(process, followed, every)
        finally:
            end(process)
    if code:
        raise typer.Exit(1)


def run(process: subprocess.Popen[bytes], followed: Sequence[EventFiles], every: float) -> int:
    """Bring what is new until TensorBoard ends; its exit code."""
    away = False
    while True:
        with contextlib.suppress(subprocess.TimeoutExpired):
            return process.wait(every)
        try:
            for one in followed:
                if one.live:
                    one.refresh()
        except errors.TrainyardError as error:
            if not away:
                output.remark(f"nothing new is downloaded for now: {error}", "yellow")
            away = True
        else:
            away = False


def end(process: subprocess.Popen[bytes]) -> None:
    """End TensorBoard, which Ctrl-C has reached, too."""
    process.terminate()
    try:
        process.wait(END_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def followed_files(client: Client, uid: str, folder: Path) -> EventFiles:
    """The event files of a session, all that there is for now."""
    from trainyard.cli.trackers.event_files import EventFiles

    found = EventFiles(client, uid, folder)
    found.refresh()
    return found


def say_found(followed: Sequence[EventFiles]) -> None:
    """Say how many files there are, and what cannot be brought here."""
    for one in followed:
        name = one.folder.name
        if one.files:
            output.remark(f"{name}: {formats.count(one.files, 'event file')}")
        elif one.live:
            output.remark(f"{name}: no event file yet", "yellow")
        else:
            output.remark(f"{name}: its program has left no event file", "yellow")
        for sentence in one.left_out:
            output.remark(f"{name}: {sentence}", "yellow")


def found_program(environment: Mapping[str, str]) -> list[str] | None:
    """The command of TensorBoard; None if there is none."""
    program = shutil.which("tensorboard", path=environment.get("PATH"))
    if program is not None:
        return [program]
    if importlib.util.find_spec("tensorboard") is not None:
        return [sys.executable, "-m", "tensorboard.main"]
    return None


def cache_folder(environment: Mapping[str, str], url: str, uids: Sequence[str]) -> Path:
    """The folder of these sessions of a gateway in the user's cache. Pure."""
    caches = environment.get("XDG_CACHE_HOME") or str(Path(environment.get("HOME", "")) / ".cache")
    key = hashlib.sha256("\n".join([url, *sorted(uids)]).encode()).hexdigest()[:16]
    return Path(caches) / "trainyard" / "tensorboard" / key
