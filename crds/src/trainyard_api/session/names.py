"""Names that a session gives, as types of its fields."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from trainyard_api import names

ArtifactName = Annotated[
    str, Field(min_length=1, max_length=128, pattern=names.ARTIFACT_NAME_PATTERN)
]
SessionName = Annotated[
    str,
    Field(min_length=1, max_length=names.SESSION_NAME_MAX, pattern=names.SESSION_NAME_PATTERN),
]
