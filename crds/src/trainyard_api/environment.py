"""Variables of a session's program: which ones `spec.env` may set, and the rules for their names.

Trainyard sets the reserved ones itself: they say which worker a pod is and where it reports.
"""

from __future__ import annotations

import re
from typing import Annotated, Final

from pydantic import AfterValidator, Field

from trainyard_api.model import ClosedModel
from trainyard_api.session.names import each_once

MOST_VARIABLES: Final = 64
"""Variables that one session may set."""
LONGEST_NAME: Final = 128
LONGEST_VALUE: Final = 4096
"""Characters; Linux passes a program no string above 128 KiB."""
MOST_SECRETS: Final = 8
"""Secrets that one session may name."""
NAME_PATTERN: Final = r"^[A-Za-z_][A-Za-z0-9_]*$"
VALUE_PATTERN: Final = r"^[^\x00]*$"
"""No program can receive a NUL in a variable."""
SECRET_PATTERN: Final = r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$"

RESERVED: Final = (
    "(TRAINYARD|KUBERNETES|PET|TORCHELASTIC)_.*"
    "|JOB_COMPLETION_INDEX|RANK|WORLD_SIZE|LOCAL_RANK|LOCAL_WORLD_SIZE"
    "|NODE_RANK|GROUP_RANK|MASTER_ADDR|MASTER_PORT|NVIDIA_VISIBLE_DEVICES"
)
"""Names that only Trainyard and Kubernetes set, as a regular expression of the whole name."""
RESERVED_MESSAGE: Final = (
    "env sets a name that Trainyard or Kubernetes sets itself (RANK, WORLD_SIZE, LOCAL_RANK,"
    " LOCAL_WORLD_SIZE, NODE_RANK, GROUP_RANK, MASTER_ADDR, MASTER_PORT, JOB_COMPLETION_INDEX,"
    " NVIDIA_VISIBLE_DEVICES, or one that begins with TRAINYARD_, KUBERNETES_, PET_ or TORCHELASTIC_): leave it out"
)

_RESERVED = re.compile(RESERVED)


def is_reserved(name: str) -> bool:
    """Whether only Trainyard or Kubernetes sets the variable of this name."""
    return _RESERVED.fullmatch(name) is not None


def not_reserved(name: str) -> str:
    """`name`. Raises ValueError where only Trainyard or Kubernetes sets it."""
    if is_reserved(name):
        raise ValueError(f"{name} is set by Trainyard or Kubernetes itself: leave it out")
    return name


class EnvironmentVariable(ClosedModel):
    """One environment variable of the program."""

    name: Annotated[str, AfterValidator(not_reserved)] = Field(
        min_length=1, max_length=LONGEST_NAME, pattern=NAME_PATTERN
    )
    """Name, such as HF_HUB_OFFLINE. Those that Trainyard and Kubernetes set themselves are refused."""
    value: str = Field(default="", max_length=LONGEST_VALUE, pattern=VALUE_PATTERN)
    """Value, as it is: `$` means `$`. Everybody who may see the session sees it; see secrets."""


def _without_repetition(items: list[EnvironmentVariable]) -> list[EnvironmentVariable]:
    seen: set[str] = set()
    for item in items:
        if item.name in seen:
            raise ValueError(f"{item.name} is set twice: keep one of the two")
        seen.add(item.name)
    return items


Environment = Annotated[
    list[EnvironmentVariable],
    Field(max_length=MOST_VARIABLES),
    AfterValidator(_without_repetition),
]
SecretName = Annotated[str, Field(min_length=1, max_length=253, pattern=SECRET_PATTERN)]
SecretNames = Annotated[list[SecretName], Field(max_length=MOST_SECRETS), AfterValidator(each_once)]
