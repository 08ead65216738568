"""Where a link of a folder leads, as a list of files keeps it."""

from __future__ import annotations

import os
from pathlib import Path

from trainyard_api.files.paths import stays_inside


def target_inside(top: Path, path: str) -> str | None:
    """The target of the link at `top/path`, relative to its own folder; None if it leads out.

    A target is kept as it is written where it is safe with any links beside it, otherwise it
    is replaced by the place that it leads to. `top` has no links in it. Raises OSError.
    """
    place = top / path
    written = os.readlink(place)  # noqa: PTH115  pathlib would rewrite the target
    plain = written.rstrip("/")
    if plain and not plain.startswith("/") and stays_inside(path, plain):
        return plain
    # Not strict: a link to nothing and a link to itself have a place as well.
    resolved = Path(os.path.realpath(place.parent / written))
    if resolved == top or not resolved.is_relative_to(top):
        return None
    relative = Path(os.path.relpath(resolved, place.parent)).as_posix()
    return relative if stays_inside(path, relative) else None
