"""What people do to sessions; every one of them only edits the custom resource."""

from __future__ import annotations

import hashlib
import secrets
from typing import Any

from pydantic import ValidationError
from sqlalchemy import Connection, insert, select

from trainyard_api import names
from trainyard_api.model import FieldError, field_errors
from trainyard_api.session import TrainingSession, TrainingSessionSpec
from trainyard_gateway import clock
from trainyard_gateway.errors import AlreadyThere, NotFound, Unavailable, Unprocessable
from trainyard_gateway.registry import Datasets
from trainyard_gateway.sessions.cache import SessionCache, SessionInfo, info
from trainyard_gateway.store.database import Database
from trainyard_gateway.store.tables import idempotency
from trainyard_kube import Json, KubeClient, errors, paths


class SessionCommands:
    """Create, stop, suspend, resume, re-prioritise, cancel."""

    def __init__(
        self,
        kube: KubeClient,
        namespace: str,
        cache: SessionCache,
        database: Database,
        datasets: Datasets,
    ) -> None:
        self._kube, self._namespace = kube, namespace
        self._cache, self._database, self._datasets = cache, database, datasets

    async def start(self, body: dict[str, Any], key: str | None, dry_run: bool) -> SessionInfo:
        """Create a session. With an idempotency key the same body again gives the same session."""
        digest = hashlib.sha256(repr(sorted(body.items())).encode()).hexdigest()
        if key is not None and (known := await self._remembered(key, digest)) is not None:
            return await self._cache.find(known)
        name, spec = _parse(body)
        if spec.dataset is not None and await self._datasets.find(spec.dataset) is None:
            raise NotFound(
                f"there is no dataset {spec.dataset!r}; upload it with POST /api/v1/datasets?name={spec.dataset}"
            )
        manifest = TrainingSession.new(name, self._namespace, spec).manifest()
        query = {"dryRun": "All"} if dry_run else {}
        created = await self._call(
            self._kube.create(paths.sessions(self._namespace), manifest, **query)
        )
        if not dry_run:
            self._cache.put(created)
            if key is not None:
                await self._database.write(lambda c: _remember(c, key, digest, name))
        return info(created)

    async def edit(self, name_or_uid: str, spec: dict[str, Any]) -> SessionInfo:
        """Merge `spec` into a live session's spec. Raises NotFound, AlreadyThere for one that is over or gone."""
        session = await self._cache.find(name_or_uid)
        if session.deleted:
            raise AlreadyThere(
                f"session {session.name!r} is gone from the cluster; only its history is left"
            )
        path = paths.sessions(self._namespace, session.name)
        patch = {"metadata": {"uid": session.uid}, "spec": spec}
        changed = await self._call(self._kube.merge_patch(path, patch, names.GATEWAY_FIELD_MANAGER))
        self._cache.put(changed)
        return info(changed)

    async def cancel(self, name_or_uid: str) -> SessionInfo:
        """Take a session out of the queue. Raises AlreadyThere when it does not wait."""
        session = await self._cache.find(name_or_uid)
        if session.phase not in ("Pending", "Queued", "Suspended"):
            raise AlreadyThere(
                f"session {session.name!r} is {session.phase}, not waiting; stop it instead"
            )
        return await self.edit(session.uid, {"desiredState": "Stopped"})

    async def _remembered(self, key: str, digest: str) -> str | None:
        query = select(idempotency).where(idempotency.c.key == key)
        row = await self._database.read(lambda c: c.execute(query).one_or_none())
        if row is None:
            return None
        if row.body_sha256 != digest:
            raise AlreadyThere("this Idempotency-Key was used with another body; use a new key")
        return str(row.session)

    async def _call(self, request: Any) -> Json:
        """Kubernetes' refusals in our words."""
        try:
            result: Json = await request
        except errors.AlreadyExists as error:
            raise AlreadyThere(
                "a session of that name is there already; choose another name"
            ) from error
        except errors.NotFound as error:
            raise NotFound("the session is gone") from error
        except errors.Invalid as error:
            fields = [FieldError(c.field.removeprefix("spec."), c.message) for c in error.causes]
            raise Unprocessable("the session is not valid", fields) from error
        except errors.Conflict as error:
            raise AlreadyThere(
                "the session was replaced by another one of that name; look again"
            ) from error
        except errors.Forbidden as error:
            raise Unprocessable(error.message) from error
        except errors.KubeError as error:
            raise Unavailable(f"the cluster does not answer: {error}") from error
        return result


def _parse(body: dict[str, Any]) -> tuple[str, TrainingSessionSpec]:
    """Name and spec of a start request. Raises Unprocessable with every wrong field."""
    fields = dict(body)
    name = fields.pop("name", None) or f"run-{secrets.token_hex(4)}"
    wrong: list[FieldError] = []
    if not isinstance(name, str) or not names.is_session_name(name):
        rule = f"lower-case letters, digits and dashes, at most {names.SESSION_NAME_MAX}, a letter or digit at both ends"
        wrong.append(FieldError("name", rule, repr(name)[:80]))
    try:
        spec = TrainingSessionSpec.model_validate(fields)
    except ValidationError as error:
        wrong += field_errors(error, TrainingSessionSpec)
    if wrong:
        listed = "; ".join(f"{e.field}: {e.message}" if e.field else e.message for e in wrong[:5])
        raise Unprocessable(f"the request is not valid: {listed}", wrong)
    return name, spec


def _remember(connection: Connection, key: str, digest: str, session: str) -> None:
    connection.execute(
        insert(idempotency).values(
            key=key, body_sha256=digest, session=session, created=clock.now()
        )
    )
