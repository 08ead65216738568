"""Notices that come together: what a digest holds, and that none is in two or in none."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from store_lab import opened

from trainyard_gateway.notices import message
from trainyard_gateway.store.database import Connection
from trainyard_gateway.store.outbox import digests, notices, receivers
from trainyard_gateway.store.outbox.notices import DROPPED, HELD, NoticeRow, Room
from trainyard_gateway.store.outbox.receivers import ReceiverRow
from trainyard_gateway.store.store import Store

NOW = 1000


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    async with opened(f"sqlite:///{tmp_path / 'outbox.db'}", None) as found:
        yield found


def body(kind: str, text: str = "") -> str:
    return json.dumps({"type": kind, "timestamp": "", "data": {"message": text}})


def held(identity: str, to: str, until: int = NOW) -> NoticeRow:
    return NoticeRow(identity, to, body("session.failure"), NOW, HELD, next_try=until)


def states(c: Connection, receiver: str) -> dict[str, tuple[str, str | None]]:
    rows = notices.page(c, [receiver], None, (2**62, ""), 99)
    return {row.id: (row.state, row.digest) for row in rows}


def put(c: Connection, *names: str) -> None:
    for name in names:
        receivers.add_receiver(c, ReceiverRow(name, name, name, "u", "s", "own", "[]", 0))


async def test_what_is_held_becomes_one_notice_once(store: Store) -> None:
    def act(c: Connection) -> None:
        put(c, "r", "other")
        rows = [held("a", "r"), held("b", "r"), held("late", "r", NOW + 1), held("x", "other")]
        notices.add(c, rows, 9)
        assert notices.due(c, NOW, Room(8, 2)) == ([], None)
        assert sorted(digests.due_digests(c, NOW)) == ["other", "r"]
        made = [digests.collect(c, "r", name, NOW, collected) for name in ("d1", "d2")]
        assert made == [True, False]
        digested = ("Digested", "d1")
        assert states(c, "r") == {
            "a": digested, "b": digested, "late": ("Held", None), "d1": ("Waiting", None)
        }  # fmt: skip
        assert states(c, "other") == {"x": ("Held", None)}
        assert [one.notice.body for one in notices.due(c, NOW, Room(8, 2))[0]] == ["a,b 0"]
        assert digests.next_digest(c, NOW) == NOW + 1

    await store.write(act)


def collected(rows: list[NoticeRow], dropped: int) -> str:
    return f"{','.join(row.id for row in rows)} {dropped}"


async def test_a_digest_says_once_what_was_dropped(store: Store) -> None:
    def act(c: Connection) -> None:
        put(c, "r")
        rows = [held(f"n{n}", "r") for n in range(5)]
        assert notices.add(c, rows, 2).dropped == 3
        assert digests.collect(c, "r", "d1", NOW, collected)
        assert notices.add(c, rows, 2) == notices.Added(0), "what was dropped is known"
        notices.add(c, [held("more", "r")], 9)
        assert digests.collect(c, "r", "d2", NOW, collected)
        bodies = [row.body for name in ("d1", "d2") if (row := notices.find(c, name)) is not None]
        assert bodies == ["n0,n1 3", "more 0"]
        assert states(c, "r")["n4"] == (DROPPED, "d1")

    await store.write(act)


async def test_what_is_held_is_not_forgotten(store: Store) -> None:
    def act(c: Connection) -> None:
        put(c, "r")
        notices.add(c, [held("a", "r", NOW * 9)], 9)
        notices.forget(c, NOW * 8)
        assert states(c, "r") == {"a": ("Held", None)}

    await store.write(act)


@pytest.mark.parametrize(
    ("count", "size", "shown"),
    [
        pytest.param(3, 10, 3, id="few"),
        pytest.param(1000, 10, message.MOST_OF_DIGEST, id="many"),
        pytest.param(50, 6000, 10, id="large"),
    ],
)
def test_a_digest_is_bounded_and_says_what_it_does_not_show(
    count: int, size: int, shown: int
) -> None:
    kinds = ["session.failure", "session.phase"]
    found = message.digest([body(kinds[n % 2], "x" * size) for n in range(count)], 7, 0.0)
    assert len(found) < 70_000
    data = json.loads(found)["data"]
    assert json.loads(found)["type"] == "notice.digest"
    assert (data["count"], data["notShown"], data["dropped"]) == (count, count - shown, 7)
    assert len(data["notices"]) == shown
    assert sum(data["types"].values()) == count
    assert list(data["types"]) == kinds


def test_a_digest_has_the_time_at_which_it_was_made_and_its_notices_keep_theirs() -> None:
    made = message.trial("r", 60.0)
    whole = json.loads(message.digest([made], 0, 3600.0))
    assert whole["timestamp"] == "1970-01-01T01:00:00Z"
    assert whole["data"]["notices"] == [json.loads(made)]
    assert whole["data"]["notices"][0]["timestamp"] == "1970-01-01T00:01:00Z"
