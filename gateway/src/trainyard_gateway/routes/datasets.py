"""`/api/v1/datasets`."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from trainyard_api.model import OpenModel
from trainyard_gateway.auth.keys import Scope
from trainyard_gateway.registry.datasets import DatasetInfo, Upload
from trainyard_gateway.routes.deps import ServicesDep, allowed
from trainyard_gateway.routes.forms import file_body, least_size
from trainyard_gateway.sessions import queue

router = APIRouter(prefix="/datasets", tags=["datasets"])

_READ = [allowed(Scope.DATASETS_READ)]
_WRITE = [allowed(Scope.DATASETS_WRITE)]


class DatasetsResponse(OpenModel):
    """All datasets of the registry."""

    datasets: list[DatasetInfo]


@router.get("", dependencies=_READ)
async def datasets(services: ServicesDep) -> DatasetsResponse:
    """Every dataset with what is in it."""
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
) -> DatasetInfo:
    """Upload a dataset: the file as body with `filename`, or a form with a field `file`."""
    declared = least_size(request)
    await services.datasets.admit(name, declared)
    body = await file_body(request, filename)
    found, created = await services.datasets.add(Upload(name, body.filename, declared), body.chunks)
    response.status_code = 201 if created else 200
    response.headers["Location"] = f"/api/v1/datasets/{name}"
    services.status_writer.notify_waiting_for(name)
    return found


@router.get("/{name}", dependencies=_READ)
async def dataset(services: ServicesDep, name: str) -> DatasetInfo:
    """One dataset."""
    return await services.datasets.get(name)


@router.delete("/{name}", status_code=204, dependencies=_WRITE)
async def remove(services: ServicesDep, name: str) -> None:
    """Delete a dataset: its row and its file. Refused while sessions that are not over name it."""
    await services.datasets.remove(name, queue.sessions_reading(services.cache.live(), name))
