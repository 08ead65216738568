"""What routes declare that they need."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import Depends, Request

from trainyard_api.model import Status
from trainyard_gateway.auth import bearer
from trainyard_gateway.identity import Trainer
from trainyard_gateway.services import Services


def services(request: Request) -> Services:
    """The running parts."""
    found: Services = request.app.state.services
    return found


ServicesDep = Annotated[Services, Depends(services)]


async def trainer(request: Request, parts: ServicesDep) -> Trainer:
    """The trainer whose token came with the request."""
    return await parts.identity.verify(bearer(request))


TrainerDep = Annotated[Trainer, Depends(trainer)]


class ProblemBody(Status):
    """RFC 9457."""

    type: str
    title: str
    status: int
    detail: str
    instance: str


async def body_chunks(request: Request) -> AsyncIterator[bytes]:
    """The raw body in pieces."""
    async for chunk in request.stream():
        if chunk:
            yield chunk
