"""`/api/v1/code`: folders with programs, named by their hash.

Send the manifest; send the contents that the answer lists as missing; send the manifest again.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Path, Request, Response
from fastapi.responses import StreamingResponse

from trainyard_api.code import BUNDLE_PATTERN, CodeManifest
from trainyard_gateway.auth.keys import Scope
from trainyard_gateway.code.bundles import CodeBundle, CodeLimits, ReceivedContents
from trainyard_gateway.rights.asking import new_owner
from trainyard_gateway.routes.deps import (
    CallerDep,
    ServicesDep,
    allowed,
    body_chunks,
    declared_size,
)
from trainyard_gateway.routes.rules import Makes, NoObject, OfBundle, rule
from trainyard_gateway.store.access.owners import Kind

router = APIRouter(prefix="/code", tags=["code"])

_READ = [allowed(Scope.SESSIONS_READ)]
_WRITE = [allowed(Scope.SESSIONS_WRITE)]
_SEEN = [*_READ, rule(OfBundle())]
_SENT = [*_WRITE, rule(Makes(Kind.CONTENT))]
_FILE = {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}
_BODY: dict[str, Any] = {"requestBody": {"required": True, "content": _FILE}}
_MANIFEST: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/CodeManifest"}}},
    }
}
ContentHash = Annotated[str, Path(pattern=BUNDLE_PATTERN)]


@router.get("", dependencies=[*_READ, rule(NoObject())])
async def limits(services: ServicesDep) -> CodeLimits:
    """What is taken of one bundle."""
    return services.code.limits


@router.post(
    "/bundles",
    dependencies=[*_WRITE, rule(Makes(Kind.BUNDLE))],
    response_model=CodeBundle,
    openapi_extra=_MANIFEST,
    responses={201: {"model": CodeBundle, "description": "The bundle is there"}},
)
async def offer(
    request: Request, response: Response, services: ServicesDep, caller: CallerDep
) -> CodeBundle:
    """Make a bundle from its manifest; without some of its contents, list those to send.

    Contents that the caller has not sent are listed too, although they may be there.
    """
    owner = new_owner(caller.user, Kind.BUNDLE)

    async def held(hashes: Sequence[str]) -> set[str]:
        return await services.rights.sent_by(caller.user, Kind.CONTENT, hashes)

    found, there = await services.code.offer(await request.body(), held)
    response.status_code = 201 if there else 200
    if there:
        await services.rights.note_sent(Kind.BUNDLE, [found.bundle], owner)
        services.status_writer.notify_waiting_for_code(found.bundle)
    return found


@router.get("/bundles/{bundle}", dependencies=_SEEN, response_model=CodeManifest)
async def manifest(services: ServicesDep, bundle: str) -> Response:
    """The manifest of a bundle; its SHA-256 is the bundle's name."""
    found = await services.code.manifest(bundle)
    return Response(found, media_type="application/json", headers={"ETag": f'"{bundle}"'})


@router.get(
    "/bundles/{bundle}/contents",
    dependencies=_SEEN,
    response_class=StreamingResponse,
    responses={200: {"description": "A pack of all contents", "content": _FILE}},
)
async def contents(services: ServicesDep, bundle: str) -> StreamingResponse:
    """All contents of a bundle as a pack: each with SHA-256 (32 bytes), length (8 bytes), bytes."""
    found = await services.code.contents(bundle)
    return StreamingResponse(found, media_type="application/octet-stream")


@router.post("/contents", status_code=201, dependencies=_SENT, openapi_extra=_BODY)
async def send_contents(
    services: ServicesDep, caller: CallerDep, request: Request
) -> ReceivedContents:
    """Send a pack: each content with SHA-256 (32 bytes), length (8 bytes, big-endian), bytes."""
    owner = new_owner(caller.user, Kind.CONTENT)
    found = await services.code.receive(body_chunks(request), caller.key_id, declared_size(request))
    await services.rights.note_sent(Kind.CONTENT, found.received, owner)
    return found


@router.put("/contents/{sha256}", status_code=201, dependencies=_SENT, openapi_extra=_BODY)
async def put_content(
    services: ServicesDep, caller: CallerDep, request: Request, sha256: ContentHash
) -> ReceivedContents:
    """Send one content; its hash is compared."""
    owner = new_owner(caller.user, Kind.CONTENT)
    found = await services.code.receive(
        body_chunks(request), caller.key_id, declared_size(request), sha256
    )
    await services.rights.note_sent(Kind.CONTENT, found.received, owner)
    return found
