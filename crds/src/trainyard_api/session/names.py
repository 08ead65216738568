"""Names that a session gives, as types of its fields."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import AfterValidator, Field

from trainyard_api import names

MOST_DATASETS: Final = 16
"""Datasets that one session may name."""


def each_once(names: list[str]) -> list[str]:
    """`names`. Raises ValueError where one is there twice."""
    repeated = next((name for name in names if names.count(name) > 1), None)
    if repeated is not None:
        raise ValueError(f"{repeated} is named twice: keep one of the two")
    return names


ArtifactName = Annotated[
    str, Field(min_length=1, max_length=128, pattern=names.ARTIFACT_NAME_PATTERN)
]
DatasetNames = Annotated[
    list[ArtifactName],
    Field(min_length=1, max_length=MOST_DATASETS),
    AfterValidator(each_once),
]
SessionName = Annotated[
    str,
    Field(min_length=1, max_length=names.SESSION_NAME_MAX, pattern=names.SESSION_NAME_PATTERN),
]
