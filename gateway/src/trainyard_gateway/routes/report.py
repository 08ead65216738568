"""`/api/v1/report`: what pods send, authenticated by their own token instead of an API key."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from pydantic import BaseModel

from trainyard_api.report import (
    Batch,
    BatchReceipt,
    ModelReceipt,
    ModelReport,
    TreeReceipt,
    TreeReport,
)
from trainyard_gateway.http.body import read_body
from trainyard_gateway.http.policy import (
    MODEL_REPORT_BODY,
    NODE_BODY,
    TREE_REPORT_BODY,
    RouterPolicy,
)
from trainyard_gateway.http.reports import (
    accept_batch,
    origin_of,
    parse,
    require_own_session,
    require_program,
)
from trainyard_gateway.nodes.machine import Machine
from trainyard_gateway.routes.deps import MonitoredNodeDep, ServicesDep, TrainerDep

router = APIRouter(prefix="/report", tags=["report"])
POLICY = RouterPolicy(api_key=False, body=None)


def _body_of(kind: type[BaseModel]) -> dict[str, Any]:
    """Documents a body that the route reads itself, after it has verified the token."""
    schema = {"$ref": f"#/components/schemas/{kind.__name__}"}
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}


@router.post("/batches", openapi_extra=_body_of(Batch))
async def batches(request: Request, services: ServicesDep, trainer: TrainerDep) -> BatchReceipt:
    """Metrics, log lines, a heartbeat, a checkpoint; applied exactly once."""
    return await accept_batch(request.receive, services, trainer)


@router.post("/model", status_code=201, openapi_extra=_body_of(ModelReport))
async def model(request: Request, services: ServicesDep, trainer: TrainerDep) -> ModelReceipt:
    """Check and register the final model, which lies in the output folder of the session."""
    report = parse(await read_body(request.receive, MODEL_REPORT_BODY), ModelReport)
    require_own_session(trainer, report.session_uid, report.attempt)
    require_program(trainer)
    found = await services.models.adopt(report, await origin_of(services, report))
    services.status_writer.notify(report.session_uid)
    return ModelReceipt(name=found.name, version=found.version, sha256=found.sha256)


@router.post("/tree", status_code=201, openapi_extra=_body_of(TreeReport))
async def tree(request: Request, services: ServicesDep, trainer: TrainerDep) -> TreeReceipt:
    """Check and register a file or folder that is staged in the session's folder.

    It lies in `.trainyard/artifacts/<tree>`. The same report again gives the same version.
    """
    report = parse(await read_body(request.receive, TREE_REPORT_BODY), TreeReport)
    require_own_session(trainer, report.session_uid, report.attempt)
    require_program(trainer)
    return await services.trees.adopt(report)


@router.post("/node", status_code=204, openapi_extra=_body_of(Machine))
async def node(request: Request, services: ServicesDep, name: MonitoredNodeDep) -> None:
    """A node monitor's measurement of the node that its pod runs on."""
    measured = parse(await read_body(request.receive, NODE_BODY), Machine)
    services.system.record_measurement(name, measured)
