"""Which column is predicted where no user says so."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

TARGET_NAMES = ("target", "label", "class", "y")
"""Names, in any case, that a target has; the first that is there."""


@dataclass(frozen=True, slots=True)
class Target:
    """The chosen column, and why."""

    name: str
    reason: str


def choose(names: Sequence[str], usable: Sequence[str]) -> Target | None:
    """The target among the columns of a table; None if none can be one.

    `names`: all that are not ignored. `usable`: those of them that a model can predict.
    """
    lowered = {name.lower(): name for name in reversed(names)}
    for wanted in TARGET_NAMES:
        name = wanted if wanted in names else lowered.get(wanted)
        if name is None or (wanted == "y" and "x" in lowered):
            continue
        return Target(name, f"it is called {name!r}")
    if not usable:
        return None
    last = usable[-1]
    after = names[-1] != last
    return Target(last, f"it is the last column{' that can be predicted' if after else ''}")
