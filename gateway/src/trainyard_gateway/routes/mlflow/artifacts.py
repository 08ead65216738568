"""`/mlflow/api/2.0/mlflow-artifacts/artifacts` and `artifacts/list`.

A program's page, script or picture must never run as ours: files are sent as the run files are.
What a caller needs depends on the path: `models:read` for versions of models, else the scopes of
sessions.
"""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from trainyard_gateway.errors import BadRequest
from trainyard_gateway.mlflow.wire.errors import ROOT
from trainyard_gateway.mlflow.wire.places import Place, of_run, place_of
from trainyard_gateway.mlflow.wire.requests import ListArtifacts
from trainyard_gateway.routes import files
from trainyard_gateway.routes.deps import body_chunks, declared_size
from trainyard_gateway.routes.mlflow.deps import (
    API,
    DoorDep,
    ReaderDep,
    VisitorDep,
    answered,
    asked,
)
from trainyard_gateway.routes.run_files import HARMLESS

router = APIRouter(include_in_schema=False)
_FILES = f"{ROOT}/api/2.0/mlflow-artifacts/artifacts"


@router.get(_FILES)
async def of_folder(door: DoorDep, visitor: VisitorDep, path: str = "") -> Response:
    """What a folder holds."""
    return answered({"files": await door.artifacts.list(place_of(path), visitor)})


@router.get(f"{API}/artifacts/list")
async def of_run_folder(request: Request, door: DoorDep, visitor: ReaderDep) -> Response:
    """What a folder of a run holds."""
    wanted = await asked(request, ListArtifacts)
    place = of_run(wanted.run_id, wanted.path)
    return answered(await door.artifacts.list_of_run(place, visitor))


@router.get(_FILES + "/{path:any_path}")
async def download(path: str, door: DoorDep, visitor: VisitorDep) -> Response:
    """A file."""
    place = _file(path)
    sha256, file = await door.artifacts.file(place, visitor)
    name = place.path.rpartition("/")[2]
    return await files.file_response(file, sha256, name, **HARMLESS)


@router.put(_FILES + "/{path:any_path}")
async def upload(request: Request, path: str, door: DoorDep, visitor: VisitorDep) -> Response:
    """Put a file there."""
    size = declared_size(request)
    await door.artifacts.put(_file(path), body_chunks(request), size, visitor)
    return answered({})


@router.delete(_FILES + "/{path:any_path}")
async def delete(path: str, door: DoorDep, visitor: VisitorDep) -> Response:
    """Remove a file or a folder."""
    await door.artifacts.delete(place_of(path), visitor)
    return answered({})


def _file(path: str) -> Place:
    if path.endswith("/"):
        raise BadRequest("Invalid path: the name of a file has no / at its end")
    return place_of(path)
