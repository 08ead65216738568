"""The newest whole checkpoint of a run folder. Pure.

Guarantees, for candidates whose names say what they are:

- A checkpoint with a problem is never chosen.
- None is chosen that is older than a whole one, except that what was saved to continue comes
  before the best one of the same folder.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from trainyard_supervisor.resume.candidates import Candidate, Role


class SetAside(NamedTuple):
    """A checkpoint that would have been chosen but for its problem."""

    path: str
    why: str


class Choice(NamedTuple):
    """The chosen checkpoint, None for none, and the newer ones that were set aside."""

    chosen: Candidate | None
    aside: tuple[SetAside, ...]


def choose(candidates: Sequence[Candidate], problem: Callable[[Candidate], str | None]) -> Choice:
    """The newest candidate without a problem; `problem` says in words what is wrong with one."""
    order = sorted(candidates, key=lambda one: one.age_key, reverse=True)
    known: dict[str, str | None] = {}

    def wrong(one: Candidate) -> str | None:
        if one.path not in known:
            known[one.path] = "it is still being written" if one.temporary else problem(one)
        return known[one.path]

    def in_turn(one: Candidate) -> bool:
        """Not the best one, if there is one of its folder to continue from."""
        return one.role is not Role.BEST or not any(
            o.role is Role.STATE and o.group == one.group and not wrong(o) for o in order
        )

    aside: list[SetAside] = []
    for one in sorted(order, key=lambda one: one.role is Role.PLAIN):
        if not in_turn(one):
            continue
        why = wrong(one)
        if why is None:
            return Choice(one, tuple(aside))
        aside.append(SetAside(one.path, why))
    return Choice(None, tuple(aside))
