"""What a session asks for, independent of the file that said so."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Requirement:
    """One requirement that passed the check."""

    name: str
    """As PEP 503 normalises it."""
    text: str
    """Name, extras, versions and marker."""
    hashes: tuple[str, ...] = ()
    """Such as `sha256:…`; () if none was given."""

    @property
    def pinned(self) -> str | None:
        """The one version that it allows, if it names one."""
        found = re.search(r"(?<![=!<>~])===?\s*([^\s,;*)]+)\s*(?:\)|;|$)", self.text)
        return found[1] if found else None


@dataclass(frozen=True)
class Asked:
    """Requirements, and what binds their versions."""

    requirements: tuple[Requirement, ...] = ()
    constraints: tuple[Requirement, ...] = ()
    overrides: tuple[Requirement, ...] = ()
    python: str = ""
    """Versions of Python, such as `>=3.10`."""
    prereleases: bool = False
    whole: bool = False
    """Whether it is a lock: all that is needed is listed, and nothing else is installed."""
    notes: tuple[str, ...] = ()
    """Sentences for the log: what was understood otherwise than it is written."""

    def __add__(self, other: Asked) -> Asked:
        return Asked(
            self.requirements + other.requirements,
            self.constraints + other.constraints,
            self.overrides + other.overrides,
            ",".join(filter(None, (self.python, other.python))),
            self.prereleases or other.prereleases,
            self.whole or other.whole,
            self.notes + other.notes,
        )

    @property
    def hashed(self) -> bool:
        """Whether any requirement has a hash."""
        return any(one.hashes for one in self.requirements)


def normalised(name: str) -> str:
    """The name of a package as PEP 503 compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()
