"""GPU-seconds of the ledger within an interval, by user, team or key."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from sqlalchemy import Connection, Double, Select, case, cast, func, select

from trainyard_api.limits.published import SubjectKind
from trainyard_api.session.allocation import AllocationKind
from trainyard_gateway.store.ledger.intervals import Interval
from trainyard_gateway.store.schema.ledger_tables import allocations

_AT_ONCE: Final = 400
"""Names of one query; databases bound the parameters of a statement."""
_COLUMNS: Final = {
    SubjectKind.USER: allocations.c.user,
    SubjectKind.TEAM: allocations.c.team,
    SubjectKind.KEY: allocations.c.api_key,
}


def spent_by(
    connection: Connection, kind: SubjectKind, names: Sequence[str], window: Interval
) -> dict[str, float]:
    """GPU-seconds that attempts held in the window, by name; who held none is absent.

    An attempt under way counts until the end of the window.
    """
    whose, query = _COLUMNS[kind], sums(kind, window)
    found: dict[str, float] = {}
    for at in range(0, len(names), _AT_ONCE):
        some = query.where(whose.in_(names[at : at + _AT_ONCE]))
        found |= {name: float(seconds) for name, seconds in connection.execute(some)}
    return found


def sums(kind: SubjectKind, window: Interval) -> Select[str, float]:
    """The query of all names; by the index of ends, since a ledger of years is long."""
    table, whose = allocations.c, _COLUMNS[kind]
    finish = func.coalesce(table.finish, window.end)
    end = case((finish < window.end, finish), else_=window.end)
    start = case((table.start > window.start, table.start), else_=window.start)
    return (
        select(whose, func.sum(cast(end - start, Double) * table.gpus / 1e6))
        .where(table.kind == AllocationKind.ATTEMPT.value, table.gpus > 0)
        .where(table.finish.is_(None) | (table.finish > window.start))
        .where(table.start < window.end, finish > window.start, finish > table.start)
        .group_by(whose)
    )
