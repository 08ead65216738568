"""How far the values of a run are copied, as the text of a tag. Pure.

A tag that is set with a portion of values says how many were there before it. So what it says is
there, also if that call was done in part.
"""

from __future__ import annotations

from typing import NamedTuple

_AGAIN = "again"
_FIRST = "first"


class Reached(NamedTuple):
    """The metric whose values are being copied; all metrics before it are here."""

    metric: str
    values: int
    """How many of its values are here, in the source's order."""


def text_of(state: str, reached: Reached, *, again: bool) -> str:
    """What a tag says of a run that is copied in part.

    `state`: of the run at the source. `again`: another state of it is here.
    """
    return f"{state} {_AGAIN if again else _FIRST} {reached.values} {reached.metric}"


def reached_of(text: str | None, state: str) -> Reached | None:
    """How far a run in this state was copied; None if nothing of that state is known to be here."""
    parts = (text or "").split(" ", 3)
    if len(parts) != 4 or parts[0] != state or not parts[2].isascii() or not parts[2].isdecimal():
        return None
    return Reached(parts[3], int(parts[2]))


def is_again(text: str | None) -> bool:
    """Whether another state of the run was here when this tag was set, or is it now."""
    if text is None:
        return False
    parts = text.split(" ", 3)
    return len(parts) != 4 or parts[1] == _AGAIN
