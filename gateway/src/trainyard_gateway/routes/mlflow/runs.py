"""`/mlflow/api/2.0/mlflow/runs` and `metrics`."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from trainyard_gateway.mlflow.wire.requests import (
    CreateRun,
    DeleteTag,
    GetBulk,
    GetHistory,
    GetInterval,
    LogBatch,
    LogInputs,
    LogMetric,
    LogOutputs,
    LogParam,
    OfRun,
    SearchRuns,
    SetTag,
    UpdateRun,
)
from trainyard_gateway.routes.mlflow.deps import API, DoorDep, ReaderDep, WriterDep, answered, asked

router = APIRouter(include_in_schema=False)


@router.post(f"{API}/runs/create")
async def create(request: Request, door: DoorDep, visitor: WriterDep) -> Response:
    """Make a run."""
    wanted = await asked(request, CreateRun)
    return answered(await door.runs.create(wanted, visitor))


@router.get(f"{API}/runs/get")
async def get(request: Request, door: DoorDep, visitor: ReaderDep) -> Response:
    """One run."""
    wanted = await asked(request, OfRun)
    return answered(await door.runs.get(wanted, visitor))


@router.post(f"{API}/runs/update")
async def update(request: Request, door: DoorDep, visitor: WriterDep) -> Response:
    """Name, state and end."""
    wanted = await asked(request, UpdateRun)
    return answered(await door.runs.update(wanted, visitor))


@router.post(f"{API}/runs/delete")
async def delete(request: Request, door: DoorDep, visitor: WriterDep) -> Response:
    """Leave a run out of lists."""
    wanted = await asked(request, OfRun)
    return answered(await door.runs.delete(wanted, visitor))


@router.post(f"{API}/runs/restore")
async def restore(request: Request, door: DoorDep, visitor: WriterDep) -> Response:
    """Bring a run back."""
    wanted = await asked(request, OfRun)
    return answered(await door.runs.restore(wanted, visitor))


@router.post(f"{API}/runs/search")
async def search(request: Request, door: DoorDep, visitor: ReaderDep) -> Response:
    """Some runs."""
    wanted = await asked(request, SearchRuns)
    return answered(await door.searching.runs(wanted, visitor))


@router.post(f"{API}/runs/log-metric")
async def log_metric(request: Request, door: DoorDep, visitor: WriterDep) -> Response:
    """One value."""
    wanted = await asked(request, LogMetric)
    return answered(await door.runs.log_metric(wanted, visitor))


@router.post(f"{API}/runs/log-parameter")
async def log_param(request: Request, door: DoorDep, visitor: WriterDep) -> Response:
    """One param."""
    wanted = await asked(request, LogParam)
    return answered(await door.runs.log_param(wanted, visitor))


@router.post(f"{API}/runs/log-batch")
async def log_batch(request: Request, door: DoorDep, visitor: WriterDep) -> Response:
    """Values, params and tags."""
    wanted = await asked(request, LogBatch)
    return answered(await door.runs.log_batch(wanted, visitor))


@router.post(f"{API}/runs/set-tag")
async def set_tag(request: Request, door: DoorDep, visitor: WriterDep) -> Response:
    """One tag."""
    wanted = await asked(request, SetTag)
    return answered(await door.runs.set_tag(wanted, visitor))


@router.post(f"{API}/runs/delete-tag")
async def delete_tag(request: Request, door: DoorDep, visitor: WriterDep) -> Response:
    """Remove a tag."""
    wanted = await asked(request, DeleteTag)
    return answered(await door.runs.delete_tag(wanted, visitor))


@router.post(f"{API}/runs/log-inputs")
async def log_inputs(request: Request, door: DoorDep, visitor: WriterDep) -> Response:
    """Datasets."""
    wanted = await asked(request, LogInputs)
    return answered(await door.runs.log_inputs(wanted, visitor))


@router.post(f"{API}/runs/outputs")
async def log_outputs(request: Request, door: DoorDep, visitor: WriterDep) -> Response:
    """Logged models."""
    wanted = await asked(request, LogOutputs)
    return answered(await door.runs.log_outputs(wanted, visitor))


@router.get(f"{API}/metrics/get-history")
async def history(request: Request, door: DoorDep, visitor: ReaderDep) -> Response:
    """The values of a metric."""
    wanted = await asked(request, GetHistory)
    return answered(await door.searching.history(wanted, visitor))


@router.get(f"{API}/metrics/get-history-bulk")
async def bulk(request: Request, door: DoorDep, visitor: ReaderDep) -> Response:
    """The values of a metric of several runs."""
    wanted = await asked(request, GetBulk)
    return answered(await door.searching.bulk(wanted, visitor))


@router.get(f"{API}/metrics/get-history-bulk-interval")
async def interval(request: Request, door: DoorDep, visitor: ReaderDep) -> Response:
    """The values of a metric of several runs within steps."""
    wanted = await asked(request, GetInterval)
    return answered(await door.searching.interval(wanted, visitor))
