"""Reading and accepting what pods report, for the routes of `/report` and their fast path."""

from __future__ import annotations

from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from starlette.types import Receive

from trainyard_api.model import field_errors
from trainyard_api.report import Batch, BatchReceipt, ModelReport
from trainyard_gateway import telemetry
from trainyard_gateway.auth.trainer_identity import Trainer
from trainyard_gateway.errors import MOST_ERRORS, NotFound, NotPermitted, Unprocessable
from trainyard_gateway.http.body import read_body
from trainyard_gateway.http.policy import BATCH_BODY
from trainyard_gateway.registry.model_origin import ModelOrigin
from trainyard_gateway.services import Services

T = TypeVar("T", bound=BaseModel)


async def accept_batch(receive: Receive, services: Services, trainer: Trainer) -> BatchReceipt:
    """Apply the batch in a request's body. Returns when it is durable.

    Raises Problem, and ClientDisconnect if the client disconnects within the body.
    """
    rates = services.report_rates
    with rates.under_way(trainer.session_uid):
        body = await read_body(receive, BATCH_BODY)
        rates.charge(trainer.session_uid, len(body))
        async with rates.turn(len(body)):
            batch = parse(body, Batch)
            require_own_session(trainer, batch.session_uid, batch.attempt)
            require_lines_only(trainer, batch)
            duplicate = await services.database.ingest(batch, body)
    telemetry.took(batch, duplicate)
    return BatchReceipt(sequence=batch.sequence, duplicate=duplicate)


async def origin_of(services: Services, report: ModelReport) -> ModelOrigin:
    """What the gateway knows of the session that reports a model. Raises NotFound."""
    session = await services.cache.find(report.session_uid)
    source, claimed = session.spec.get("resumeFrom"), report.card.get("resumedFrom")
    uid = claimed.get("sessionUid") if isinstance(claimed, dict) else None
    if source is None or not isinstance(uid, str) or not await _has_name(services, uid, source):
        uid = None
    return ModelOrigin(session, report.attempt, uid, services.cache.user_of(session))


async def _has_name(services: Services, uid: str, source: dict[str, Any]) -> bool:
    try:
        found = await services.cache.find(uid)
    except NotFound:
        return False
    return (found.uid, found.name) == (uid, source.get("session"))


def require_own_session(trainer: Trainer, session_uid: str, attempt: int) -> None:
    """A trainer reports for its own session only. Raises NotPermitted.

    It also reports for earlier attempts of that session, whose spool it has found on the volume.
    """
    if trainer.session_uid != session_uid:
        raise NotPermitted("this token belongs to another session")
    if attempt > trainer.attempt:
        raise NotPermitted(f"this token belongs to attempt {trainer.attempt}")


def require_program(trainer: Trainer) -> None:
    """Only a session's own program registers models. Raises NotPermitted."""
    if trainer.stream is not None:
        raise NotPermitted("this token reports lines of the log only")


def require_lines_only(trainer: Trainer, batch: Batch) -> None:
    """A pod that installs packages reports lines, in its own stream. Raises NotPermitted."""
    if trainer.stream is None:
        return
    if (batch.stream, batch.attempt) != (trainer.stream, trainer.attempt):
        raise NotPermitted(f"this token reports as {trainer.stream} of attempt {trainer.attempt}")
    if batch.metrics or batch.heartbeat or batch.checkpoint or batch.runs:
        raise NotPermitted("this token reports lines of the log only")


def parse(body: bytes, kind: type[T]) -> T:
    """A model of `kind`, parsed from JSON. Raises Unprocessable with the wrong fields."""
    try:
        return kind.model_validate_json(body)
    except ValidationError as error:
        listed = field_errors(error, kind, MOST_ERRORS)
        omitted = error.error_count() - len(listed)
        raise Unprocessable("the report is not valid", listed, omitted=omitted) from error
