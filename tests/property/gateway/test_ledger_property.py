"""Whatever a gateway sees of a session's life, and however often it restarts: the ledger is the truth."""

from __future__ import annotations

from typing import Any, NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import create_engine, delete, select

from trainyard_api.timestamps import to_seconds_text
from trainyard_gateway.store.ledger import writing
from trainyard_gateway.store.ledger.record import DELETED
from trainyard_gateway.store.ledger.unsaved import Unsaved
from trainyard_gateway.store.schema.ledger_tables import allocations
from trainyard_gateway.store.schema.tables import metadata

START = 1_800_000_000
ENGINE = create_engine("sqlite://")
metadata.create_all(ENGINE)


class Truth(NamedTuple):
    """One attempt, in seconds since the epoch."""

    number: int
    start: int
    end: int


class Seen(NamedTuple):
    """What a gateway sees at one moment."""

    status: dict[str, Any]
    now: int


@st.composite
def lives(draw: st.DrawFn) -> list[Truth]:
    """The attempts of a session, one after the other."""
    now, found = START, []
    for number in range(1, draw(st.integers(1, 4)) + 1):
        start = now + draw(st.integers(0, 50))
        now = start + draw(st.integers(0, 5000))
        found.append(Truth(number, start, now))
    return found


def states(life: list[Truth]) -> list[Seen]:
    """What the operator writes, in order."""
    found, records = [], []
    for number, start, end in life:
        base = {"attempt": number, "gpus": 1}
        opened = {"attemptAllocatedTime": to_seconds_text(start), "allocations": list(records)}
        found.append(Seen({**base, "phase": "Running", **opened}, start))
        times = {"startTime": to_seconds_text(start), "endTime": to_seconds_text(end)}
        record = {"kind": "Attempt", "number": number, **times, "exact": True, "ran": True}
        records.append({**record, "gpus": 1, "outcome": "Preempted"})
        found.append(Seen({**base, "phase": "Queued", "allocations": list(records)}, end))
    return found


def ledger_of(seen: list[tuple[Seen, bool]], *, deleted: bool) -> dict[int, tuple[Any, ...]]:
    """Start, end and outcome by number, after these states; with each the gateway may be a new one."""
    with ENGINE.begin() as connection:
        connection.execute(delete(allocations))
        now = [0]
        unsaved = Unsaved(lambda: now[0] * 1_000_000)
        for place, (state, restarted) in enumerate(seen):
            if restarted:
                unsaved = Unsaved(lambda: now[0] * 1_000_000)
            now[0] = state.now
            gone = deleted and place == len(seen) - 1
            when = {"creationTimestamp": to_seconds_text(START)}
            body = {
                "metadata": {"uid": "u", "name": "s", **when},
                "spec": {},
                "status": state.status,
            }
            rows = unsaved.of([body], gone)
            writing.save(connection, list(rows.values()))
            unsaved.saved(rows, gone)
        found = connection.execute(select(allocations)).all()
    return {r.number: (r.start, r.finish, r.outcome) for r in found}


@settings(max_examples=200)
@given(data=st.data())
def test_what_is_recorded_is_the_truth(data: st.DataObject) -> None:
    life = data.draw(lives())
    every = states(life)
    # Some states are missed, some come twice; the last one is seen in the end.
    times = data.draw(st.lists(st.integers(0, 2), min_size=len(every), max_size=len(every)))
    seen = [s for s, n in zip(every, times, strict=True) for _ in range(n)]
    last = data.draw(st.sampled_from(every))
    seen = [s for s in seen if s.now < last.now] + [last]
    restarts = data.draw(st.lists(st.booleans(), min_size=len(seen), max_size=len(seen)))
    deleted = data.draw(st.booleans())
    found = ledger_of(list(zip(seen, restarts, strict=True)), deleted=deleted)

    recorded = {r["number"] for r in last.status["allocations"]}
    for number, start, end in life:
        micros = (start * 1_000_000, end * 1_000_000)
        if number in recorded:
            assert found.pop(number) == (*micros, "Preempted")
        elif number == last.status["attempt"]:
            ended = (last.now * 1_000_000, DELETED) if deleted else (None, "")
            assert found.pop(number) == (micros[0], *ended)
    assert found == {}
