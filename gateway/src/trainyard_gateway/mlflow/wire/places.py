"""Paths of MLflow's artifacts, read. Pure.

    <experiment>/<run>/artifacts/<path>
    <experiment>/models/<logged model>/artifacts/<path>
    registry/<model>/<version>/artifacts/<path>

No path on the volume is made of what a caller sends: files are found in the database, by owner and
path, and lie under their hashes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from trainyard_api import mlflow
from trainyard_api.files.names import parts_of
from trainyard_api.visible_text import visible
from trainyard_gateway.errors import BadRequest, NotFound

ARTIFACTS: Final = "artifacts"
MODELS: Final = "models"
REGISTRY: Final = "registry"
LONGEST_PATH: Final = 1000
"""Characters of the path of one file."""
_MODEL_ID: Final = re.compile(r"m-[0-9a-f]{32}")
_VERSION: Final = re.compile(r"[1-9]\d{0,9}")


@dataclass(frozen=True, slots=True)
class Place:
    """A path below the artifacts of something."""

    owner: str
    """Id of a run or of a logged model; name of a registered model."""
    path: str
    """"" is the folder of all its artifacts."""
    version: int | None = None
    """Of a registered model; None of others."""

    @property
    def is_model(self) -> bool:
        """Whether the owner is a logged model."""
        return self.version is None and self.owner.startswith("m-")


def place_of(path: str) -> Place:
    """The place of a path. Raises BadRequest for one that climbs, NotFound for one of nothing."""
    try:
        parts = parts_of(path)
    except ValueError as error:
        raise BadRequest(f"Invalid path: {visible(path)[:200]!r}: {error}") from error
    if len(path) > LONGEST_PATH or any(visible(part) != part for part in parts):
        raise BadRequest(
            f"Invalid path: {visible(path)[:200]!r}: it has at most {LONGEST_PATH} characters, and "
            "none that are not seen"
        )
    if len(parts) >= 3 and parts[2] == ARTIFACTS and mlflow.is_run_id(parts[1]):
        return Place(parts[1], "/".join(parts[3:]))
    if len(parts) >= 4 and parts[3] == ARTIFACTS:
        rest = "/".join(parts[4:])
        if parts[1] == MODELS and _MODEL_ID.fullmatch(parts[2]):
            return Place(parts[2], rest)
        if parts[0] == REGISTRY and _VERSION.fullmatch(parts[2]):
            return Place(parts[1], rest, int(parts[2]))
    raise NotFound(
        f"There are no artifacts at {visible(path)[:200]!r}; they are at "
        "<experiment>/<run>/artifacts and <experiment>/models/<model>/artifacts"
    )


def of_run(run_id: str, path: str) -> Place:
    """A folder of a run. Raises BadRequest and NotFound."""
    return place_of(f"0/{run_id}/{ARTIFACTS}/{path}".removesuffix("/"))


def is_logged_model_id(text: str) -> bool:
    """Whether `text` is the id of a logged model."""
    return _MODEL_ID.fullmatch(text) is not None
