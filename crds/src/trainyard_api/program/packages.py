"""Packages of a session's program, installed over those of its runtime."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated, ClassVar, Final

from pydantic import BeforeValidator, Field

from trainyard_api.code import BUNDLE_PATTERN, RELATIVE_PATH_PATTERN
from trainyard_api.model import OpenModel, Rule, RuledModel
from trainyard_api.visible_text import visible

MOST_REQUIREMENTS: Final = 500
"""Lines of requirements that one session may give."""
LONGEST_REQUIREMENT: Final = 1000
REQUIREMENT_PATTERN: Final = r"^[A-Za-z0-9][^\x00-\x1f\x7f]*$"
"""A requirement begins with a name. Options such as --index-url are the administrator's."""
FILE_NAMES: Final = "(^|/)(pyproject[.]toml|uv[.]lock)$|[.](txt|py)$"
"""Names of files that list packages, as a regular expression."""
FILE_MESSAGE: Final = (
    "file names no list of packages: it is a requirements file that ends in .txt, a pyproject.toml,"
    " a uv.lock, or a .py with inline script metadata"
)

_FILE_NAMES = re.compile(FILE_NAMES)


def _requirement(given: object) -> object:
    if isinstance(given, str) and re.match(REQUIREMENT_PATTERN, given) is None:
        raise ValueError(
            f"{visible(given[:80])!r} is no requirement: write one in each line, such as einops or "
            "transformers>=5; options such as --index-url are the administrator's"
        )
    return given


def _file(given: object) -> object:
    if isinstance(given, str) and re.match(RELATIVE_PATH_PATTERN, given) is None:
        raise ValueError(
            f"{visible(given[:80])!r} is no path within the code bundle: write it relative to the top "
            "of the folder that was sent, with / between names"
        )
    return given


Requirement = Annotated[
    str,
    Field(min_length=1, max_length=LONGEST_REQUIREMENT, pattern=REQUIREMENT_PATTERN),
    BeforeValidator(_requirement),
]
PackagesFile = Annotated[
    str,
    Field(min_length=1, max_length=1000, pattern=RELATIVE_PATH_PATTERN),
    BeforeValidator(_file),
]


def lists_packages(path: str) -> bool:
    """Whether a file of this name lists packages."""
    return _FILE_NAMES.search(path) is not None


class Packages(RuledModel):
    """Packages that are installed over those of the runtime before the session waits for GPUs."""

    file: PackagesFile | None = None
    """File of the code bundle that lists them: requirements (.txt), pyproject.toml, uv.lock, or a .py with inline script metadata."""
    requirements: list[Requirement] | None = Field(
        default=None, min_length=1, max_length=MOST_REQUIREMENTS
    )
    """The same as lines, such as `transformers>=5`, for sessions without such a file."""

    RULES: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel="has(self.file) != has(self.requirements)",
            message="give exactly one of file (in the code bundle) and requirements (lines)",
            holds=lambda p: (p.file is None) != (p.requirements is None),
        ),
        Rule(
            cel=f"!has(self.file) || self.file.matches('{FILE_NAMES}')",
            message=FILE_MESSAGE,
            holds=lambda p: p.file is None or lists_packages(p.file),
        ),
    )


class InstalledPackages(OpenModel):
    """The packages that were installed for the session."""

    lock: str = Field(min_length=64, max_length=64, pattern=BUNDLE_PATTERN)
    """Hash of their list and of the runtime's image; it names their folder on the volume."""
    packages: int | None = None
    """Number of packages."""
    image: str | None = Field(default=None, max_length=512)
    """Image of the runtime over which they were installed."""


class MissingEnvironment(OpenModel):
    """Attempts that found their packages removed from the volume, and did not start."""

    attempt: int | None = None
    """The last one."""
    times: int | None = None
    """How many in a row."""


class EnvironmentBuild(OpenModel):
    """How the installation of the packages goes."""

    number: int | None = None
    """Number of the last installation that has ended, from 1."""
    failures: int | None = None
    """Installations in a row that failed in a way that another one can survive."""
    retry_time: datetime | None = None
    """Earliest time of the next one."""
    message: str | None = Field(default=None, max_length=1024)
    """Why the last one failed."""
