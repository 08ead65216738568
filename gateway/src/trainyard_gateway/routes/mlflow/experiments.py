"""`/mlflow/api/2.0/mlflow/experiments`."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from trainyard_gateway.mlflow.wire.requests import (
    CreateExperiment,
    DeleteExperimentTag,
    ExperimentById,
    ExperimentByName,
    SearchExperiments,
    SetExperimentTag,
    UpdateExperiment,
)
from trainyard_gateway.routes.mlflow.deps import (
    API,
    OWNER,
    READER,
    DoorDep,
    OwnerDep,
    ReaderDep,
    WriterDep,
    answered,
    asked,
)

router = APIRouter(include_in_schema=False)


@router.post(f"{API}/experiments/create")
async def create(request: Request, door: DoorDep, visitor: WriterDep) -> Response:
    """Make an experiment."""
    wanted = await asked(request, CreateExperiment)
    return answered(await door.experiments.create(wanted, visitor))


@router.get(f"{API}/experiments/get", dependencies=[READER])
async def get(request: Request, door: DoorDep) -> Response:
    """One by its id."""
    wanted = await asked(request, ExperimentById)
    return answered(await door.experiments.get(wanted))


@router.get(f"{API}/experiments/get-by-name")
async def get_by_name(request: Request, door: DoorDep, visitor: ReaderDep) -> Response:
    """One by its name."""
    wanted = await asked(request, ExperimentByName)
    return answered(await door.experiments.get_by_name(wanted.experiment_name, visitor))


@router.get(f"{API}/experiments/search")
@router.post(f"{API}/experiments/search")
async def search(request: Request, door: DoorDep, visitor: ReaderDep) -> Response:
    """Some of them."""
    wanted = await asked(request, SearchExperiments)
    return answered(await door.experiments.search(wanted, visitor))


@router.post(f"{API}/experiments/update", dependencies=[OWNER])
async def update(request: Request, door: DoorDep) -> Response:
    """Another name."""
    wanted = await asked(request, UpdateExperiment)
    return answered(await door.experiments.update(wanted))


@router.post(f"{API}/experiments/delete")
async def delete(request: Request, door: DoorDep, visitor: OwnerDep) -> Response:
    """Leave one out of lists."""
    wanted = await asked(request, ExperimentById)
    return answered(await door.experiments.delete(wanted, visitor))


@router.post(f"{API}/experiments/restore")
async def restore(request: Request, door: DoorDep, visitor: OwnerDep) -> Response:
    """Bring one back."""
    wanted = await asked(request, ExperimentById)
    return answered(await door.experiments.restore(wanted, visitor))


@router.post(f"{API}/experiments/set-experiment-tag")
async def set_tag(request: Request, door: DoorDep, visitor: WriterDep) -> Response:
    """Set a tag."""
    wanted = await asked(request, SetExperimentTag)
    return answered(await door.experiments.set_tag(wanted, visitor))


@router.post(f"{API}/experiments/delete-experiment-tag")
async def delete_tag(request: Request, door: DoorDep, visitor: WriterDep) -> Response:
    """Remove a tag."""
    wanted = await asked(request, DeleteExperimentTag)
    return answered(await door.experiments.delete_tag(wanted, visitor))
