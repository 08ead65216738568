"""What may become a tree: where it really lies, and what in a run folder is not the program's."""

from __future__ import annotations

import os
from pathlib import Path

from trainyard.reporting.artifacts.staging import CannotStage
from trainyard_api import contract
from trainyard_api.files.paths import shown


def source_at(path: Path, run_dir: Path, *, inside: bool = False) -> Path:
    """Where `path` leads, links followed. Raises CannotStage.

    With `inside` it must lie in the run folder.
    """
    try:
        real, run = Path(os.path.realpath(path)), Path(os.path.realpath(run_dir))
        there = real.exists()
    except ValueError as error:
        raise CannotStage(f"that is no path ({error})") from error
    if not there:
        raise CannotStage("there is no such file or folder")
    if inside and not real.is_relative_to(run):
        raise CannotStage(f"it leads to {shown(str(real))}, which is outside of {run_dir}")
    if any(real.is_relative_to(own) for own in own_folders(run_dir)):
        raise CannotStage("it is Trainyard's own folder")
    return real


def name_at(path: Path) -> str:
    """The last name of `path` itself: `best.pt`, also where that is a link to `epoch-3.pt`."""
    return Path(os.path.abspath(path)).name  # noqa: PTH100  # links are not followed


def own_folders(run_dir: Path) -> tuple[Path, ...]:
    """The folders in a run folder that are Trainyard's: what waits for the gateway."""
    run = Path(os.path.realpath(run_dir))
    return (run / contract.ARTIFACTS.partition("/")[0], run / contract.SPOOL)
