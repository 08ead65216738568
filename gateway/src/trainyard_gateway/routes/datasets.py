"""`/api/v1/datasets`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Body, Header, Query, Request, Response
from fastapi.responses import FileResponse

from trainyard_api.model import OpenModel
from trainyard_data.formats import ending_of
from trainyard_gateway.auth.keys import Scope
from trainyard_gateway.http.pages import page_response
from trainyard_gateway.paging import Cursor
from trainyard_gateway.registry.dataset_info import DatasetEntry, DatasetInfo, Upload, entity_tag
from trainyard_gateway.registry.dataset_schema import checked_json
from trainyard_gateway.routes import files
from trainyard_gateway.routes.deps import ServicesDep, allowed
from trainyard_gateway.routes.forms import file_body, least_size
from trainyard_gateway.sessions import queue

router = APIRouter(prefix="/datasets", tags=["datasets"])

_READ = [allowed(Scope.DATASETS_READ)]
_WRITE = [allowed(Scope.DATASETS_WRITE)]
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


@router.get("", dependencies=_READ, response_model=DatasetsResponse)
async def datasets(services: ServicesDep, cursor: Cursor | None = None) -> Response:
    """Every dataset with a summary of what is in it, by name; pages of at most 4 MiB."""
    found, more = await services.datasets.page(cursor)
    return page_response("datasets", found, lambda dataset: dataset.name, more=more)


@router.post(
    "",
    status_code=201,
    response_model=DatasetInfo,
    dependencies=_WRITE,
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
async def upload(
    request: Request,
    services: ServicesDep,
    name: Annotated[str, Query(min_length=1, max_length=256)],
    filename: Annotated[str, Query(max_length=256)] = "",
    choices: Annotated[str, Query(max_length=32_768)] = "",
) -> Response:
    """Upload a dataset: the file as body with `filename`, or a form with a field `file`.

    `choices` are `SchemaChoices` as JSON: how the file is read, where the reader shall not guess.
    """
    chosen = checked_json(choices)
    declared = least_size(request)
    await services.datasets.admit(name, declared)
    body = await file_body(request, filename)
    found, created = await services.datasets.add(
        Upload(name, body.filename, declared, chosen), body.chunks
    )
    services.status_writer.notify_waiting_for(name)
    location = {"Location": f"/api/v1/datasets/{name}"}
    return _answer(found, 201 if created else 200, location)


@router.get("/{name}", dependencies=_READ, response_model=DatasetInfo)
async def dataset(services: ServicesDep, name: str) -> Response:
    """One dataset with its schema."""
    return _answer(await services.datasets.get(name))


@router.get(
    "/{name}/file", response_class=FileResponse, dependencies=_READ, responses=files.RESPONSES
)
async def download(services: ServicesDep, name: str) -> FileResponse:
    """The dataset's file as it was uploaded; `Range` resumes a download."""
    row, path = await services.datasets.file(name)
    return await files.file_response(path, row.sha256, name + ending_of(row.file))


@router.patch(
    "/{name}/schema", dependencies=_WRITE, openapi_extra=_PATCH, response_model=DatasetInfo
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


@router.delete("/{name}", status_code=204, dependencies=_WRITE)
async def remove(services: ServicesDep, name: str) -> None:
    """Delete a dataset: its row and its file. Refused while sessions that are not over name it."""
    await services.datasets.remove(name, queue.sessions_reading(services.cache.live(), name))


def _answer(
    found: DatasetInfo, status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """A dataset with its entity tag. FastAPI would need five times as long for many columns."""
    tag = {"ETag": entity_tag(found.details)}
    body = found.model_dump_json(by_alias=True, exclude_none=True)
    return Response(body, status, {**tag, **(headers or {})}, media_type="application/json")
