"""`/api/v1/report`: what trainers send, with their own token instead of an API key."""

from __future__ import annotations

from typing import Any, TypeVar

from fastapi import APIRouter, Request
from pydantic import BaseModel, ValidationError
from starlette.requests import ClientDisconnect
from starlette.types import Receive

from trainyard_api.model import field_errors
from trainyard_api.report import MAX_BATCH_BYTES, Batch, BatchReceipt, ModelReceipt, ModelReport
from trainyard_gateway import telemetry
from trainyard_gateway.auth.trainer_identity import Trainer
from trainyard_gateway.errors import NotPermitted, TooLarge, Unprocessable
from trainyard_gateway.nodes.machine import Machine
from trainyard_gateway.routes.deps import MonitoredNodeDep, ServicesDep, TrainerDep
from trainyard_gateway.services import Services

T = TypeVar("T", bound=BaseModel)

router = APIRouter(prefix="/report", tags=["report"])


def _takes(kind: type[BaseModel]) -> dict[str, Any]:
    """The documentation of a body that the route reads itself, after it knows who sends it."""
    schema = {"$ref": f"#/components/schemas/{kind.__name__}"}
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}


@router.post("/batches", openapi_extra=_takes(Batch))
async def batches(request: Request, services: ServicesDep, trainer: TrainerDep) -> BatchReceipt:
    """Metrics, log lines, a heartbeat, a checkpoint; applied exactly once."""
    return await take(request.receive, services, trainer)


async def take(receive: Receive, services: Services, trainer: Trainer) -> BatchReceipt:
    """Apply the batch in a request's body; returns when it is durable. Raises Problem and ClientDisconnect."""
    body = await _body(receive)
    batch = _parsed(body, Batch)
    _check(trainer, batch.session_uid, batch.attempt)
    duplicate = await services.database.ingest(batch, body)
    telemetry.took(batch, duplicate)
    return BatchReceipt(sequence=batch.sequence, duplicate=duplicate)


@router.post("/model", status_code=201, openapi_extra=_takes(ModelReport))
async def model(request: Request, services: ServicesDep, trainer: TrainerDep) -> ModelReceipt:
    """The final model lies in the run's output folder; check and register it."""
    report = _parsed(await _body(request.receive), ModelReport)
    _check(trainer, report.session_uid, report.attempt)
    found = await services.models.adopt(report)
    services.status_writer.notify(report.session_uid)
    return ModelReceipt(name=found.name, version=found.version, sha256=found.sha256)


@router.post("/node", status_code=204, openapi_extra=_takes(Machine))
async def node(request: Request, services: ServicesDep, name: MonitoredNodeDep) -> None:
    """A node monitor's measurement of the node that its pod runs on."""
    services.system.record_measurement(name, _parsed(await _body(request.receive), Machine))


def _check(trainer: Trainer, session_uid: str, attempt: int) -> None:
    """A trainer speaks for its own session; for earlier attempts too, whose spool it found."""
    if trainer.session_uid != session_uid:
        raise NotPermitted("this token belongs to another session")
    if attempt > trainer.attempt:
        raise NotPermitted(f"this token belongs to attempt {trainer.attempt}")


async def _body(receive: Receive) -> bytes:
    """Bounded before it is read whole."""
    body, more = bytearray(), True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        piece, more = message.get("body", b""), message.get("more_body", False)
        if len(body) + len(piece) > MAX_BATCH_BYTES:
            raise TooLarge(f"a report has at most {MAX_BATCH_BYTES} bytes; send smaller ones")
        if not more and not body:
            return bytes(piece)
        body += piece
    return bytes(body)


def _parsed(body: bytes, kind: type[T]) -> T:
    """Parsed straight from bytes, once."""
    try:
        return kind.model_validate_json(body)
    except ValidationError as error:
        raise Unprocessable("the report is not valid", field_errors(error, kind)) from error
