"""`/api/v1/models`."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response
from fastapi.responses import FileResponse

from trainyard_api.model import OpenModel
from trainyard_api.rights.decision import Verb
from trainyard_gateway.auth.keys import Scope
from trainyard_gateway.http.pages import page_response
from trainyard_gateway.paging import Cursor
from trainyard_gateway.registry.model_info import ModelInfo
from trainyard_gateway.registry.models import Uploader, absent
from trainyard_gateway.rights.asking import new_owner
from trainyard_gateway.rights.sharing import OwnerInfo, SharingChange
from trainyard_gateway.routes import files
from trainyard_gateway.routes.deps import (
    CallerDep,
    ServicesDep,
    allowed,
    body_chunks,
    declared_size,
)
from trainyard_gateway.routes.rules import Lists, Makes, OfObject, SharingDep, rule
from trainyard_gateway.store.access.owners import Kind

router = APIRouter(prefix="/models", tags=["models"])

_READ = [allowed(Scope.MODELS_READ)]
_WRITE = [allowed(Scope.MODELS_WRITE)]
_SEEN = [*_READ, rule(OfObject(Verb.GET, Kind.MODEL))]
_CHANGED = [*_WRITE, rule(OfObject(Verb.UPDATE, Kind.MODEL))]
_REMOVED = [*_WRITE, rule(OfObject(Verb.DELETE, Kind.MODEL))]


class ModelsResponse(OpenModel):
    """Models, newest version of each, or all versions of one."""

    models: list[ModelInfo]
    cursor: str | None = None
    """Give this as `cursor` for the next page; null on the last."""


@router.get("", dependencies=[*_READ, rule(Lists(Kind.MODEL))], response_model=ModelsResponse)
async def models(
    services: ServicesDep, caller: CallerDep, cursor: Cursor | None = None
) -> Response:
    """The newest version of every model, by name; pages of at most 4 MiB."""
    found, more = await services.models.newest(caller.user, cursor)
    return page_response("models", found, lambda model: model.name, more=more)


@router.post(
    "",
    status_code=201,
    dependencies=[*_WRITE, rule(Makes(Kind.MODEL))],
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {
                "application/octet-stream": {"schema": {"type": "string", "format": "binary"}}
            },
        }
    },
)
async def upload(
    request: Request,
    response: Response,
    services: ServicesDep,
    caller: CallerDep,
    sharing: SharingDep,
    name: Annotated[str, Query(min_length=1, max_length=256)],
) -> ModelInfo:
    """Upload a safetensors file as the next version of a model.

    `team` and `visibility` are those of a new model; one that is there keeps its own.
    """
    owner = new_owner(caller.user, Kind.MODEL, sharing.team, sharing.visibility)
    await services.rights.require_model(caller.user, name)
    uploader = Uploader(caller.user, owner)
    size = declared_size(request)
    made = await services.models.upload(name, body_chunks(request), size, uploader)
    response.headers["Location"] = f"/api/v1/models/{name}"
    return made


@router.get("/{name}/versions", dependencies=_SEEN, response_model=ModelsResponse)
async def versions(
    services: ServicesDep,
    name: str,
    cursor: Annotated[int, Query(ge=0, le=2**31 - 1)] = 0,
) -> Response:
    """The versions of a model with their cards, oldest first; pages of at most 4 MiB."""
    found, more = await services.models.versions(name, cursor)
    return page_response("models", found, lambda model: str(model.version), more=more)


@router.get("/{name}/info", dependencies=_SEEN)
async def info(
    services: ServicesDep,
    name: str,
    version: Annotated[int | None, Query(ge=1, le=2**31 - 1)] = None,
) -> ModelInfo:
    """One version of a model (the newest by default) without its file: hash, size, origin, card."""
    return await services.models.get(name, version)


@router.get(
    "/{name}",
    response_class=FileResponse,
    dependencies=_SEEN,
    responses=files.RESPONSES,
)
async def download(
    services: ServicesDep,
    name: str,
    version: Annotated[int | None, Query(ge=1, le=2**31 - 1)] = None,
) -> FileResponse:
    """The model's file (the newest version by default); `Range` resumes a download.

    For a tree see `/models/{name}/versions/{version}/files`.
    """
    info, path = await services.models.file(name, version)
    filename = f"{name}-{info.version}.safetensors"
    version_header = {"X-Model-Version": str(info.version)}
    return await files.file_response(path, info.sha256, filename, **version_header)


@router.get("/{name}/owner", dependencies=_SEEN)
async def owner(services: ServicesDep, name: str) -> OwnerInfo:
    """Whose a model is, and who sees it."""
    return await services.rights.info(Kind.MODEL, name, absent(name))


@router.patch("/{name}/owner", dependencies=_CHANGED)
async def share(
    services: ServicesDep, caller: CallerDep, name: str, changes: SharingChange
) -> OwnerInfo:
    """Give a model to another team or user, or let others see it."""
    return await services.rights.share(caller.user, Kind.MODEL, name, changes, absent(name))


@router.delete("/{name}", status_code=204, dependencies=_REMOVED)
async def remove(services: ServicesDep, name: str) -> None:
    """Delete a model with all its versions."""
    await services.models.remove(name)


@router.delete("/{name}/versions/{version}", status_code=204, dependencies=_REMOVED)
async def remove_version(
    services: ServicesDep, name: str, version: Annotated[int, Path(ge=1, le=2**31 - 1)]
) -> None:
    """Delete one version of a model. The others keep their numbers; its own is not given again."""
    await services.models.remove_version(name, version)
