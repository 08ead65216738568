"""What else MLflow's clients ask, and the answer where an operation is not here."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse, PlainTextResponse

from trainyard_gateway.mlflow.wire.errors import ROOT
from trainyard_gateway.routes.mlflow.deps import CALLER, answered

router = APIRouter(include_in_schema=False)
NO_PARTS = "Multipart upload is not supported for the current artifact repository"
"""MLflow's clients know this sentence, and send the file in one piece."""


@router.get(f"{ROOT}/health", dependencies=[CALLER])
async def health() -> Response:
    """MLflow's tools ask it."""
    return PlainTextResponse("OK")


@router.get(f"{ROOT}/api/3.0/mlflow/server-info", dependencies=[CALLER])
async def server_info() -> Response:
    """What is switched on: files are sent in one piece."""
    return answered(
        {
            "store_type": "SqlStore",
            "workspaces_enabled": False,
            "multipart_uploads_enabled": False,
            "multipart_downloads_enabled": False,
        }
    )


@router.post(ROOT + "/api/2.0/mlflow-artifacts/mpu/{rest:any_path}", dependencies=[CALLER])
async def parts() -> Response:
    """Files do not come in parts."""
    return JSONResponse({"error_code": "NOT_IMPLEMENTED", "message": NO_PARTS}, 501)


@router.api_route(
    ROOT + "/{rest:any_path}",
    methods=["GET", "POST", "PUT", "PATCH", "DELETE"],
    dependencies=[CALLER],
)
async def nothing(request: Request) -> Response:
    """The operation is not here."""
    message = f"{request.method} {request.url.path[:300]} is no operation of MLflow's protocol that Trainyard has"
    return JSONResponse({"error_code": "ENDPOINT_NOT_FOUND", "message": message}, 404)
