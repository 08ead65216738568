"""MLflow's requests about registered models and their versions, bounded and typed."""

from __future__ import annotations

import re
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from trainyard_gateway.mlflow.wire.fields import ExperimentTag, Filter, Id, Key, Request, Token

PROMPT_TAGS: Final = "mlflow.prompt."
"""MLflow keeps prompts as models whose tags begin so."""
IS_PROMPT: Final = f"{PROMPT_TAGS}is_prompt"
MOST_MODELS: Final = 1000
"""Models of one page."""
MOST_VERSIONS: Final = 10_000
"""Versions of one page."""
STAGES: Final = ("None", "Staging", "Production", "Archived")
_ALIAS: Final = re.compile(r"[\w-]{1,255}", re.ASCII)
_VERSION_ALIAS: Final = re.compile(r"[vV]\d+")


def _no_prompt(key: str) -> str:
    if key.startswith(PROMPT_TAGS):
        raise ValueError(
            f"tags that begin with {PROMPT_TAGS} make a prompt of a model, and Trainyard keeps "
            "models only; keep prompts as artifacts of runs (mlflow.log_text)"
        )
    return key


def _alias(alias: str) -> str:
    if _ALIAS.fullmatch(alias) is None:
        raise ValueError(
            "Invalid alias name: Names may only contain alphanumerics, underscores (_), and "
            "dashes (-), at most 255 together"
        )
    if alias.lower() == "latest" or _VERSION_ALIAS.fullmatch(alias):
        raise ValueError(f"the alias name '{alias}' is reserved: it means a version already")
    return alias


def _stage(given: Any) -> Any:
    known = {stage.lower(): stage for stage in STAGES}
    return known.get(given.lower(), given) if isinstance(given, str) else given


def _text(given: Any) -> Any:
    """MLflow's clients give a version as text or as a number."""
    return str(given) if isinstance(given, int) and not isinstance(given, bool) else given


def _empty(given: Any) -> Any:
    return None if given == "" else given


RunId = Annotated[Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")] | None, BeforeValidator(_empty)]
LoggedModelId = Annotated[
    Annotated[str, Field(pattern=r"^m-[0-9a-f]{32}$")] | None, BeforeValidator(_empty)
]
ModelName = Annotated[str, Field(min_length=1, max_length=256)]
VersionNumber = Annotated[str, BeforeValidator(_text), Field(pattern=r"^[1-9]\d{0,8}$")]
Description = Annotated[str, Field(max_length=100_000)]
Alias = Annotated[str, AfterValidator(_alias)]
Stage = Annotated[
    Literal["None", "Staging", "Production", "Archived"],
    BeforeValidator(_stage),
]
ModelTagKey = Annotated[Key, AfterValidator(_no_prompt)]


class ModelTag(ExperimentTag):
    """A tag of a registered model or of a version."""

    key: ModelTagKey


class OfModel(Request):
    """A request about one registered model."""

    name: ModelName


class CreateModel(OfModel):
    """POST registered-models/create."""

    tags: list[ModelTag] = Field(default=[], max_length=1000)
    description: Description | None = None


class RenameModel(OfModel):
    """POST registered-models/rename."""

    new_name: ModelName


class UpdateModel(OfModel):
    """PATCH registered-models/update."""

    description: Description | None = None


class SetTagOfModel(OfModel):
    """POST registered-models/set-tag."""

    key: ModelTagKey
    value: str = Field(default="", max_length=100_000)


class DeleteTagOfModel(OfModel):
    """DELETE registered-models/delete-tag."""

    key: Key


class LatestVersions(OfModel):
    """GET or POST registered-models/get-latest-versions."""

    stages: list[Stage] = Field(default=[], max_length=len(STAGES))


class OfAlias(OfModel):
    """GET or DELETE registered-models/alias."""

    alias: Id


class SetAlias(OfModel):
    """POST registered-models/alias."""

    alias: Alias
    version: VersionNumber


class OfVersion(OfModel):
    """A request about one version."""

    version: VersionNumber


class CreateVersion(OfModel):
    """POST model-versions/create."""

    source: str = Field(min_length=1, max_length=4096)
    run_id: RunId = None
    tags: list[ModelTag] = Field(default=[], max_length=1000)
    run_link: str = Field(default="", max_length=4096)
    description: Description | None = None
    model_id: LoggedModelId = None


class UpdateVersion(OfVersion):
    """PATCH model-versions/update."""

    description: Description | None = None


class MoveVersion(OfVersion):
    """POST model-versions/transition-stage."""

    stage: Stage
    archive_existing_versions: bool = False


class SetTagOfVersion(OfVersion):
    """POST model-versions/set-tag."""

    key: ModelTagKey
    value: str = Field(default="", max_length=100_000)


class DeleteTagOfVersion(OfVersion):
    """DELETE model-versions/delete-tag."""

    key: Key


class SearchModels(Request):
    """GET registered-models/search."""

    filter: Filter = ""
    max_results: int = Field(default=100, ge=1, le=MOST_MODELS)
    order_by: list[Filter] = Field(default=[], max_length=100)
    page_token: Token | None = None


class SearchVersions(Request):
    """GET model-versions/search; MLflow's clients ask for more in one page than there is."""

    filter: Filter = ""
    max_results: int = Field(default=MOST_VERSIONS, ge=1, le=200_000)
    order_by: list[Filter] = Field(default=[], max_length=100)
    page_token: Token | None = None
