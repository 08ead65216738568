"""The sessions of the cluster, from a list-watch, with their history in the database."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable, Iterable, Set

import orjson

from trainyard_api.rights.decision import sees
from trainyard_api.rights.owner import Owner, User
from trainyard_gateway.audit.cluster import ClusterChanges
from trainyard_gateway.audit.observed import Watched
from trainyard_gateway.errors import NotFound
from trainyard_gateway.rights.asking import Rights
from trainyard_gateway.rights.users import Users
from trainyard_gateway.sessions.info import SessionInfo, owned, session_info
from trainyard_gateway.store import sessions
from trainyard_gateway.store.access import owners
from trainyard_gateway.store.access.owners import Kind
from trainyard_gateway.store.database import Connection, Database
from trainyard_gateway.store.ledger import writing as ledger
from trainyard_gateway.store.ledger.record import Rows
from trainyard_gateway.store.ledger.unsaved import Unsaved
from trainyard_gateway.store.runs import of_sessions
from trainyard_gateway.store.sessions import SessionRow
from trainyard_kube import (
    Applied,
    Deleted,
    Json,
    KubeClient,
    ListWatch,
    Live,
    Stale,
    Synced,
    errors,
    paths,
)

MOST_REMEMBERED = 50_000
"""Sessions whose owners of before are remembered, for streams that have shown them."""
_NAME_OR_UID = re.compile(r"[A-Za-z0-9.-]{1,64}")
_UID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_NAME = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?")


class SessionCache:
    """Every session of the namespace by UID."""

    def __init__(
        self,
        kube: KubeClient,
        namespace: str,
        database: Database,
        rights: Rights | None = None,
        changes: ClusterChanges | None = None,
    ) -> None:
        """`rights`: whose sessions are. Default: of an installation without users."""
        self._changes = changes or ClusterChanges(Watched())
        self._rights = rights or Rights(Users(database), database)
        self._former: dict[str, set[Owner]] = {}
        self._kube, self._namespace = kube, namespace
        self._watch = ListWatch(kube, paths.sessions(namespace))
        self._database = database
        self._objects: dict[str, Json] = {}
        self._unsaved = Unsaved(lambda: time.time_ns() // 1000)
        self._listeners: list[Callable[[str], None]] = []
        self.synced = asyncio.Event()
        self.stale: str | None = None
        """Why what is known may be out of date, None while it is not."""

    def on_change(self, listener: Callable[[str], None]) -> None:
        """Call `listener` with the UID of each session that changes."""
        self._listeners.append(listener)

    def live(self) -> list[Json]:
        """The objects of the cluster."""
        return list(self._objects.values())

    def get(self, uid: str) -> Json | None:
        """A live object."""
        return self._objects.get(uid)

    def seen_by(self, user: User) -> list[Json]:
        """The objects of the cluster that a user sees."""
        return [body for body in self._objects.values() if self.is_seen(user, body)]

    def is_seen(self, user: User, body: Json) -> bool:
        """Whether a user sees a live object."""
        return sees(user, self.owner_of(body))

    def user_of(self, session: SessionInfo) -> User:
        """The user that a session acts for: of its label, with role and teams."""
        return self._rights.users.of(session.user or "")

    def was_seen(self, user: User, uid: str) -> bool:
        """Whether a user could see a session that is gone, or that the user no longer sees."""
        former = self._former.get(uid)
        if former is None:
            return user.is_administrator
        return any(sees(user, owner) for owner in former)

    def owner_of(self, body: Json) -> Owner:
        """Whose a live object is."""
        return self._rights.of_session(owned(body))

    def attempt_of(self, uid: str) -> int:
        """The current or last attempt of a session of the cluster; 1 where none is known."""
        status = (self._objects.get(uid) or {}).get("status") or {}
        return int(status.get("attempt") or 1)

    async def run(self) -> None:
        """Follow the cluster without end."""
        async for change in self._watch:
            match change:
                case Synced(objects, version):
                    await self._replace(objects, version)
                case Applied(body):
                    self._objects[body["metadata"]["uid"]] = body
                    await self._remember([body])
                case Deleted(body):
                    self._objects.pop(body["metadata"]["uid"], None)
                    await self._remember([body], deleted=True)
                case Stale(reason):
                    self.stale = reason
                case Live():
                    self.stale = None

    async def find(self, name_or_uid: str) -> SessionInfo:
        """A session by UID, or else by name (the newest of that name), also a deleted one.

        A session whose name is the UID of another one does not hide it. Raises NotFound.
        """
        if (live := self._objects.get(name_or_uid)) is not None:
            return session_info(live)
        if _UID.fullmatch(name_or_uid):
            row = await self._database.read(lambda c: sessions.find(c, name_or_uid), applied=False)
            if row is not None and row.uid == name_or_uid:
                return session_info(orjson.loads(row.object), deleted=row.deleted)
        named = (b for b in self._objects.values() if b["metadata"]["name"] == name_or_uid)
        if (newest := max(named, key=_version, default=None)) is not None:
            return session_info(newest)
        if not _NAME_OR_UID.fullmatch(name_or_uid):
            raise absent(name_or_uid)
        if (unseen := await self._unseen(name_or_uid)) is not None:
            return session_info(unseen)
        row = await self._database.read(lambda c: sessions.find(c, name_or_uid), applied=False)
        if row is None:
            raise absent(name_or_uid)
        return session_info(orjson.loads(row.object), deleted=row.deleted)

    async def find_seen(
        self, names_or_uids: Iterable[str], user: User
    ) -> tuple[list[SessionInfo], list[str]]:
        """The sessions that `find` finds and a user sees, each once; what is not among them."""
        found: dict[str, SessionInfo] = {}
        unknown = []
        for asked in dict.fromkeys(names_or_uids):
            try:
                session = await self.find(asked)
            except NotFound:
                unknown.append(asked)
                continue
            if sees(user, self._rights.of_session(session)):
                found.setdefault(session.uid, session)
            else:
                unknown.append(asked)
        return list(found.values()), unknown

    async def _unseen(self, name: str) -> Json | None:
        """A new session that the watch has not reported yet.

        None without one, and while the cluster does not answer.
        """
        if self.stale is not None or not _NAME.fullmatch(name):
            return None
        try:
            return await self._kube.get(paths.sessions(self._namespace, name))
        except errors.KubeError:
            return None

    async def history(
        self, limit: int, before: tuple[str, str] | None, user: User
    ) -> tuple[list[SessionInfo], bool, int]:
        """A page of deleted sessions that a user sees, newest first; whether there are more; how
        many there are.

        `before`: creation time and UID of the last session of the previous page.
        """
        rows, more, total = await self._database.read(
            lambda c: sessions.deleted_page(c, limit, before, user), applied=False
        )
        return [session_info(orjson.loads(r.object), deleted=True) for r in rows], more, total

    def put(self, body: Json) -> None:
        """An object that this gateway has just written, before the watch brings it."""
        known = self._objects.get(body["metadata"]["uid"])
        if known is None or _version(known) < _version(body):
            self._objects[body["metadata"]["uid"]] = body

    async def _replace(self, objects: dict[str, Json], version: int) -> None:
        gone = self._objects.keys() - objects.keys()
        self._objects = dict(objects)
        await self._remember(list(objects.values()))
        await self._database.write(lambda c: self._mark_gone(c, objects.keys(), version))
        self._unsaved.forget(gone)
        self._tell(gone)
        self.stale = None
        self.synced.set()

    async def _remember(self, bodies: list[Json], deleted: bool = False) -> None:
        if bodies:
            rows = [_row(b, deleted) for b in bodies]
            held = self._unsaved.of(bodies, deleted)
            found = {body["metadata"]["uid"]: self.owner_of(body) for body in bodies}
            self._note(found)
            bodies_changed = self._changes.changed(bodies, deleted=deleted)

            def save(connection: Connection) -> None:
                self._changes.write(connection, bodies_changed, deleted=deleted)
                _save(connection, rows, list(held.values()), found)

            await self._database.write(save)
            self._changes.saved(bodies_changed, deleted=deleted)
            self._unsaved.saved(held, deleted)
        self._tell(body["metadata"]["uid"] for body in bodies)

    def _mark_gone(self, connection: Connection, present: Set[str], version: int) -> None:
        self._changes.write_gone(connection, present, version)
        _mark_deleted_except(connection, present)

    def _note(self, found: dict[str, Owner]) -> None:
        for uid, owner in found.items():
            self._former.setdefault(uid, set()).add(owner)
        while len(self._former) > MOST_REMEMBERED:
            del self._former[next(iter(self._former))]

    def _tell(self, uids: Iterable[str]) -> None:
        for uid in uids:
            for listener in self._listeners:
                listener(uid)


def _save(
    connection: Connection, rows: list[SessionRow], held: list[Rows], found: dict[str, Owner]
) -> None:
    sessions.save(connection, rows)
    owners.save(connection, Kind.SESSION, found)
    ledger.save(connection, held)
    of_sessions.save(connection, rows)


def _mark_deleted_except(connection: Connection, present: Set[str]) -> None:
    sessions.mark_deleted_except(connection, present)
    of_sessions.mark_gone_except(connection, present)
    ledger.close_gone(connection, present)


def absent(name_or_uid: str) -> NotFound:
    """The answer where there is no session, or none that the caller may see."""
    return NotFound(
        f"there is no session {name_or_uid[:80]!r}; GET /api/v1/training/sessions lists them"
    )


def _version(body: Json) -> int:
    return int(body["metadata"].get("resourceVersion") or 0)


def _row(body: Json, deleted: bool) -> SessionRow:
    metadata = {k: v for k, v in body["metadata"].items() if k != "managedFields"}
    return SessionRow(
        uid=metadata["uid"],
        name=metadata["name"],
        created=metadata["creationTimestamp"],
        object=orjson.dumps({**body, "metadata": metadata}).decode(),
        deleted=deleted,
    )
