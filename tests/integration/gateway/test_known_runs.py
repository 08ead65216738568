"""Runs that are read once for many calls answer as runs that are read each time, on both databases."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from away_database import AwayDatabase
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from trainyard_api.mlflow import DEFAULT_EXPERIMENT_ID, run_id_of
from trainyard_api.report import Batch
from trainyard_api.rights.owner import Owner, Role, User, Visibility
from trainyard_gateway.auth.keys import Scope
from trainyard_gateway.errors import BadRequest, NotFound, Problem
from trainyard_gateway.mlflow.finding import KnownRuns, active_run
from trainyard_gateway.mlflow.visitor import Visitor
from trainyard_gateway.store.access import owners
from trainyard_gateway.store.access.owners import Kind
from trainyard_gateway.store.database import Connection
from trainyard_gateway.store.runs import rows
from trainyard_gateway.store.runs.rows import RunRow
from trainyard_gateway.store.store import Store

pytestmark = pytest.mark.integration

ANN = Visitor("ann", frozenset(Scope), user=User("ann", Role.MEMBER))
BEN = Visitor("ben", frozenset(Scope), user=User("ben", Role.MAINTAINER))
VISITORS = {"ann": ANN, "ben": BEN, "pod": Visitor("", frozenset(Scope), "other-session")}
Change = Callable[[Connection, str], None]


def added(connection: Connection, id: str) -> None:
    """A local run of Ann."""
    row = RunRow(
        id, DEFAULT_EXPERIMENT_ID, None, id, "ann", id[:8], "ann", "RUNNING", None, 0, None, "active"
    )  # fmt: skip
    rows.add(connection, row)
    owners.save(connection, Kind.RUN, {id: Owner("ann")})


def owned(user: str, visibility: Visibility) -> Change:
    """Another owner."""
    return lambda c, id: owners.save(c, Kind.RUN, {id: Owner(user, "default", visibility)})


CHANGES: dict[str, Change] = {
    "deleted": lambda c, id: rows.change(c, id, lifecycle="deleted"),
    "restored": lambda c, id: rows.change(c, id, lifecycle="active"),
    "hidden": owned("ann", Visibility.PRIVATE),
    "shown": owned("ann", Visibility.TEAM),
    "given away": owned("cleo", Visibility.PRIVATE),
    "renamed": lambda c, id: rows.change(c, id, name="other"),
}


async def answer(known: KnownRuns, id: str, visitor: Visitor) -> RunRow | tuple[type, str]:
    """What a call gets."""
    try:
        return await known.active(id, visitor)
    except Problem as problem:
        return type(problem), problem.detail


async def read(database: Store, id: str, visitor: Visitor) -> RunRow | tuple[type, str]:
    """What a call gets that reads."""
    try:
        return await database.read(lambda c: active_run(c, id, visitor))
    except Problem as problem:
        return type(problem), problem.detail


async def new_run(database: Store) -> str:
    """The id of a new run of Ann."""
    id = uuid.uuid4().hex
    await database.write(lambda c: added(c, id))
    return id


@settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(steps=st.lists(st.tuples(st.sampled_from(sorted(CHANGES)), st.sampled_from(sorted(VISITORS))), max_size=6))  # fmt: skip
async def test_the_answer_is_that_of_a_read_after_each_change(
    database: Store, steps: Sequence[tuple[str, str]]
) -> None:
    known, id = KnownRuns(database), await new_run(database)
    for change, name in [("renamed", "ann"), *steps]:
        action = CHANGES[change]
        await database.write(lambda c, action=action: action(c, id))  # type: ignore[misc]  # of this step

        for visitor in (VISITORS[name], *VISITORS.values()):
            assert await answer(known, id, visitor) == await read(database, id, visitor)


async def test_a_known_run_needs_no_database_and_an_unknown_one_does(database: Store) -> None:
    away = AwayDatabase(database)
    known, id = KnownRuns(away, clock=lambda: 0.0), await new_run(database)
    absent = uuid.uuid4().hex
    await known.active(id, ANN)
    with pytest.raises(NotFound):
        await known.active(absent, ANN)
    away.away = True

    found = await known.active(id, ANN)

    assert found.id == id
    with pytest.raises(Exception, match="it is away"):
        await known.active(absent, ANN)


async def test_what_a_pod_reports_of_its_run_is_seen_when_it_is_applied(database: Store) -> None:
    uid = str(uuid.uuid4())
    id, pod = run_id_of(uid), Visitor("", frozenset(Scope), uid, 1)
    known = KnownRuns(database)

    async def report(number: int, **more: Any) -> None:
        body = {"sessionUid": uid, "attempt": 1, "stream": "mlflow", "sequence": number}
        batch = Batch.model_validate({**body, "runs": [{"run": id, **more}]})
        await database.ingest(batch)
        await database.read(lambda _: None)

    await report(1, name="first")
    first = await known.active(id, pod)
    await report(2, deleted=True)

    assert first.name == "first"
    with pytest.raises(BadRequest, match="it is deleted"):
        await known.active(id, pod)


async def test_values_alone_leave_what_is_known(database: Store) -> None:
    uid, id = str(uuid.uuid4()), await new_run(database)
    before = database.revision
    point = {"key": "loss", "value": 1.0, "timestamp": 0, "step": 0}
    body = {"sessionUid": uid, "attempt": 1, "stream": "mlflow", "sequence": 1}

    await database.ingest(Batch.model_validate({**body, "runs": [{"run": id, "metrics": [point]}]}))
    if not database.exclusive:
        await database.read(lambda _: None)

    assert database.revision == before


async def test_what_is_written_beside_reports_leaves_what_is_known(database: Store) -> None:
    before = database.revision
    await database.write(lambda _: None, applied=False)
    beside = database.revision
    await database.write(lambda _: None)

    assert (beside, database.revision) == (before, before + 1)


async def test_a_read_that_began_before_a_change_is_not_kept(database: Store) -> None:
    known, id = KnownRuns(database), await new_run(database)
    for _ in range(20):
        change = database.write(lambda c: CHANGES["deleted"](c, id))
        await asyncio.gather(answer(known, id, ANN), change)
        with pytest.raises(BadRequest, match="it is deleted"):
            await known.active(id, ANN)
        change = database.write(lambda c: CHANGES["restored"](c, id))
        await asyncio.gather(answer(known, id, ANN), change)
        assert (await known.active(id, ANN)).id == id


async def test_what_another_gateway_changes_is_seen_after_a_second(
    database: Store, database_url: tuple[str, Any]
) -> None:
    if database.exclusive:
        pytest.skip("no other process uses this database")
    from trainyard_gateway.store.connect import connect

    now, id = 0.0, await new_run(database)
    known = KnownRuns(database, clock=lambda: now)
    await known.active(id, ANN)
    other = connect(*database_url)
    await other.open()
    try:
        await other.write(lambda c: CHANGES["deleted"](c, id))
    finally:
        await other.close()

    now = 1.0

    with pytest.raises(BadRequest, match="it is deleted"):
        await known.active(id, ANN)
