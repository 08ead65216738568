"""`/api/v1/datasets`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Body, Header, Query, Request, Response
from fastapi.responses import FileResponse

from trainyard_api.model import OpenModel
from trainyard_api.rights.decision import Verb
from trainyard_data.formats import ending_of
from trainyard_gateway.auth.keys import Scope
from trainyard_gateway.http.pages import page_response
from trainyard_gateway.paging import Cursor
from trainyard_gateway.registry.dataset_info import DatasetEntry, DatasetInfo, Upload, entity_tag
from trainyard_gateway.registry.dataset_schema import checked_json
from trainyard_gateway.registry.datasets import absent
from trainyard_gateway.rights.asking import new_owner
from trainyard_gateway.rights.sharing import OwnerInfo, SharingChange
from trainyard_gateway.routes import files
from trainyard_gateway.routes.deps import CallerDep, ServicesDep, allowed
from trainyard_gateway.routes.forms import file_body, least_size
from trainyard_gateway.routes.rules import Lists, Makes, OfObject, SharingDep, rule
from trainyard_gateway.sessions import queue
from trainyard_gateway.store.access.owners import Kind

router = APIRouter(prefix="/datasets", tags=["datasets"])

_READ = [allowed(Scope.DATASETS_READ)]
_WRITE = [allowed(Scope.DATASETS_WRITE)]
_LISTED, _MADE = rule(Lists(Kind.DATASET)), rule(Makes(Kind.DATASET))
_SEEN = [*_READ, rule(OfObject(Verb.GET, Kind.DATASET))]
_CHANGED = [*_WRITE, rule(OfObject(Verb.UPDATE, Kind.DATASET))]
_REMOVED = [*_WRITE, rule(OfObject(Verb.DELETE, Kind.DATASET))]
_PATCH: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {"$ref": "#/components/schemas/SchemaChoices"},
                "example": {"target": "species", "types": {"zip": "text"}, "missing": ["?"]},
            }
        },
    }
}


class DatasetsResponse(OpenModel):
    """All datasets of the registry."""

    datasets: list[DatasetEntry]
    cursor: str | None = None
    """Give this as `cursor` for the next page; null on the last."""


@router.get("", dependencies=[*_READ, _LISTED], response_model=DatasetsResponse)
async def datasets(
    services: ServicesDep, caller: CallerDep, cursor: Cursor | None = None
) -> Response:
    """Every dataset with a summary of what is in it, by name; pages of at most 4 MiB."""
    found, more = await services.datasets.page(caller.user, cursor)
    return page_response("datasets", found, lambda dataset: dataset.name, more=more)


@router.post(
    "",
    status_code=201,
    response_model=DatasetInfo,
    dependencies=[*_WRITE, _MADE],
    responses={200: {"model": DatasetInfo, "description": "An equal one was there already"}},
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {
                "application/octet-stream": {"schema": {"type": "string", "format": "binary"}},
                "multipart/form-data": {
                    "schema": {
                        "type": "object",
                        "required": ["file"],
                        "properties": {"file": {"type": "string", "format": "binary"}},
                    }
                },
            },
        }
    },
)
async def upload(  # noqa: PLR0913  # the parameters of the request
    request: Request,
    services: ServicesDep,
    caller: CallerDep,
    sharing: SharingDep,
    name: Annotated[str, Query(min_length=1, max_length=256)],
    filename: Annotated[str, Query(max_length=256)] = "",
    choices: Annotated[str, Query(max_length=32_768)] = "",
) -> Response:
    """Upload a dataset: the file as body with `filename`, or a form with a field `file`.

    `choices` are `SchemaChoices` as JSON: how the file is read, where the reader shall not guess.
    """
    chosen = checked_json(choices)
    owner = new_owner(caller.user, Kind.DATASET, sharing.team, sharing.visibility)
    declared = least_size(request)
    await services.datasets.admit(name, declared, caller.user)
    body = await file_body(request, filename)
    found, created = await services.datasets.add(
        Upload(name, body.filename, declared, chosen, owner), body.chunks, caller.user
    )
    services.status_writer.notify_waiting_for(name)
    location = {"Location": f"/api/v1/datasets/{name}"}
    return _answer(found, 201 if created else 200, location)


@router.get("/{name}", dependencies=_SEEN, response_model=DatasetInfo)
async def dataset(services: ServicesDep, name: str) -> Response:
    """One dataset with its schema."""
    return _answer(await services.datasets.get(name))


@router.get(
    "/{name}/file", response_class=FileResponse, dependencies=_SEEN, responses=files.RESPONSES
)
async def download(services: ServicesDep, name: str) -> FileResponse:
    """The dataset's file as it was uploaded; `Range` resumes a download."""
    row, path = await services.datasets.file(name)
    return await files.file_response(path, row.sha256, name + ending_of(row.file))


@router.patch(
    "/{name}/schema", dependencies=_CHANGED, openapi_extra=_PATCH, response_model=DatasetInfo
)
async def correct(
    services: ServicesDep,
    name: str,
    patch: Annotated[dict[str, Any], Body()],
    if_match: Annotated[str | None, Header(max_length=64)] = None,
) -> Response:
    """Change how a dataset is read, as a merge patch of `SchemaChoices`; null takes one back.

    Sessions that already run keep the schema that they began with.
    """
    return _answer(await services.datasets.correct(name, patch, if_match))


@router.patch("/{name}/owner", dependencies=_CHANGED)
async def share(
    services: ServicesDep, caller: CallerDep, name: str, changes: SharingChange
) -> OwnerInfo:
    """Give a dataset to another team or user, or let others see it."""
    found = await services.rights.share(caller.user, Kind.DATASET, name, changes, absent(name))
    services.status_writer.notify_waiting_for(name)
    return found


@router.get("/{name}/owner", dependencies=_SEEN)
async def owner(services: ServicesDep, name: str) -> OwnerInfo:
    """Whose a dataset is, and who sees it."""
    return await services.rights.info(Kind.DATASET, name, absent(name))


@router.delete("/{name}", status_code=204, dependencies=_REMOVED)
async def remove(services: ServicesDep, caller: CallerDep, name: str) -> None:
    """Delete a dataset: its row and its file. Refused while sessions that are not over name it."""
    seen = queue.sessions_reading(services.cache.seen_by(caller.user), name)
    sessions = len(queue.sessions_reading(services.cache.live(), name))
    await services.datasets.remove(name, seen, sessions)


def _answer(
    found: DatasetInfo, status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """A dataset with its entity tag. FastAPI would need five times as long for many columns."""
    tag = {"ETag": entity_tag(found.details)}
    body = found.model_dump_json(by_alias=True, exclude_none=True)
    return Response(body, status, {**tag, **(headers or {})}, media_type="application/json")
