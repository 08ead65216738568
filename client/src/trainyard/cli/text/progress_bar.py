"""A progress bar for uploads and downloads."""

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

from trainyard.transfer import Progress, no_progress


@contextmanager
def progress_bar(what: str) -> Iterator[Progress]:
    """Show a bar on standard error while it is a terminal; yields the function that updates it."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield no_progress
        return
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(binary_units=True))
    rest = (TransferSpeedColumn(), TimeRemainingColumn())
    with Bars(*columns, *rest, console=console, transient=True) as bars:
        task = bars.add_task(what, total=None)
        yield lambda done, total: bars.update(task, completed=done, total=total)
