"""A bar for files on their way; nothing where no person looks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)
from rich.progress import Progress as Bars

from trainyard.transfer import Progress, unseen


@contextmanager
def bar(what: str) -> Iterator[Progress]:
    """A bar on standard error, so that standard output stays for the answer."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield unseen
        return
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(binary_units=True))
    rest = (TransferSpeedColumn(), TimeRemainingColumn())
    with Bars(*columns, *rest, console=console, transient=True) as bars:
        task = bars.add_task(what, total=None)
        yield lambda done, total: bars.update(task, completed=done, total=total)
