"""Outputs of a session: files and folders that become versions of models."""

from __future__ import annotations

import re
from typing import Annotated, Final

from pydantic import AfterValidator, BeforeValidator, Field

from trainyard_api import contract
from trainyard_api.code import RELATIVE_PATH_PATTERN
from trainyard_api.model import ClosedModel
from trainyard_api.visible_text import visible

MOST_OUTPUTS: Final = 16
"""Outputs that one session may declare."""
OUTPUT_PATH_PATTERN: Final = rf"^(\./|{contract.RUN_DIR}/)?{RELATIVE_PATH_PATTERN[1:-1]}/?$"
"""Relative to the working directory, or absolute below the run folder; without `..`."""
OUTPUT_NAME_PATTERN: Final = r"^[A-Za-z0-9]((\.?[-_A-Za-z0-9])*\.?[A-Za-z0-9])?$"
"""The names of models: letters, digits, '-', '_' and single '.'; a letter or digit at both ends."""


def _path(given: object) -> object:
    if isinstance(given, str) and re.match(OUTPUT_PATH_PATTERN, given) is None:
        raise ValueError(
            f"{visible(given[:80])!r} is no path of an output: write it relative to the working "
            f"directory (out/model), or below {contract.RUN_DIR}, with names that are not . or .."
        )
    return given


def _name(given: object) -> object:
    if isinstance(given, str) and re.match(OUTPUT_NAME_PATTERN, given) is None:
        raise ValueError(
            f"{visible(given[:80])!r} is no name of a model: use letters, digits, '-', '_' and "
            "single '.', at most 128, with a letter or digit at both ends"
        )
    return given


class Output(ClosedModel):
    """A file or folder that is kept when the program has ended well."""

    path: Annotated[
        str,
        Field(min_length=1, max_length=1000, pattern=OUTPUT_PATH_PATTERN),
        BeforeValidator(_path),
    ]
    """File or folder, relative to the working directory, or absolute below /data/run."""
    name: Annotated[
        str,
        Field(min_length=1, max_length=128, pattern=OUTPUT_NAME_PATTERN),
        BeforeValidator(_name),
    ]
    """Name of the model of which it becomes a version."""


def _each_name_once(outputs: list[Output]) -> list[Output]:
    names = [output.name for output in outputs]
    repeated = next((name for name in names if names.count(name) > 1), None)
    if repeated is not None:
        raise ValueError(f"two outputs are called {repeated}: give each one its name")
    return outputs


Outputs = Annotated[list[Output], Field(max_length=MOST_OUTPUTS), AfterValidator(_each_name_once)]
