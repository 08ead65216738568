"""Reading and accepting what pods report, for the routes of `/report` and their fast path."""

from __future__ import annotations

from typing import TypeVar

from pydantic import BaseModel, ValidationError
from starlette.requests import ClientDisconnect
from starlette.types import Receive

from trainyard_api.model import field_errors
from trainyard_api.report import MAX_BATCH_BYTES, Batch, BatchReceipt
from trainyard_gateway import telemetry
from trainyard_gateway.auth.trainer_identity import Trainer
from trainyard_gateway.errors import NotPermitted, TooLarge, Unprocessable
from trainyard_gateway.services import Services

T = TypeVar("T", bound=BaseModel)


async def accept_batch(receive: Receive, services: Services, trainer: Trainer) -> BatchReceipt:
    """Apply the batch in a request's body. Returns when it is durable.

    Raises Problem, and ClientDisconnect if the client disconnects within the body.
    """
    body = await read_body(receive)
    batch = parse(body, Batch)
    require_own_session(trainer, batch.session_uid, batch.attempt)
    duplicate = await services.database.ingest(batch, body)
    telemetry.took(batch, duplicate)
    return BatchReceipt(sequence=batch.sequence, duplicate=duplicate)


def require_own_session(trainer: Trainer, session_uid: str, attempt: int) -> None:
    """A trainer reports for its own session only. Raises NotPermitted.

    It also reports for earlier attempts of that session, whose spool it has found on the volume.
    """
    if trainer.session_uid != session_uid:
        raise NotPermitted("this token belongs to another session")
    if attempt > trainer.attempt:
        raise NotPermitted(f"this token belongs to attempt {trainer.attempt}")


async def read_body(receive: Receive) -> bytes:
    """The whole body, at most `MAX_BATCH_BYTES`. Raises TooLarge and ClientDisconnect."""
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


def parse(body: bytes, kind: type[T]) -> T:
    """A model of `kind`, parsed from JSON. Raises Unprocessable with the wrong fields."""
    try:
        return kind.model_validate_json(body)
    except ValidationError as error:
        raise Unprocessable("the report is not valid", field_errors(error, kind)) from error
