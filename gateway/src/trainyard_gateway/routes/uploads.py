"""`/api/v1/uploads/datasets` and `/api/v1/uploads/models`: files in parts.

Parts may be sent in any order, again, and over days.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, Path, Request, Response

from trainyard_api.model import OpenModel
from trainyard_api.rights.decision import Verb
from trainyard_gateway.auth.keys import Scope
from trainyard_gateway.registry.dataset_info import DatasetInfo, Upload
from trainyard_gateway.registry.dataset_schema import checked_json
from trainyard_gateway.registry.model_info import ModelInfo
from trainyard_gateway.registry.models import Uploader
from trainyard_gateway.registry.uploads import NewUpload, UploadInfo, Uploads, UploadSummary
from trainyard_gateway.rights.asking import new_owner
from trainyard_gateway.routes.deps import (
    CallerDep,
    ServicesDep,
    allowed,
    body_chunks,
    declared_size,
)
from trainyard_gateway.routes.rules import Lists, Makes, OfObject, rule
from trainyard_gateway.services import Services
from trainyard_gateway.store.access.owners import Kind

router = APIRouter(prefix="/uploads", tags=["uploads"])

_BODY = {
    "requestBody": {
        "required": True,
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    }
}
Number = Annotated[int, Path(ge=1, le=10_000)]


class PartResponse(OpenModel):
    """A part is on the volume."""

    number: int
    """Which."""
    sha256: str
    """Its hash, to compare."""


class UploadsResponse(OpenModel):
    """Uploads that are not complete."""

    uploads: list[UploadSummary]
    """At most 100."""


def _datasets(services: Services) -> Uploads:
    return services.dataset_uploads


def _models(services: Services) -> Uploads:
    return services.model_uploads


def _add(kind: str, scope: Scope, uploads_of: Callable[[Services], Uploads]) -> None:
    """The routes that both kinds have."""
    sees, changes, drops = (
        [allowed(scope), rule(OfObject(verb, Kind.UPLOAD))]
        for verb in (Verb.GET, Verb.UPDATE, Verb.DELETE)
    )

    @router.get(f"/{kind}/{{upload}}", operation_id=f"{kind}_upload", dependencies=sees)
    async def upload_info(services: ServicesDep, upload: str) -> UploadInfo:
        """How far an upload is, and which parts are missing."""
        return await uploads_of(services).get(upload)

    @router.put(
        f"/{kind}/{{upload}}/parts/{{number}}",
        operation_id=f"put_{kind}_part",
        openapi_extra=_BODY,
        dependencies=changes,
    )
    async def put(
        services: ServicesDep, request: Request, upload: str, number: Number
    ) -> PartResponse:
        """Send a part; the same one again replaces it."""
        chunks = body_chunks(request)
        sha256 = await uploads_of(services).put(upload, number, chunks, declared_size(request))
        return PartResponse(number=number, sha256=sha256)

    @router.delete(
        f"/{kind}/{{upload}}",
        status_code=204,
        operation_id=f"drop_{kind}_upload",
        dependencies=drops,
    )
    async def drop(services: ServicesDep, upload: str) -> None:
        """Give an upload up."""
        await uploads_of(services).remove(upload)


def _add_list(kind: str, scope: Scope, uploads_of: Callable[[Services], Uploads]) -> None:
    begins = [allowed(scope), rule(Makes(Kind.UPLOAD))]
    needs = [allowed(scope), rule(Lists(Kind.UPLOAD))]

    @router.get(f"/{kind}", operation_id=f"{kind}_uploads", dependencies=needs)
    async def all_uploads(services: ServicesDep, caller: CallerDep) -> UploadsResponse:
        """Every upload that is not complete, oldest first."""
        return UploadsResponse(uploads=await uploads_of(services).all(caller.user))

    @router.post(
        f"/{kind}", status_code=201, operation_id=f"begin_{kind}_upload", dependencies=begins
    )
    async def begin(
        services: ServicesDep, caller: CallerDep, response: Response, new: NewUpload
    ) -> UploadInfo:
        """Begin an upload in parts."""
        owner = new_owner(caller.user, Kind.UPLOAD, new.team, new.visibility)
        made = await uploads_of(services).create(new, owner)
        response.headers["Location"] = f"/api/v1/uploads/{kind}/{made.id}"
        return made


_add_list("datasets", Scope.DATASETS_WRITE, _datasets)
_add_list("models", Scope.MODELS_WRITE, _models)
_add("datasets", Scope.DATASETS_WRITE, _datasets)
_add("models", Scope.MODELS_WRITE, _models)


_COMPLETES = rule(OfObject(Verb.UPDATE, Kind.UPLOAD))


@router.post(
    "/datasets/{upload}/complete",
    status_code=201,
    dependencies=[allowed(Scope.DATASETS_WRITE), _COMPLETES],
)
async def complete_dataset(services: ServicesDep, caller: CallerDep, upload: str) -> DatasetInfo:
    """Register the dataset whose parts are all there."""
    row, chunks = await services.dataset_uploads.whole(upload)
    owner = await services.dataset_uploads.owner(upload)
    wanted = Upload(row.name, row.filename, row.size_bytes, checked_json(row.choices), owner)
    found, _ = await services.datasets.add(wanted, chunks, caller.user)
    await services.dataset_uploads.remove(upload)
    services.status_writer.notify_waiting_for(found.name)
    return found


@router.post(
    "/models/{upload}/complete",
    status_code=201,
    dependencies=[allowed(Scope.MODELS_WRITE), _COMPLETES],
)
async def complete_model(services: ServicesDep, caller: CallerDep, upload: str) -> ModelInfo:
    """Register the model whose parts are all there as the next version."""
    row, chunks = await services.model_uploads.whole(upload)
    owner = await services.model_uploads.owner(upload)
    await services.rights.require_model(caller.user, row.name)
    uploader = Uploader(caller.user, owner)
    found = await services.models.upload(row.name, chunks, row.size_bytes, uploader, upload)
    await services.model_uploads.remove(upload)
    return found
