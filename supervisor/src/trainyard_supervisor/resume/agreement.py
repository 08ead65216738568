"""One choice for all workers of an attempt: the first one makes it, and the others read it.

Each would see another state of the run folder: the first worker's program already writes.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from trainyard_supervisor.errors import CannotStart

FILE = ".resume-{attempt:06d}.json"
WAIT_SECONDS = 900.0
"""How long other workers wait for the first one."""
PAUSE_SECONDS = 0.2
_MOST_BYTES = 1 << 20


def publish(run_dir: Path, attempt: int, chosen: Mapping[str, str | None]) -> None:
    """Leave the choice for the other workers. Raises OSError."""
    place = run_dir / FILE.format(attempt=attempt)
    beside = place.with_suffix(".part")
    beside.write_text(json.dumps(dict(chosen)))
    beside.replace(place)


def awaited(
    run_dir: Path, attempt: int, stopped: Callable[[], bool], seconds: float = WAIT_SECONDS
) -> dict[str, str | None]:
    """The first worker's choice; {} if a stop signal came. Raises CannotStart."""
    place, until = run_dir / FILE.format(attempt=attempt), time.monotonic() + seconds
    while not stopped():
        # Listing the folder makes a network volume look again.
        if place in _names(run_dir):
            return _read(place)
        if time.monotonic() > until:
            raise CannotStart(
                "CheckpointNotChosen",
                f"The first worker did not choose a checkpoint within {seconds:g} s.",
                "Look at the first worker's log, and at the speed of the data volume.",
            )
        time.sleep(PAUSE_SECONDS)
    return {}


def _names(folder: Path) -> set[Path]:
    try:
        return {path for path in folder.iterdir() if path.name.startswith(".resume-")}
    except OSError:
        return set()


def _read(place: Path) -> dict[str, str | None]:
    try:
        with place.open("rb") as file:
            found: Any = json.loads(file.read(_MOST_BYTES))
        return {str(glob): None if path is None else str(path) for glob, path in found.items()}
    except (OSError, ValueError, AttributeError) as error:
        raise CannotStart(
            "CheckpointNotChosen",
            f"The first worker's choice of a checkpoint cannot be read: {error}.",
        ) from error
