"""A receiver of notices: what users write, what the API shows, and its rules, parsed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Final, Literal

import orjson
from pydantic import Field, StringConstraints, TypeAdapter
from yarl import URL

from trainyard_api.model import ClosedModel, OpenModel
from trainyard_api.timestamps import micros_to_text
from trainyard_gateway.notices import address
from trainyard_gateway.notices.rules import MOST_RULES, NoticeRule
from trainyard_gateway.notices.timing.delivery_times import DeliveryTimes
from trainyard_gateway.store.outbox.receivers import ReceiverRow

NAME_PATTERN: Final = r"^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$"
ReceiverName = Annotated[str, StringConstraints(min_length=1, max_length=63, pattern=NAME_PATTERN)]
UrlText = Annotated[str, StringConstraints(min_length=1, max_length=address.LONGEST_URL)]
Sessions = Literal["own", "all"]
_RULES = TypeAdapter(list[NoticeRule])


class NewReceiver(ClosedModel):
    """A receiver to make."""

    name: ReceiverName
    """Its name among the receivers of its user or team."""
    url: UrlText
    """Where notices are sent: a webhook by https, without user and password, or a service."""
    rules: list[NoticeRule] = Field(min_length=1, max_length=MOST_RULES)
    """What it gets notices about."""
    sessions: Sessions = "own"
    """Of which sessions: those of its user or team, or all that the user or the team may see."""
    times: DeliveryTimes | None = None
    """When it gets them. Default: at once."""


class ReceiverChange(ClosedModel):
    """What changes; what is absent stays."""

    url: UrlText | None = None
    """Where notices are sent."""
    rules: list[NoticeRule] | None = Field(default=None, min_length=1, max_length=MOST_RULES)
    """All rules, in place of those of before."""
    sessions: Sessions | None = None
    """Of which sessions."""
    times: DeliveryTimes | None = None
    """When it gets them; null: at once."""


class ReceiverInfo(OpenModel):
    """A receiver, without its secret."""

    name: str
    team: str | None = None
    """The team that it belongs to; null: to you."""
    changeable: bool = True
    """Whether you may change and delete it."""
    kind: str = "webhook"
    """webhook or service."""
    url: str
    """Of a service without its secrets; if you may not change it, only its beginning."""
    rules: list[NoticeRule]
    sessions: str
    """own or all."""
    times: DeliveryTimes | None = None
    """Null: it gets notices at once."""
    created: str


class CreatedReceiver(ReceiverInfo):
    """A receiver that was just made."""

    secret: str
    """By which messages to webhooks are signed; no other answer holds it."""


@dataclass(frozen=True, slots=True)
class Receiver:
    """A receiver with its rules, parsed."""

    row: ReceiverRow
    rules: tuple[NoticeRule, ...]
    times: DeliveryTimes | None = None
    since: tuple[int, ...] = ()
    """From when on each rule holds, in microseconds since the epoch."""

    def dated_rules(self) -> Iterator[tuple[NoticeRule, float]]:
        """Its rules, each with the time from which on it holds, in seconds since the epoch."""
        since = self.since or (self.row.created,) * len(self.rules)
        return ((rule, time / 1e6) for rule, time in zip(self.rules, since, strict=True))


def parsed(row: ReceiverRow) -> Receiver:
    """The receiver of a row."""
    rules = tuple(_RULES.validate_json(row.rules))
    since = tuple(orjson.loads(row.since)) if row.since else ()
    return Receiver(row, rules, times_of(row), since)


def times_of(row: ReceiverRow) -> DeliveryTimes | None:
    """When the receiver of a row gets notices. Also with a time zone that is known no longer."""
    if not row.times:
        return None
    found = orjson.loads(row.times)
    return DeliveryTimes.model_validate({**found, "timeZone": "UTC"}).model_copy(
        update={"time_zone": str(found.get("timeZone", "UTC"))}
    )


def rules_text(rules: list[NoticeRule]) -> str:
    """Rules as a row holds them."""
    return _RULES.dump_json(rules, by_alias=True).decode()


def times_text(times: DeliveryTimes | None) -> str:
    """Times as a row holds them."""
    return "" if times is None else orjson.dumps(times.wire()).decode()


def since_text(before: Receiver, rules: list[NoticeRule], keeps: bool, now: int) -> str:
    """From when on each of the new rules holds, as a row holds it.

    A rule of before holds on if `keeps`; what is new finds nothing that was before it.
    """
    known = [(rule, int(time * 1e6)) for rule, time in before.dated_rules()] if keeps else []
    times = [next((time for old, time in known if old == rule), now) for rule in rules]
    return orjson.dumps(times).decode()


def info(receiver: Receiver, changeable: bool = True) -> ReceiverInfo:
    """A receiver as the API shows it to a user who may or may not change it."""
    row = receiver.row
    return ReceiverInfo(
        name=row.name,
        team=row.team or None,
        changeable=changeable,
        kind=row.kind,
        url=row.shown if changeable else _beginning(row),
        rules=list(receiver.rules),
        sessions=row.sessions,
        times=receiver.times,
        created=micros_to_text(row.created),
    )


def _beginning(row: ReceiverRow) -> str:
    """The part of a URL that is no secret."""
    scheme = row.url.partition("://")[0]
    return f"{scheme}://{URL(row.url).host}/…" if row.kind == "webhook" else f"{scheme}://…"
