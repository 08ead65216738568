"""Which notices come into the outbox, and which are tried now, on a real database."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import insert
from store_lab import opened

from trainyard_gateway.store.access import users
from trainyard_gateway.store.access.users import UserRow
from trainyard_gateway.store.database import Connection
from trainyard_gateway.store.outbox import notices, receivers
from trainyard_gateway.store.outbox.notices import Added, NoticeRow, Room
from trainyard_gateway.store.outbox.receivers import ReceiverRow
from trainyard_gateway.store.schema import notice_tables
from trainyard_gateway.store.store import Store

NOW = 1000


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    async with opened(f"sqlite:///{tmp_path / 'outbox.db'}", None) as found:
        yield found


def receiver(identity: str, user: str = "ada") -> ReceiverRow:
    return ReceiverRow(identity, user, identity, "https://x.example/", "s", "own", "[]", 0)


def notice(identity: str, to: str, at: int = 0) -> NoticeRow:
    return NoticeRow(identity, to, "{}", at, next_try=at)


def due(c: Connection, most: int = 8, **taken: int) -> list[str]:
    """Ids of what is due."""
    return [one.notice.id for one in notices.due(c, NOW, Room(most, 2, (), taken))[0]]


async def test_notices_of_receivers_that_are_gone_wait_for_nothing(store: Store) -> None:
    def left(c: Connection) -> tuple[Added, list[str], list[bool]]:
        receivers.add_receiver(c, receiver("there"))
        added = notices.add(c, [notice("a", "gone"), notice("b", "there", 5)], 9)
        # As they are of a receiver that was deleted while a notice for it was added.
        orphans = [notice(f"o{n}", f"gone-{n}") for n in range(8)]
        c.execute(insert(notice_tables.notices), [row._asdict() for row in orphans])
        found = due(c)
        notices.forget(c, 0)
        return added, found, [notices.find(c, i) is None for i in ("a", "o0", "o7", "b")]

    added, found, absent = await store.write(left)
    assert added == Added(1)
    assert found == ["b"]
    assert absent == [True, True, True, False]


async def test_what_a_receiver_has_no_room_for_is_dropped(store: Store) -> None:
    def add(c: Connection) -> tuple[list[Added], list[tuple[str, str]]]:
        receivers.add_receiver(c, receiver("r"))
        rows = [notice(f"n{n}", "r", n) for n in range(5)]
        added = [notices.add(c, rows[:2], 3), notices.add(c, rows, 3), notices.add(c, rows[:3], 3)]
        found = notices.page(c, ["r"], None, (2**62, ""), 9)
        return added, [(row.id, row.state) for row in found]

    added, there = await store.write(add)
    assert added == [Added(2), Added(1, 2), Added(0)]
    waiting, dropped = notices.WAITING, notices.DROPPED
    states = [dropped, dropped, waiting, waiting, waiting]
    assert there == list(zip(("n4", "n3", "n2", "n1", "n0"), states, strict=True))


async def test_one_user_has_two_places_at_once(store: Store) -> None:
    def look(c: Connection) -> list[list[str]]:
        for n in range(8):
            receivers.add_receiver(c, receiver(f"ada-{n}"))
            notices.add(c, [notice(f"a{n}", f"ada-{n}", n)], 9)
        receivers.add_receiver(c, receiver("bob", "bob"))
        notices.add(c, [notice("b", "bob", 900)], 9)
        return [due(c), due(c, ada=1), due(c, ada=2), due(c, ada=1, bob=1), due(c, most=1)]

    found = await store.write(look)
    assert found == [["a0", "a1", "b"], ["a0", "b"], ["b"], ["a0", "b"], ["a0"]]


async def test_nothing_is_sent_to_a_user_who_is_removed(store: Store) -> None:
    def look(c: Connection) -> tuple[list[str], list[str], bool]:
        for name in ("ada", "bob"):
            users.save(c, UserRow(name, "member", "default", "2026-01-01T00:00:00Z"))
            receivers.add_receiver(c, receiver(name, name))
            notices.add(c, [notice(f"to-{name}", name)], 9)
        before = due(c)
        row = users.find(c, "ada")
        assert row is not None
        users.save(c, row._replace(removed="2026-01-02T00:00:00Z"))
        after = due(c)
        notices.forget(c, 0)
        return before, after, notices.find(c, "to-ada") is None

    assert await store.write(look) == (["to-ada", "to-bob"], ["to-bob"], True)


async def test_what_still_holds_is_not_forgotten(store: Store) -> None:
    def left(c: Connection) -> list[str]:
        receivers.add_receiver(c, receiver("r"))
        rows = [notice(name, "r", 5) for name in ("holds", "over", "waits")]
        notices.add(c, rows, 9)
        for row in rows[:2]:
            assert notices.claim(c, row, 0)
            notices.mark(c, row._replace(tries=1), notices.DELIVERED, 0, "")
        notices.forget(c, 5, {"holds", "waits", "unknown"})
        assert notices.find(c, "over") is not None, "made at that time, not before"
        notices.forget(c, 6, {"holds", "waits", "unknown"})
        return sorted(row.id for row in notices.page(c, ["r"], None, (2**62, ""), 9))

    assert await store.write(left) == ["holds", "waits"]


async def test_an_old_try_marks_nothing(store: Store) -> None:
    def mark(c: Connection) -> list[str]:
        receivers.add_receiver(c, receiver("r"))
        row = notice("n", "r")
        notices.add(c, [row], 9)
        states = []
        for tries in (1, 2):
            assert notices.claim(c, row._replace(tries=tries - 1), 0)
        for tries in (1, 2):
            notices.mark(c, row._replace(tries=tries), notices.DELIVERED, 0, "")
            found = notices.find(c, "n")
            assert found is not None
            states.append(found.state)
        return states

    assert await store.write(mark) == [notices.WAITING, notices.DELIVERED]


async def test_what_was_placed_or_claimed_meanwhile_is_not_postponed(store: Store) -> None:
    """Quiet hours hold up what is due; new times may have put it into a digest since."""

    def look(c: Connection) -> list[tuple[str, int]]:
        receivers.add_receiver(c, receiver("r"))
        rows = [notice(name, "r", 5) for name in ("due", "placed", "claimed")]
        notices.add(c, rows, 9)
        notices.place(c, rows[1]._replace(state=notices.HELD, next_try=7))
        assert notices.claim(c, rows[2], 8)
        for row in rows:
            notices.postpone(c, row, 9)
        found = [notices.find(c, row.id) for row in rows]
        return [(row.state, row.next_try) for row in found if row is not None]

    assert await store.write(look) == [("Waiting", 9), ("Held", 7), ("Waiting", 8)]
