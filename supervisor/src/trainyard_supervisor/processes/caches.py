"""Caches on the volume, or in scratch space where those cannot be used.

A cache saves time and is never needed: no program may fail for a full or broken one.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

NEEDED_BYTES = 256 << 20
"""With less free space on the volume a cache would only be filled to end in errors."""


def usable(
    environment: Mapping[str, str], kept: Path, scratch: str
) -> tuple[dict[str, str], str | None]:
    """Variables to change so that programs find a cache, and what to say of it.

    Those that name a folder at or below `kept` get the one below `scratch` if nothing can be
    written to `kept`. Others stay.
    """
    below = f"{kept}/"
    found = {n: v for n, v in environment.items() if v == str(kept) or v.startswith(below)}
    wrong = _problem(kept) if found else None
    if wrong is None:
        return {}, None
    changed = {name: scratch + value[len(str(kept)) :] for name, value in found.items()}
    return changed, f"the caches on the volume are not used, {wrong}; caches are in {scratch}"


def _problem(folder: Path) -> str | None:
    """What is wrong with a folder of caches; None if it can be used."""
    probe = folder / f".probe-{os.getpid()}-{os.urandom(4).hex()}"
    try:
        room = os.statvfs(folder)
        if room.f_bavail * room.f_frsize < NEEDED_BYTES:
            return f"the volume has less than {NEEDED_BYTES >> 20} MiB left"
        with probe.open("wb") as file:
            file.write(bytes(4096))
            file.flush()
            os.fsync(file.fileno())
        probe.unlink()
    except OSError as error:
        return f"nothing can be written there: {error.strerror}"
    return None
