"""`/mlflow/api/2.0/mlflow/model-versions`."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from trainyard_gateway.mlflow.registry.requests import (
    CreateVersion,
    DeleteTagOfVersion,
    MoveVersion,
    OfVersion,
    SearchVersions,
    SetTagOfVersion,
    UpdateVersion,
)
from trainyard_gateway.routes.mlflow.deps import (
    API,
    DoorDep,
    ModelReaderDep,
    ModelWriterDep,
    answered,
    asked,
)

router = APIRouter(include_in_schema=False)
_VERSIONS = f"{API}/model-versions"


@router.post(f"{_VERSIONS}/create")
async def create(request: Request, door: DoorDep, visitor: ModelWriterDep) -> Response:
    """Make the next version of a model."""
    wanted = await asked(request, CreateVersion)
    return answered(await door.making.create(wanted, visitor))


@router.get(f"{_VERSIONS}/get")
async def get(request: Request, door: DoorDep, visitor: ModelReaderDep) -> Response:
    """One of them."""
    wanted = await asked(request, OfVersion)
    return answered(await door.versions.get(wanted, visitor))


@router.get(f"{_VERSIONS}/get-download-uri")
async def download_uri(request: Request, door: DoorDep, visitor: ModelReaderDep) -> Response:
    """Where its files are."""
    wanted = await asked(request, OfVersion)
    return answered(await door.versions.download_uri(wanted, visitor))


@router.get(f"{_VERSIONS}/search")
@router.post(f"{_VERSIONS}/search")
async def search(request: Request, door: DoorDep, visitor: ModelReaderDep) -> Response:
    """Some of them."""
    wanted = await asked(request, SearchVersions)
    return answered(await door.registry.versions(wanted, visitor))


@router.patch(f"{_VERSIONS}/update")
async def update(request: Request, door: DoorDep, visitor: ModelWriterDep) -> Response:
    """Describe one."""
    wanted = await asked(request, UpdateVersion)
    return answered(await door.versions.update(wanted, visitor))


@router.post(f"{_VERSIONS}/transition-stage")
async def move(request: Request, door: DoorDep, visitor: ModelWriterDep) -> Response:
    """Give one a stage."""
    wanted = await asked(request, MoveVersion)
    return answered(await door.versions.move(wanted, visitor))


@router.delete(f"{_VERSIONS}/delete")
async def delete(request: Request, door: DoorDep, visitor: ModelWriterDep) -> Response:
    """Delete one with its files."""
    wanted = await asked(request, OfVersion)
    return answered(await door.versions.delete(wanted, visitor))


@router.post(f"{_VERSIONS}/set-tag")
async def set_tag(request: Request, door: DoorDep, visitor: ModelWriterDep) -> Response:
    """Set a tag."""
    wanted = await asked(request, SetTagOfVersion)
    return answered(await door.versions.set_tag(wanted, visitor))


@router.delete(f"{_VERSIONS}/delete-tag")
async def delete_tag(request: Request, door: DoorDep, visitor: ModelWriterDep) -> Response:
    """Remove a tag."""
    wanted = await asked(request, DeleteTagOfVersion)
    return answered(await door.versions.delete_tag(wanted, visitor))
