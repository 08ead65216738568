"""`/mlflow/api/2.0/mlflow/logged-models`."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from trainyard_gateway.mlflow.wire.model_requests import (
    CreateLoggedModel,
    FinalizeLoggedModel,
    LogModelParams,
    SearchLoggedModels,
    SetModelTags,
)
from trainyard_gateway.routes.mlflow.deps import API, DoorDep, ReaderDep, WriterDep, answered, asked

router = APIRouter(include_in_schema=False)


@router.post(f"{API}/logged-models")
async def create(request: Request, door: DoorDep, visitor: WriterDep) -> Response:
    """Make one."""
    wanted = await asked(request, CreateLoggedModel)
    return answered(await door.logged_models.create(wanted, visitor))


@router.post(f"{API}/logged-models/search")
async def search(request: Request, door: DoorDep, visitor: ReaderDep) -> Response:
    """Some of them."""
    wanted = await asked(request, SearchLoggedModels)
    return answered(await door.logged_models.search(wanted, visitor))


@router.get(f"{API}/logged-models/{{model_id}}")
async def get(door: DoorDep, visitor: ReaderDep, model_id: str) -> Response:
    """One of them."""
    return answered(await door.logged_models.get(model_id, visitor))


@router.delete(f"{API}/logged-models/{{model_id}}")
async def delete(door: DoorDep, visitor: WriterDep, model_id: str) -> Response:
    """Remove one with its files."""
    await door.artifacts.delete_model(model_id, visitor)
    return answered({})


@router.patch(f"{API}/logged-models/{{model_id}}")
async def finalize(request: Request, door: DoorDep, visitor: WriterDep, model_id: str) -> Response:
    """It is complete, or failed."""
    wanted = await asked(request, FinalizeLoggedModel)
    return answered(await door.logged_models.finalize(model_id, wanted, visitor))


@router.post(f"{API}/logged-models/{{model_id}}/params")
async def log_params(
    request: Request, door: DoorDep, visitor: WriterDep, model_id: str
) -> Response:
    """Add params."""
    wanted = await asked(request, LogModelParams)
    return answered(await door.logged_models.log_params(model_id, wanted, visitor))


@router.patch(f"{API}/logged-models/{{model_id}}/tags")
async def set_tags(request: Request, door: DoorDep, visitor: WriterDep, model_id: str) -> Response:
    """Set tags."""
    wanted = await asked(request, SetModelTags)
    return answered(await door.logged_models.set_tags(model_id, wanted, visitor))


@router.delete(f"{API}/logged-models/{{model_id}}/tags/{{key}}")
async def delete_tag(door: DoorDep, visitor: WriterDep, model_id: str, key: str) -> Response:
    """Remove a tag."""
    return answered(await door.logged_models.delete_tag(model_id, key, visitor))
