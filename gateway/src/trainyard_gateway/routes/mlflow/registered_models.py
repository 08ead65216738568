"""`/mlflow/api/2.0/mlflow/registered-models`."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from trainyard_gateway.mlflow.registry.requests import (
    CreateModel,
    DeleteTagOfModel,
    LatestVersions,
    OfAlias,
    OfModel,
    RenameModel,
    SearchModels,
    SetAlias,
    SetTagOfModel,
    UpdateModel,
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
_MODELS = f"{API}/registered-models"


@router.post(f"{_MODELS}/create")
async def create(request: Request, door: DoorDep, visitor: ModelWriterDep) -> Response:
    """Make one."""
    wanted = await asked(request, CreateModel)
    return answered(await door.models.create(wanted, visitor))


@router.get(f"{_MODELS}/get")
async def get(request: Request, door: DoorDep, visitor: ModelReaderDep) -> Response:
    """One of them."""
    wanted = await asked(request, OfModel)
    return answered(await door.models.get(wanted, visitor))


@router.get(f"{_MODELS}/search")
@router.post(f"{_MODELS}/search")
async def search(request: Request, door: DoorDep, visitor: ModelReaderDep) -> Response:
    """Some of them."""
    wanted = await asked(request, SearchModels)
    return answered(await door.registry.models(wanted, visitor))


@router.post(f"{_MODELS}/rename")
async def rename(request: Request, door: DoorDep, visitor: ModelWriterDep) -> Response:
    """Another name."""
    wanted = await asked(request, RenameModel)
    return answered(await door.models.rename(wanted, visitor))


@router.patch(f"{_MODELS}/update")
async def update(request: Request, door: DoorDep, visitor: ModelWriterDep) -> Response:
    """Describe one."""
    wanted = await asked(request, UpdateModel)
    return answered(await door.models.update(wanted, visitor))


@router.delete(f"{_MODELS}/delete")
async def delete(request: Request, door: DoorDep, visitor: ModelWriterDep) -> Response:
    """Delete one with its versions."""
    wanted = await asked(request, OfModel)
    return answered(await door.models.delete(wanted, visitor))


@router.get(f"{_MODELS}/get-latest-versions")
@router.post(f"{_MODELS}/get-latest-versions")
async def latest(request: Request, door: DoorDep, visitor: ModelReaderDep) -> Response:
    """The newest version of each stage."""
    wanted = await asked(request, LatestVersions)
    return answered(await door.models.latest(wanted, visitor))


@router.post(f"{_MODELS}/set-tag")
async def set_tag(request: Request, door: DoorDep, visitor: ModelWriterDep) -> Response:
    """Set a tag."""
    wanted = await asked(request, SetTagOfModel)
    return answered(await door.models.set_tag(wanted, visitor))


@router.delete(f"{_MODELS}/delete-tag")
async def delete_tag(request: Request, door: DoorDep, visitor: ModelWriterDep) -> Response:
    """Remove a tag."""
    wanted = await asked(request, DeleteTagOfModel)
    return answered(await door.models.delete_tag(wanted, visitor))


@router.get(f"{_MODELS}/alias")
async def by_alias(request: Request, door: DoorDep, visitor: ModelReaderDep) -> Response:
    """The version that has an alias."""
    wanted = await asked(request, OfAlias)
    return answered(await door.models.by_alias(wanted, visitor))


@router.post(f"{_MODELS}/alias")
async def set_alias(request: Request, door: DoorDep, visitor: ModelWriterDep) -> Response:
    """Give an alias to a version."""
    wanted = await asked(request, SetAlias)
    return answered(await door.models.set_alias(wanted, visitor))


@router.delete(f"{_MODELS}/alias")
async def delete_alias(request: Request, door: DoorDep, visitor: ModelWriterDep) -> Response:
    """Remove an alias."""
    wanted = await asked(request, OfAlias)
    return answered(await door.models.delete_alias(wanted, visitor))
