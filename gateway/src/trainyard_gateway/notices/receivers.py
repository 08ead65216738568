"""Receivers of notices: webhooks of users, with rules. In memory as in the database."""

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
from trainyard_gateway.notices.rules import MOST_RULES, NoticeRule
from trainyard_gateway.store.database import Database
from trainyard_gateway.store.outbox import notices
from trainyard_gateway.store.outbox.notices import NoticeRow, ReceiverRow

MOST_RECEIVERS: Final = 20
"""Receivers of one user."""
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
        self._known = {
            row.id: self._kept(row) or Receiver(row, tuple(_RULES.validate_json(row.rules)))
            for row in rows
        }

    def _kept(self, row: ReceiverRow) -> Receiver | None:
        known = self._known.get(row.id)
        return known if known is not None and known.row == row else None

    def all(self) -> list[Receiver]:
        """Every receiver of every user."""
        return list(self._known.values())

    def get(self, identity: str) -> Receiver | None:
        """A receiver by its id."""
        return self._known.get(identity)

    def of(self, user: str) -> list[Receiver]:
        """The receivers of a user, by name."""
        own = (found for found in self._known.values() if found.row.user == user)
        return sorted(own, key=lambda found: found.row.name)

    def one(self, user: str, name: str) -> Receiver:
        """A receiver of a user. Raises NotFound."""
        found = next((r for r in self.of(user) if r.row.name == name), None)
        if found is None:
            raise NotFound(
                f"there is no receiver {name[:80]!r}; GET /api/v1/notices/receivers lists yours"
            )
        return found

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
        if len(self.of(user)) >= MOST_RECEIVERS:
            raise Unprocessable(f"you have {MOST_RECEIVERS} receivers; delete one first")
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
        if not await self._database.write(lambda c: notices.add_receiver(c, row)):
            raise AlreadyThere(f"you have a receiver {new.name!r}; delete it first")
        await self.load()
        shown = info(Receiver(row, tuple(new.rules)))
        return CreatedReceiver(**dict(shown), secret=row.secret)

    async def remove(self, user: str, name: str) -> None:
        """Delete a receiver with its notices. Raises NotFound."""
        identity = self.one(user, name).row.id
        await self._database.write(lambda c: notices.remove_receiver(c, identity))
        await self.load()

    async def test(self, user: str, name: str) -> NoticeRow:
        """Send a notice that only shows that it arrives. Raises NotFound."""
        receiver = self.one(user, name).row
        now = time.time_ns() // 1000
        body = trial(receiver.name, now / 1e6)
        row = NoticeRow(f"msg_{uuid.uuid4().hex}", receiver.id, body, now, next_try=now)
        await self._database.write(lambda c: notices.put(c, row))
        return row


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
