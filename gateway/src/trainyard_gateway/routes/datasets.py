"""`/api/v1/datasets`."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Body, Header, Query, Request, Response

from trainyard_api.model import OpenModel
from trainyard_gateway.auth.keys import Scope
from trainyard_gateway.registry.dataset_schema import checked_json
from trainyard_gateway.registry.datasets import DatasetEntry, DatasetInfo, Upload, entity_tag
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


@router.get("", dependencies=_READ)
async def datasets(services: ServicesDep) -> DatasetsResponse:
    """Every dataset with a summary of what is in it."""
    return DatasetsResponse(datasets=await services.datasets.all())


@router.post(
    "",
    status_code=201,
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
    response: Response,
    services: ServicesDep,
    name: Annotated[str, Query(min_length=1, max_length=256)],
    filename: Annotated[str, Query(max_length=256)] = "",
    choices: Annotated[str, Query(max_length=32_768)] = "",
) -> DatasetInfo:
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
    response.status_code = 201 if created else 200
    response.headers["Location"] = f"/api/v1/datasets/{name}"
    response.headers["ETag"] = entity_tag(found.details)
    services.status_writer.notify_waiting_for(name)
    return found


@router.get("/{name}", dependencies=_READ, response_model_exclude_none=True)
async def dataset(services: ServicesDep, response: Response, name: str) -> DatasetInfo:
    """One dataset with its schema."""
    found = await services.datasets.get(name)
    response.headers["ETag"] = entity_tag(found.details)
    return found


@router.patch(
    "/{name}/schema", dependencies=_WRITE, openapi_extra=_PATCH, response_model_exclude_none=True
)
async def correct(
    services: ServicesDep,
    response: Response,
    name: str,
    patch: Annotated[dict[str, Any], Body()],
    if_match: Annotated[str | None, Header(max_length=64)] = None,
) -> DatasetInfo:
    """Change how a dataset is read, as a merge patch of `SchemaChoices`; null takes one back.

    Sessions that already run keep the schema that they began with.
    """
    found = await services.datasets.correct(name, patch, if_match)
    response.headers["ETag"] = entity_tag(found.details)
    return found


@router.delete("/{name}", status_code=204, dependencies=_WRITE)
async def remove(services: ServicesDep, name: str) -> None:
    """Delete a dataset: its row and its file. Refused while sessions that are not over name it."""
    await services.datasets.remove(name, queue.sessions_reading(services.cache.live(), name))
