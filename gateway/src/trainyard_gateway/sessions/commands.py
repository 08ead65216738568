"""Commands on sessions. Each one only edits the custom resource; the operator acts on it."""

from __future__ import annotations

import hashlib
from typing import Any

import orjson

from trainyard_api import names, timestamps
from trainyard_api.limits.published import subjects_of
from trainyard_api.model import FieldError
from trainyard_api.phase import CANCELLABLE
from trainyard_api.rights.owner import Owner, User, Visibility
from trainyard_api.session.spec import TrainingSessionSpec
from trainyard_api.session.training_session import TrainingSession
from trainyard_gateway.code.bundles import CodeBundles, missing_bundle
from trainyard_gateway.errors import AlreadyThere, BadRequest, NotFound, Unavailable, Unprocessable
from trainyard_gateway.files.file_store import FileStore
from trainyard_gateway.limits.service import Limits, Starter
from trainyard_gateway.registry.datasets import Datasets
from trainyard_gateway.rights.asking import Rights, new_owner
from trainyard_gateway.rights.sharing import SessionSharing, SharingChange
from trainyard_gateway.sessions.cache import SessionCache
from trainyard_gateway.sessions.info import SessionInfo, has_ended, session_info
from trainyard_gateway.sessions.request import parse, require_fit, sharing_of
from trainyard_gateway.store import idempotency
from trainyard_gateway.store.access.owners import Kind
from trainyard_gateway.store.database import Database
from trainyard_gateway.store.idempotency import IdempotencyRow
from trainyard_kube import Json, KubeClient, errors, paths

MARK = f"{names.GROUP}/idempotency-key"
"""Annotation: hash of who started the session and of the Idempotency-Key."""
MARK_BODY = f"{names.GROUP}/idempotency-body"
"""Annotation: hash of the request's body."""
CONFLICTS = 3
"""How often a change of a session is tried while others change it."""


class SessionCommands:
    """Create, stop, suspend, resume, re-prioritise, cancel."""

    def __init__(  # noqa: PLR0913  one argument for each source
        self,
        kube: KubeClient,
        namespace: str,
        cache: SessionCache,
        database: Database,
        datasets: Datasets,
        code: CodeBundles,
        volume: FileStore,
        rights: Rights,
        limits: Limits,
    ) -> None:
        self._code, self._rights = code, rights
        self.limits = limits
        """What is asked before a session starts."""
        self._volume = volume
        self._kube, self._namespace = kube, namespace
        self._cache, self._database, self._datasets = cache, database, datasets

    async def start(
        self, body: dict[str, Any], starter: Starter, key: str | None, dry_run: bool
    ) -> SessionInfo:
        """Create a session of a user. The same idempotency `key` and body give the same session.

        What the session reads must be there for the user: a dataset that is not to be seen is
        answered like one that does not exist. The session in resumeFrom may come later; one that
        is not to be seen is waited for like one that does not exist.

        The key's hash is written into the session, and a generated name is derived from it. A
        gateway that dies between creating the session and storing the key creates no second one.
        """
        user, digest = starter.user, _digest(body)
        mark = (
            hashlib.sha256(f"{user.name}\0{key}".encode()).hexdigest() if key is not None else None
        )
        if mark is not None and (known := await self._remembered(mark, digest)) is not None:
            return await self._cache.find(known)
        name, spec = parse(body, mark)
        sharing = sharing_of(body)
        owner = new_owner(user, Kind.SESSION, sharing.team, sharing.visibility)
        await self.limits.require_within(starter, owner.team, spec)
        # A run writes to the volume of all: one that starts on a full one fails, and fills it more.
        self._volume.require(0)
        await self._require_sources(user, name, spec)
        manifest = TrainingSession.new(name, self._namespace, spec).manifest()
        manifest["metadata"]["labels"] = labels_of(owner, starter.key_id)
        if mark is not None:
            manifest["metadata"]["annotations"] = {MARK: mark, MARK_BODY: digest}
        query = {"dryRun": "All"} if dry_run else {}
        created = await self._create(manifest, query)
        if not dry_run:
            self._cache.put(created)
            if mark is not None:
                row = IdempotencyRow(
                    mark, digest, created["metadata"]["uid"], timestamps.now_text()
                )
                await self._database.write(lambda c: idempotency.insert_if_absent(c, row))
        return session_info(created)

    async def _require_sources(self, user: User, name: str, spec: TrainingSessionSpec) -> None:
        """Raises NotFound and NotPermitted for what `user` may not read or write by a session."""
        for named in [spec.dataset] if spec.dataset else spec.datasets or ():
            await self._require_dataset(user, spec, named)
        if spec.code is not None:
            bundle = spec.code.bundle
            seen = await self._rights.sees_bundle(user, bundle)
            if not seen or not await self._code.has(bundle):
                raise missing_bundle(bundle)
        # Its own name too: every program may register a model as `spec.outputModel` or that name.
        models = [*(output.name for output in spec.outputs or ()), spec.output_model or name]
        for model in dict.fromkeys(models):
            await self._rights.require_model(user, model)

    async def _require_dataset(self, user: User, spec: TrainingSessionSpec, name: str) -> None:
        found = await self._datasets.find(name)
        if found is None or not await self._rights.sees(user, Kind.DATASET, name):
            raise NotFound(
                f"there is no dataset {name!r}; upload it with POST /api/v1/datasets?name={name}"
            )
        require_fit(spec, found)

    async def _create(self, manifest: Json, query: dict[str, str]) -> Json:
        """Create a session, or find the one that the same idempotency key has created."""
        collection, metadata = paths.sessions(self._namespace), manifest["metadata"]
        try:
            return await self._call(self._created(collection, manifest, query))
        except AlreadyThere:
            wanted = metadata.get("annotations")
            if wanted is None:
                raise
            known = await self._call(
                self._kube.get(paths.sessions(self._namespace, metadata["name"]))
            )
            found = known["metadata"].get("annotations") or {}
            if found.get(MARK) != wanted[MARK]:
                raise
            if found.get(MARK_BODY) != wanted[MARK_BODY]:
                raise _other_body() from None
            return known

    async def _created(self, collection: str, manifest: Json, query: dict[str, str]) -> Json:
        try:
            return await self._kube.create(collection, manifest, **query)
        except errors.AlreadyExists:
            raise
        except errors.Conflict as error:
            # A quota that many creations change at once answers so.
            raise Unavailable(f"the cluster is busy: {error}; try again") from error

    async def edit(self, name_or_uid: str, spec: dict[str, Any]) -> SessionInfo:
        """Merge `spec` into the spec of a session.

        Raises NotFound, and AlreadyThere for a session that has ended or was deleted.
        """
        return await self._patch(name_or_uid, {"spec": spec})

    async def share(self, uid: str, user: User, changes: SessionSharing) -> SessionInfo:
        """Change team and visibility of a session, at `user`'s wish.

        Raises NotPermitted for a team that is not the user's, or in which it could not have been
        submitted, and AlreadyThere for a session that was deleted.
        """
        wanted = SharingChange(team=changes.team, visibility=changes.visibility)
        self._rights.require_sharing(user, wanted)
        labels: dict[str, str | None] = {}
        if changes.team is not None:
            body = self._cache.get(uid)
            if body is not None and not has_ended(body):
                await self.limits.require_in_team(changes.team, body.get("spec"))
            labels[names.LABEL_TEAM] = changes.team
        if changes.visibility is not None:
            shown = changes.visibility
            labels[names.LABEL_VISIBILITY] = None if shown == Visibility.TEAM else shown.value
        return await self._patch(uid, {"metadata": {"labels": labels}})

    async def _patch(self, name_or_uid: str, patch: dict[str, Any]) -> SessionInfo:
        session = await self._cache.find(name_or_uid)
        if session.deleted:
            raise AlreadyThere(
                f"session {session.name!r} is gone from the cluster; only its history is left"
            )
        changed = await self._call(self._patched(session.name, session.uid, patch))
        self._cache.put(changed)
        return session_info(changed)

    async def prioritise(self, uid: str, priority: int, starter: Starter) -> SessionInfo:
        """Change the priority, within the limits of the session and of who does it."""
        labels = (self._cache.get(uid) or {}).get("metadata", {}).get("labels") or {}
        found = (labels.get(n) or "" for n in (names.LABEL_USER, names.LABEL_TEAM, names.LABEL_KEY))
        await self.limits.require_priority(starter, subjects_of(*found), priority)
        return await self.edit(uid, {"priority": priority})

    async def _patched(self, name: str, uid: str, changes: dict[str, Any]) -> Json:
        path = paths.sessions(self._namespace, name)
        patch = {**changes, "metadata": {**changes.get("metadata", {}), "uid": uid}}
        for _ in range(CONFLICTS):
            try:
                return await self._kube.merge_patch(path, patch, names.GATEWAY_FIELD_MANAGER)
            except errors.Conflict:
                # Another one of that name, or others changed this one at the same moment.
                if (await self._kube.get(path))["metadata"]["uid"] != uid:
                    raise
        raise Unavailable(f"others change session {name!r} all the time; try again")

    async def cancel(self, name_or_uid: str) -> SessionInfo:
        """Take a session out of the queue. Raises AlreadyThere when it does not wait."""
        session = await self._cache.find(name_or_uid)
        if session.phase not in CANCELLABLE:
            raise AlreadyThere(
                f"session {session.name!r} is {session.phase}, not waiting; stop it instead"
            )
        return await self.edit(session.uid, {"desiredState": "Stopped"})

    async def _remembered(self, key: str, digest: str) -> str | None:
        row = await self._database.read(lambda c: idempotency.find(c, key), applied=False)
        if row is None:
            return None
        if row.body_sha256 != digest:
            raise _other_body()
        return row.session

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
            if any(c.field == "metadata.uid" for c in error.causes):
                raise _replaced() from error
            fields = [FieldError(c.field.removeprefix("spec."), c.message) for c in error.causes]
            raise Unprocessable("the session is not valid", fields) from error
        except errors.Conflict as error:
            raise _replaced() from error
        except errors.Forbidden as error:
            raise Unprocessable(error.message) from error
        except errors.KubeError as error:
            raise Unavailable(f"the cluster does not answer: {error}") from error
        return result


def labels_of(owner: Owner, key_id: str) -> dict[str, str]:
    """The labels of a session's object that say whose it is, and which key started it. Pure."""
    labels = {names.LABEL_USER: owner.user, names.LABEL_TEAM: owner.team}
    if owner.visibility != Visibility.TEAM:
        labels[names.LABEL_VISIBILITY] = owner.visibility.value
    if key_id:
        labels[names.LABEL_KEY] = key_id
    return labels


def _digest(body: dict[str, Any]) -> str:
    try:
        return hashlib.sha256(orjson.dumps(body, option=orjson.OPT_SORT_KEYS)).hexdigest()
    except orjson.JSONEncodeError as error:
        raise BadRequest(f"the body holds what no text or 64-bit number can be: {error}") from error


def _replaced() -> AlreadyThere:
    return AlreadyThere("the session was replaced by another one of that name; look again")


def _other_body() -> AlreadyThere:
    return AlreadyThere("this Idempotency-Key was used with another body; use a new key")
