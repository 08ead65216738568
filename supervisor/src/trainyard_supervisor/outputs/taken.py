"""What became of the declared outputs. Apart, since what takes them is not always loaded."""

from __future__ import annotations

from typing import Final, NamedTuple


class Taken(NamedTuple):
    """What became of the outputs."""

    in_time: bool
    """Whether there was the time to take them before the end that a stop signal asks for."""
    without_space: tuple[str, ...] = ()
    """Names of outputs for which the volume has no space now."""


NOTHING: Final = Taken(in_time=True)
"""There was nothing to take."""
