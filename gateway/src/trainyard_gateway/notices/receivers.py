"""The receivers of notices of users and teams.

Users see and change them as they are in the database. What looks at sessions has them in memory, as
they were at its last `load`.
"""

from __future__ import annotations

import asyncio
import re
import time
import uuid
from collections.abc import Collection
from typing import Final, NamedTuple

from trainyard_api.rights.owner import DEFAULT_TEAM
from trainyard_gateway.errors import AlreadyThere, NotFound, Unprocessable
from trainyard_gateway.notices import address, message, signature
from trainyard_gateway.notices.address import RefusedAddress
from trainyard_gateway.notices.receiver import (
    CreatedReceiver,
    NewReceiver,
    Receiver,
    ReceiverChange,
    info,
    parsed,
    rules_text,
    since_text,
    times_text,
)
from trainyard_gateway.notices.rules import MOST_RULES_OF_USER
from trainyard_gateway.notices.services import process
from trainyard_gateway.notices.services.known_hosts import instead
from trainyard_gateway.notices.services.process import RefusedService
from trainyard_gateway.notices.timing.release import release
from trainyard_gateway.store.access import users
from trainyard_gateway.store.database import Connection, Database
from trainyard_gateway.store.outbox import notices, receivers
from trainyard_gateway.store.outbox.notices import NoticeRow
from trainyard_gateway.store.outbox.receivers import SERVICE, WEBHOOK, ReceiverRow

_SERVICE: Final = re.compile(r"(?!https?://)[a-z][a-z0-9+.-]*://", re.IGNORECASE)
MOST_RECEIVERS: Final = 20
"""Receivers of one user, or of one team."""
MOST_WAITING: Final = 1000
"""Notices that wait for one receiver."""


class _Place(NamedTuple):
    """Where notices are sent."""

    kind: str
    url: str
    shown: str


class Receivers:
    """The receivers of all users and teams.

    `team` is the one that a receiver belongs to; empty: it belongs to the user.
    """

    def __init__(self, database: Database, enabled: bool, internal: Collection[str]) -> None:
        """`internal` are the hosts inside the network that may be named."""
        self._database, self.enabled = database, enabled
        self.internal = frozenset(host.lower().rstrip(".") for host in internal)
        self._known: dict[str, Receiver] = {}
        self._checks = asyncio.Semaphore(2)

    async def load(self) -> None:
        """Read them from the database."""
        rows = await self._database.read(receivers.receivers, applied=False)
        self._known = {row.id: self._kept(row) or parsed(row) for row in rows}

    def _kept(self, row: ReceiverRow) -> Receiver | None:
        known = self._known.get(row.id)
        return known if known is not None and known.row == row else None

    def all(self) -> list[Receiver]:
        """Every receiver of every user and team."""
        return list(self._known.values())

    async def of(self, user: str, team: str = "") -> list[Receiver]:
        """The receivers of a user, or of a team, by name."""
        rows = await self._database.read(lambda c: _rows(c, user, team), applied=False)
        return [parsed(row) for row in rows]

    async def create(self, user: str, new: NewReceiver, team: str = "") -> CreatedReceiver:
        """Make a receiver. Raises Unprocessable and AlreadyThere."""
        place = await self._place(new.url)
        row = ReceiverRow(
            id=uuid.uuid4().hex,
            user="" if team else user,
            name=new.name,
            url=place.url,
            secret=signature.new_secret(),
            sessions=new.sessions,
            rules=rules_text(new.rules),
            created=time.time_ns() // 1000,
            team=team,
            maker=user,
            kind=place.kind,
            shown=place.shown,
            times=times_text(new.times),
        )
        await self._database.write(lambda c: _insert(c, row, len(new.rules)))
        await self.load()
        return CreatedReceiver(**dict(info(parsed(row))), secret=row.secret)

    async def change(
        self, user: str, name: str, changes: ReceiverChange, team: str = ""
    ) -> Receiver:
        """Change a receiver; what waits for it waits by its new times.

        Raises NotFound and Unprocessable.
        """
        place = None if changes.url is None else await self._place(changes.url)

        def save(connection: Connection) -> Receiver:
            before = parsed(_one(connection, user, name, team))
            now = time.time_ns() // 1000
            after = parsed(_changed(before, changes, place, now))
            if len(after.rules) > len(before.rules):
                others = [r for r in _rows(connection, user, team) if r.id != before.row.id]
                _require_rules(others, len(after.rules))
            receivers.save_receiver(connection, after.row)
            if after.times != before.times:
                _place_again(connection, after, now)
            return after

        changed = await self._database.write(save)
        await self.load()
        return changed

    async def _place(self, text: str) -> _Place:
        """Where notices are sent for a URL. Raises Unprocessable."""
        if not self.enabled:
            raise Unprocessable(
                "this installation sends no notices; an administrator sets notices.enabled"
            )
        if _SERVICE.match(text):
            async with self._checks:
                return _Place(SERVICE, text, await _shown(text, self.internal))
        url = address.parse(text, self.internal)
        if (scheme := instead(address.host_of(url))) is not None:
            raise Unprocessable(
                f"url: {url.host} takes messages in its own form; write {scheme}://…, as "
                f"https://appriseit.com/services/ describes it"
            )
        try:
            await address.resolve(url, self.internal)
        except RefusedAddress as error:
            raise Unprocessable(f"url: {error}") from error
        except OSError as error:  # also a time that is over
            raise Unprocessable(f"url: the host {url.host!r} is not found") from error
        return _Place(WEBHOOK, str(url), str(url))

    async def remove(self, user: str, name: str, team: str = "") -> None:
        """Delete a receiver with its notices. Raises NotFound."""

        def delete(connection: Connection) -> None:
            receivers.remove_receiver(connection, _one(connection, user, name, team).id)

        await self._database.write(delete)
        await self.load()

    async def test(self, user: str, name: str, team: str = "") -> NoticeRow:
        """Send a notice that only shows that it arrives. Raises NotFound and AlreadyThere."""
        now = time.time_ns() // 1000
        body = message.trial(name, now / 1e6)

        def put(connection: Connection) -> NoticeRow:
            receiver = _one(connection, user, name, team).id
            row = NoticeRow(f"msg_{uuid.uuid4().hex}", receiver, body, now, next_try=now)
            if not notices.add(connection, [row], MOST_WAITING).new:
                raise AlreadyThere(
                    f"{MOST_WAITING:,} notices wait for the receiver {name!r}, the most there may "
                    "be; test it when some are delivered, or delete it"
                )
            return row

        return await self._database.write(put)


async def _shown(text: str, internal: Collection[str]) -> str:
    """The URL of a service without its secrets. Raises Unprocessable."""
    if not text.isprintable() or " " in text:
        raise Unprocessable("url holds spaces or hidden characters; write them as %20")
    try:
        return await process.shown(text, internal)
    except RefusedService as error:
        raise Unprocessable(f"url: {error}") from error


def placed(row: NoticeRow, receiver: Receiver, now: int) -> NoticeRow:
    """A notice that is there at `now`, as it waits for the times of its receiver. Pure."""
    at, held = release(receiver.times, message.kind_of(row.body), now / 1e6)
    state = notices.HELD if held else notices.WAITING
    return row._replace(state=state, next_try=max(now, int(at * 1e6)))


def _place_again(connection: Connection, receiver: Receiver, now: int) -> None:
    for row in notices.untried(connection, receiver.row.id):
        notices.place(connection, placed(row, receiver, now))


def _changed(
    before: Receiver, changes: ReceiverChange, place: _Place | None, now: int
) -> ReceiverRow:
    """The row of a receiver after a change. Pure."""
    row, given = before.row, changes.model_fields_set
    if place is not None:
        row = row._replace(kind=place.kind, url=place.url, shown=place.shown)
    rules = list(before.rules) if changes.rules is None else changes.rules
    keeps = changes.sessions in (None, row.sessions)
    row = row._replace(rules=rules_text(rules), since=since_text(before, rules, keeps, now))
    if changes.sessions is not None:
        row = row._replace(sessions=changes.sessions)
    return row._replace(times=times_text(changes.times)) if "times" in given else row


def _rows(connection: Connection, user: str, team: str) -> list[ReceiverRow]:
    return receivers.receivers_of(connection, "" if team else user, team)


def _one(connection: Connection, user: str, name: str, team: str) -> ReceiverRow:
    """A receiver of a user or a team. Raises NotFound."""
    found = next((r for r in _rows(connection, user, team) if r.name == name), None)
    if found is None:
        of_team = f" of the team {team!r}" if team else ""
        raise NotFound(
            f"there is no receiver {name[:80]!r}{of_team}; GET /api/v1/notices/receivers lists them"
        )
    return found


def _insert(connection: Connection, row: ReceiverRow, rules: int) -> None:
    """Insert a receiver with so many rules. Raises Unprocessable and AlreadyThere."""
    if row.team not in ("", DEFAULT_TEAM) and not users.has_team(connection, row.team):
        raise Unprocessable(f"team: there is no team {row.team!r}")
    known, whose = _rows(connection, row.user, row.team), _whose(row)
    if len(known) >= MOST_RECEIVERS:
        raise Unprocessable(f"{whose} {MOST_RECEIVERS} receivers; delete one first")
    _require_rules(known, rules)
    if not receivers.add_receiver(connection, row):
        raise AlreadyThere(f"{whose} a receiver {row.name!r}; delete it first")


def _require_rules(others: list[ReceiverRow], rules: int) -> None:
    """Raises Unprocessable if a receiver beside the others may not have so many rules."""
    known = sum(len(parsed(other).rules) for other in others)
    if known + rules > MOST_RULES_OF_USER:
        whose = "its other" if others[0].team else "your other"
        raise Unprocessable(
            f"rules: {whose} receivers have {known} rules, and all may have {MOST_RULES_OF_USER} "
            "together; give fewer, or delete a receiver first"
        )


def _whose(row: ReceiverRow) -> str:
    return f"the team {row.team!r} has" if row.team else "you have"
