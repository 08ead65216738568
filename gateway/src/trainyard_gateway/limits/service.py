"""The limits of the installation: set by administrators, published for the operator."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Final, NamedTuple

from pydantic import ValidationError

from trainyard_api import timestamps
from trainyard_api.limits.period import Span, period_at
from trainyard_api.limits.published import (
    MOST_LIMITS,
    PublishedLimit,
    PublishedLimits,
    Subject,
    SubjectKind,
    subjects_of,
)
from trainyard_api.rights.owner import User
from trainyard_api.session.spec import TrainingSessionSpec
from trainyard_gateway.errors import AlreadyThere, NotFound, Unprocessable
from trainyard_gateway.limits.limit import LimitInfo, LimitSpec
from trainyard_gateway.limits.submission import require_priority, require_within
from trainyard_gateway.store.access import limits as rows
from trainyard_gateway.store.access.limits import LimitRow
from trainyard_gateway.store.database import Connection, Database
from trainyard_gateway.store.ledger.intervals import Interval
from trainyard_gateway.store.ledger.spending import spent_by

SUM_SECONDS: Final = 15.0
"""The ledger is summed at most this often; the operator counts what runs meanwhile."""
_HOUR: Final = 3600.0


class Starter(NamedTuple):
    """Who starts a session."""

    user: User
    key_id: str = ""
    """Public part of the key; empty without one."""


class Spent(NamedTuple):
    """A limit with what is spent of its budget."""

    subject: Subject
    spec: LimitSpec
    gpu_seconds: float
    span: Span
    """The period, in seconds since the epoch."""


class Limits:
    """Limits of users, teams and keys."""

    def __init__(
        self,
        database: Database,
        seen: asyncio.Event | None = None,
        *,
        now: Callable[[], float] = time.time,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`seen` is set once the ledger follows the cluster. Default: it does.

        `now` gives seconds since the epoch, `clock` monotonic seconds.
        """
        self._database, self._now, self._clock = database, now, clock
        self._seen = seen
        self._summed: tuple[float, str] | None = None

    async def all(self, user: User, key_id: str) -> list[LimitInfo]:
        """Those that a caller is under, and for administrators all; by kind and name."""
        found = await self.spent()
        if not user.is_administrator:
            found = [each for each in found if _concerns(each.subject, user, key_id)]
        return [_info(each) for each in found]

    async def one(self, subject: Subject, user: User, key_id: str) -> LimitInfo:
        """One of them. Raises NotFound, also for one that the caller is not under."""
        found = await self.all(user, key_id)
        for limit in found:
            if (limit.kind, limit.name) == (subject.kind, subject.name):
                return limit
        raise _absent(subject)

    async def put(self, subject: Subject, spec: LimitSpec) -> LimitInfo:
        """Set a limit in place of the one of before.

        Raises Unprocessable if it limits nothing, AlreadyThere if there are too many.
        """
        row = _row(subject, spec)
        if (spec.max_gpus, spec.gpu_hours, spec.queues, spec.max_priority) == (None,) * 4:
            raise Unprocessable(
                "the limit limits nothing: give maxGpus, gpuHours, queues or maxPriority; DELETE"
                " ends a limit"
            )

        def save(connection: Connection) -> None:
            known = rows.read(connection)
            there = any((r.kind, r.name) == (row.kind, row.name) for r in known)
            if not there and len(known) >= MOST_LIMITS:
                raise AlreadyThere(
                    f"there are {MOST_LIMITS} limits, the most there may be; delete some"
                )
            rows.save(connection, row)

        await self._database.write(save)
        self._summed = None
        found = await self.spent()
        return next(_info(each) for each in found if each.subject == subject)

    async def remove(self, subject: Subject) -> None:
        """Delete a limit. Raises NotFound."""
        if not await self._database.write(
            lambda c: rows.remove(c, subject.kind.value, subject.name)
        ):
            raise _absent(subject)
        self._summed = None

    async def require_within(self, starter: Starter, team: str, spec: TrainingSessionSpec) -> None:
        """Raises NotPermitted for a session beyond its limits of queue, priority and size."""
        subjects = subjects_of(starter.user.name, team, starter.key_id)
        require_within(spec, subjects, await self._of(subjects))

    async def require_in_team(self, team: str, spec: object) -> None:
        """Raises NotPermitted for a session, by the spec of its object, beyond a team's limits."""
        try:
            parsed = TrainingSessionSpec.model_validate(spec, context={"lenient": True})
        except ValidationError:
            return  # It never starts.
        subjects = subjects_of("", team, "")
        require_within(parsed, subjects, await self._of(subjects))

    async def require_priority(
        self, starter: Starter, subjects: Iterable[Subject], priority: int
    ) -> None:
        """Raises NotPermitted for a priority above the limits of a session, or of who gives it."""
        named = {*subjects, *subjects_of(starter.user.name, "", starter.key_id)}
        for subject, limit in (await self._of(named)).items():
            require_priority(priority, subject, limit)

    async def _of(self, subjects: Iterable[Subject]) -> Mapping[Subject, LimitSpec]:
        wanted = set(subjects)
        found = await self._database.read(rows.read, applied=False)
        pairs = ((_subject(row), _spec(row)) for row in found)
        return {subject: spec for subject, spec in pairs if subject in wanted}

    async def spent(self) -> list[Spent]:
        """All limits with what is spent, by kind and name."""
        return await self._database.read(lambda c: _spent(c, self._now()), applied=False)

    async def published(self) -> str:
        """What the operator reads, as JSON; empty while it is not known what is spent.

        What ended while no gateway ran counts as held until the sessions of the cluster are seen.
        """
        if self._seen is not None and not self._seen.is_set():
            return ""
        at = self._clock()
        if self._summed is None or at - self._summed[0] >= SUM_SECONDS:
            as_of = self._now()
            found = await self._database.read(lambda c: _spent(c, as_of), applied=False)
            self._summed = (at, document(found, as_of))
        return self._summed[1]


def document(found: Iterable[Spent], as_of: float) -> str:
    """Limits with what was spent until `as_of`, as the operator reads them. Pure."""
    listed = [
        PublishedLimit(
            kind=each.subject.kind,
            name=each.subject.name,
            max_gpus=each.spec.max_gpus,
            budget_gpu_seconds=None if each.spec.gpu_hours is None else each.spec.gpu_hours * _HOUR,
            period=each.spec.period,
            when_spent=each.spec.when_spent,
            spent_gpu_seconds=each.gpu_seconds,
        )
        for each in found
        if each.spec.max_gpus is not None or each.spec.gpu_hours is not None
    ]
    published = PublishedLimits(as_of=as_of, limits=listed)
    return published.model_dump_json(by_alias=True, exclude_none=True, exclude_defaults=True)


def _spent(connection: Connection, now: float) -> list[Spent]:
    specs = {_subject(row): _spec(row) for row in rows.read(connection)}
    spans = {subject: period_at(spec.period, now) for subject, spec in specs.items()}
    until = int(now * 1e6)
    sums: dict[Subject, float] = {}
    for kind, span in {(s.kind, span) for s, span in spans.items()}:
        named = [s.name for s, its in spans.items() if s.kind == kind and its == span]
        found = spent_by(connection, kind, named, Interval(int(span.start * 1e6), until))
        sums |= {Subject(kind, name): seconds for name, seconds in found.items()}
    return [Spent(s, spec, sums.get(s, 0.0), spans[s]) for s, spec in specs.items()]


def _concerns(subject: Subject, user: User, key_id: str) -> bool:
    return (
        subject == (SubjectKind.USER, user.name)
        or subject == (SubjectKind.KEY, key_id)
        or (subject.kind == SubjectKind.TEAM and subject.name in user.teams)
    )


def _info(spent: Spent) -> LimitInfo:
    seconds, (start, end) = spent.gpu_seconds, spent.span
    return LimitInfo(
        kind=spent.subject.kind,
        name=spent.subject.name,
        **spent.spec.model_dump(),
        spent_gpu_hours=round(seconds / _HOUR, 4),
        since=timestamps.to_seconds_text(start),
        renews=None if end == math.inf else timestamps.to_seconds_text(end),
    )


def _row(subject: Subject, spec: LimitSpec) -> LimitRow:
    queues = None if spec.queues is None else " ".join(dict.fromkeys(spec.queues))
    return LimitRow(
        kind=subject.kind.value,
        name=subject.name,
        max_gpus=spec.max_gpus,
        gpu_hours=spec.gpu_hours,
        period=spec.period.value,
        when_spent=spec.when_spent.value,
        warn_percent=spec.warn_percent,
        queues=queues,
        max_priority=spec.max_priority,
        changed=timestamps.now_text(),
    )


def _subject(row: LimitRow) -> Subject:
    return Subject(SubjectKind(row.kind), row.name)


def _spec(row: LimitRow) -> LimitSpec:
    return LimitSpec.model_validate(
        {
            "max_gpus": row.max_gpus,
            "gpu_hours": row.gpu_hours,
            "period": row.period,
            "when_spent": row.when_spent,
            "warn_percent": row.warn_percent,
            "queues": None if row.queues is None else row.queues.split(),
            "max_priority": row.max_priority,
        }
    )


def _absent(subject: Subject) -> NotFound:
    return NotFound(
        f"there is no limit of the {subject.kind.value} {subject.name[:64]!r}; GET /api/v1/limits"
        " lists them"
    )
