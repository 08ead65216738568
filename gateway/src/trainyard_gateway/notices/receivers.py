"""Receivers of notices: webhooks of users, with rules.

Users see and change them as they are in the database. What looks at sessions has them in memory, as
they were at its last `load`.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Collection
from dataclasses import dataclass
from typing import Annotated, Final, Literal

from pydantic import Field, StringConstraints, TypeAdapter

from trainyard_api.model import ClosedModel, OpenModel
from trainyard_api.timestamps import micros_to_text
from trainyard_gateway.errors import AlreadyThere, NotFound, Unprocessable
from trainyard_gateway.notices import address, signature
from trainyard_gateway.notices.address import RefusedAddress
from trainyard_gateway.notices.message import trial
from trainyard_gateway.notices.rules import MOST_RULES, MOST_RULES_OF_USER, NoticeRule
from trainyard_gateway.store.database import Connection, Database
from trainyard_gateway.store.outbox import notices
from trainyard_gateway.store.outbox.notices import NoticeRow, ReceiverRow

MOST_RECEIVERS: Final = 20
"""Receivers of one user."""
MOST_WAITING: Final = 1000
"""Notices that wait for one receiver."""
NAME_PATTERN: Final = r"^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$"
ReceiverName = Annotated[str, StringConstraints(min_length=1, max_length=63, pattern=NAME_PATTERN)]
_RULES = TypeAdapter(list[NoticeRule])


class NewReceiver(ClosedModel):
    """A webhook to make."""

    name: ReceiverName
    """Its name among the receivers of its user."""
    url: str = Field(min_length=1, max_length=address.LONGEST_URL)
    """Where notices are sent: https, without user and password."""
    rules: list[NoticeRule] = Field(min_length=1, max_length=MOST_RULES)
    """What it gets notices about."""
    sessions: Literal["own", "all"] = "own"
    """Of which sessions: those of its user, or all that the user may see."""


class ReceiverInfo(OpenModel):
    """A webhook, without its secret."""

    name: str
    url: str
    rules: list[NoticeRule]
    sessions: str
    """own or all."""
    created: str


class CreatedReceiver(ReceiverInfo):
    """A webhook that was just made."""

    secret: str
    """By which messages are signed; no other answer holds it."""


@dataclass(frozen=True, slots=True)
class Receiver:
    """A receiver with its rules, parsed."""

    row: ReceiverRow
    rules: tuple[NoticeRule, ...]


class Receivers:
    """The receivers of all users."""

    def __init__(self, database: Database, enabled: bool, internal: Collection[str]) -> None:
        """`internal` are the hosts inside the network that may be named."""
        self._database, self.enabled = database, enabled
        self.internal = frozenset(host.lower().rstrip(".") for host in internal)
        self._known: dict[str, Receiver] = {}

    async def load(self) -> None:
        """Read them from the database."""
        rows = await self._database.read(notices.receivers, applied=False)
        self._known = {row.id: self._kept(row) or _parsed(row) for row in rows}

    def _kept(self, row: ReceiverRow) -> Receiver | None:
        known = self._known.get(row.id)
        return known if known is not None and known.row == row else None

    def all(self) -> list[Receiver]:
        """Every receiver of every user."""
        return list(self._known.values())

    async def of(self, user: str) -> list[Receiver]:
        """The receivers of a user, by name."""
        rows = await self._database.read(lambda c: notices.receivers_of(c, user), applied=False)
        return [_parsed(row) for row in rows]

    async def create(self, user: str, new: NewReceiver) -> CreatedReceiver:
        """Make a receiver. Raises Unprocessable and AlreadyThere."""
        if not self.enabled:
            raise Unprocessable(
                "this installation sends no notices; an administrator sets notices.enabled"
            )
        url = address.parse(new.url, self.internal)
        try:
            await address.resolve(url, self.internal)
        except RefusedAddress as error:
            raise Unprocessable(f"url: {error}") from error
        except OSError as error:  # also a time that is over
            raise Unprocessable(f"url: the host {url.host!r} is not found") from error
        row = ReceiverRow(
            id=uuid.uuid4().hex,
            user=user,
            name=new.name,
            url=str(url),
            secret=signature.new_secret(),
            sessions=new.sessions,
            rules=_RULES.dump_json(new.rules, by_alias=True).decode(),
            created=time.time_ns() // 1000,
        )
        await self._database.write(lambda c: _insert(c, row, len(new.rules)))
        await self.load()
        shown = info(Receiver(row, tuple(new.rules)))
        return CreatedReceiver(**dict(shown), secret=row.secret)

    async def remove(self, user: str, name: str) -> None:
        """Delete a receiver with its notices. Raises NotFound."""

        def delete(connection: Connection) -> None:
            notices.remove_receiver(connection, _one(connection, user, name).id)

        await self._database.write(delete)
        await self.load()

    async def test(self, user: str, name: str) -> NoticeRow:
        """Send a notice that only shows that it arrives. Raises NotFound and AlreadyThere."""
        now = time.time_ns() // 1000
        body = trial(name, now / 1e6)

        def put(connection: Connection) -> NoticeRow:
            receiver = _one(connection, user, name).id
            row = NoticeRow(f"msg_{uuid.uuid4().hex}", receiver, body, now, next_try=now)
            if not notices.add(connection, [row], MOST_WAITING).new:
                raise AlreadyThere(
                    f"{MOST_WAITING:,} notices wait for the receiver {name!r}, the most there may "
                    "be; test it when some are delivered, or delete it"
                )
            return row

        return await self._database.write(put)


def _parsed(row: ReceiverRow) -> Receiver:
    return Receiver(row, tuple(_RULES.validate_json(row.rules)))


def _one(connection: Connection, user: str, name: str) -> ReceiverRow:
    """A receiver of a user. Raises NotFound."""
    found = next((r for r in notices.receivers_of(connection, user) if r.name == name), None)
    if found is None:
        raise NotFound(
            f"there is no receiver {name[:80]!r}; GET /api/v1/notices/receivers lists yours"
        )
    return found


def _insert(connection: Connection, row: ReceiverRow, rules: int) -> None:
    """Insert a receiver with so many rules. Raises Unprocessable and AlreadyThere."""
    own = notices.receivers_of(connection, row.user)
    if len(own) >= MOST_RECEIVERS:
        raise Unprocessable(f"you have {MOST_RECEIVERS} receivers; delete one first")
    known = sum(len(_parsed(other).rules) for other in own)
    if known + rules > MOST_RULES_OF_USER:
        raise Unprocessable(
            f"rules: your receivers have {known} rules, and may have {MOST_RULES_OF_USER} together;"
            " give fewer, or delete a receiver first"
        )
    if not notices.add_receiver(connection, row):
        raise AlreadyThere(f"you have a receiver {row.name!r}; delete it first")


def info(receiver: Receiver) -> ReceiverInfo:
    """A receiver as the API shows it."""
    row = receiver.row
    return ReceiverInfo(
        name=row.name,
        url=row.url,
        rules=list(receiver.rules),
        sessions=row.sessions,
        created=micros_to_text(row.created),
    )
