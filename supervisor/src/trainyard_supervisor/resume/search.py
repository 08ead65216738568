"""Looks for the newest whole checkpoint in a run folder."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from trainyard_supervisor.resume.candidates import Candidate, candidates, glob_pattern
from trainyard_supervisor.resume.choice import Choice, choose
from trainyard_supervisor.resume.listing import Listing, listing
from trainyard_supervisor.resume.structure import Structure
from trainyard_supervisor.resume.wholeness import problem

MOST_SAID = 5
"""Sentences about checkpoints that were set aside."""
_MAGIC = ("*", "?", "[")


class Search:
    """Searches below `root`; what changed until `since` (nanoseconds) is none of the session's."""

    def __init__(self, root: Path, since: int, say: Callable[[str], None]) -> None:
        self._root, self._since, self._say = root, since, say
        self._all: Listing | None = None
        self._said: set[str] = set()

    def newest(
        self, glob: str = "", fits: Callable[[Candidate], bool] = lambda _: True
    ) -> str | None:
        """The path of the newest whole checkpoint; None without one.

        `glob` is relative to the working directory.
        """
        if not glob:
            if self._all is None:
                self._all = listing(self._root, since=self._since)
            return self._chosen(candidates(self._all.entries, None), fits, self._all)
        pattern = below(self._root, Path.cwd(), glob)
        if pattern is None:
            self._tell(f"{{latest-checkpoint:{glob[:200]}}} leads out of the run folder")
            return None
        found = listing(self._root, lambda _: True, self._since, start=_fixed(pattern))
        return self._chosen(candidates(found.entries, glob_pattern(pattern)), fits, found)

    def _chosen(
        self, of: list[Candidate], fits: Callable[[Candidate], bool], found: Listing
    ) -> str | None:
        structure = Structure(self._root)
        choice = choose(
            [one for one in of if fits(one)], lambda one: problem(one, structure.damage)
        )
        self._report(choice, found, structure.unchecked)
        return None if choice.chosen is None else str(self._root / choice.chosen.path)

    def _report(self, choice: Choice, found: Listing, unchecked: int) -> None:
        for aside in choice.aside[:MOST_SAID]:
            self._tell(f"the checkpoint {aside.path} is set aside: {aside.why}")
        if len(choice.aside) > MOST_SAID:
            self._tell(f"{len(choice.aside) - MOST_SAID} more checkpoints are set aside")
        if found.cut_off:
            self._tell(
                f"a newer checkpoint may be missed: {found.cut_off}; name its place, such as "
                "{latest-checkpoint:out/checkpoint-*}"
            )
        if unchecked:
            self._tell(f"{unchecked} files of checkpoints were not checked: it took too long")

    def _tell(self, sentence: str) -> None:
        if sentence not in self._said:
            self._said.add(sentence)
            self._say(sentence)


def below(root: Path, place: Path, glob: str) -> str | None:
    """`glob`, which is relative to `place`, relative to `root`; None if it leads out. Pure."""
    joined = os.path.normpath(place / glob)
    inside = os.path.relpath(joined, root)
    return None if inside.startswith("..") or inside == "." else inside


def _fixed(pattern: str) -> str:
    """The folder above the first name of a glob that is not fixed."""
    parts = pattern.split("/")
    plain = next((n for n, part in enumerate(parts) if any(m in part for m in _MAGIC)), len(parts))
    return "/".join(parts[: min(plain, len(parts) - 1)])
