"""`/api/v1/keys`: for administrators."""

from __future__ import annotations

from fastapi import APIRouter, Response

from trainyard_api.model import OpenModel
from trainyard_gateway.auth.api_key_store import CreatedKey, KeyInfo, NewKey
from trainyard_gateway.auth.keys import Scope
from trainyard_gateway.http.pages import page_response
from trainyard_gateway.paging import Cursor
from trainyard_gateway.routes.deps import ServicesDep, allowed

router = APIRouter(prefix="/keys", tags=["keys"])

_ADMIN = [allowed(Scope.KEYS_ADMIN)]


class KeysResponse(OpenModel):
    """Every key, without secrets."""

    keys: list[KeyInfo]
    """Newest first, also revoked and expired ones."""
    cursor: str | None = None
    """Give this as `cursor` for the next page; null on the last."""


@router.post("", status_code=201, dependencies=_ADMIN)
async def create(services: ServicesDep, response: Response, new: NewKey) -> CreatedKey:
    """Make a key. Its secret is in this answer and nowhere else."""
    made = await services.keys.create(new)
    response.headers["Location"] = f"/api/v1/keys/{made.id}"
    # Nothing between here and the caller may keep the secret.
    response.headers["Cache-Control"] = "no-store"
    return made


@router.get("", dependencies=_ADMIN, response_model=KeysResponse)
async def keys(services: ServicesDep, cursor: Cursor | None = None) -> Response:
    """Every key; pages of at most 4 MiB."""
    return page_response("keys", services.keys.after(cursor), lambda key: key.id)


@router.get("/{key_id}", dependencies=_ADMIN)
async def key(services: ServicesDep, key_id: str) -> KeyInfo:
    """One key."""
    return services.keys.one(key_id)


@router.delete("/{key_id}", status_code=204, dependencies=_ADMIN)
async def revoke(services: ServicesDep, key_id: str) -> None:
    """Revoke a key at once; doing it again changes nothing."""
    await services.keys.revoke(key_id)
