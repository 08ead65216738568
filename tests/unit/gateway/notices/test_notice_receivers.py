"""Receivers of one user: bounds, and what two gateways on one database say of them."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from store_lab import opened

from trainyard_gateway.errors import AlreadyThere, NotFound, Unprocessable
from trainyard_gateway.notices.receiver import NewReceiver, ReceiverChange, info
from trainyard_gateway.notices.receivers import (
    MOST_RECEIVERS,
    MOST_WAITING,
    Receivers,
)
from trainyard_gateway.notices.rules import MOST_RULES, MOST_RULES_OF_USER, PhaseRule
from trainyard_gateway.notices.timing.delivery_times import DeliveryTimes
from trainyard_gateway.rights.users import NewUser, Users
from trainyard_gateway.store.access import users
from trainyard_gateway.store.access.users import TeamRow
from trainyard_gateway.store.outbox import notices
from trainyard_gateway.store.outbox.notices import NoticeRow, Room
from trainyard_gateway.store.store import Store

RULE = PhaseRule(on="phase", phases=["Failed"])


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    async with opened(f"sqlite:///{tmp_path / 'outbox.db'}", None) as found:
        yield found


def new(name: str, rules: int = 1) -> NewReceiver:
    return NewReceiver(name=name, url="http://127.0.0.1:1/", rules=[RULE] * rules)


def gateway(store: Store, enabled: bool = True) -> Receivers:
    return Receivers(store, enabled, ["127.0.0.1"])


async def test_a_receiver_is_there_at_once_for_another_gateway(store: Store) -> None:
    one, two = gateway(store), gateway(store, enabled=False)
    await one.create("ada", new("mine"))
    assert [found.row.name for found in await two.of("ada")] == ["mine"]
    assert await two.of("bob") == []
    assert (await two.test("ada", "mine")).id.startswith("msg_")
    await two.remove("ada", "mine")
    assert await one.of("ada") == []
    with pytest.raises(NotFound, match="no receiver 'mine'"):
        await one.test("ada", "mine")


async def test_where_notices_are_switched_off_no_url_is_looked_at(store: Store) -> None:
    await gateway(store).create("ada", new("mine"))
    off = gateway(store, enabled=False)
    with pytest.raises(Unprocessable, match="sends no notices"):
        await off.create("ada", new("other"))
    with pytest.raises(Unprocessable, match="sends no notices"):
        await off.change("ada", "mine", ReceiverChange(url="https://no-such-host.invalid/"))
    await off.change("ada", "mine", ReceiverChange(sessions="all"))


async def test_a_user_has_so_many_receivers_and_rules(store: Store) -> None:
    receivers = gateway(store)
    for n in range(MOST_RULES_OF_USER // MOST_RULES):
        await receivers.create("ada", new(f"r{n}", MOST_RULES))
    with pytest.raises(Unprocessable, match="may have 64 together"):
        await receivers.create("ada", new("more"))
    await receivers.create("bob", new("r0"))
    with pytest.raises(AlreadyThere):
        await receivers.create("bob", new("r0"))
    for n in range(1, MOST_RECEIVERS):
        await receivers.create("bob", new(f"r{n}"))
    with pytest.raises(Unprocessable, match="you have 20 receivers"):
        await gateway(store).create("bob", new("more"))


async def test_no_more_tests_wait_than_other_notices(store: Store) -> None:
    receivers = gateway(store)
    await receivers.create("ada", new("mine"))
    [own] = await receivers.of("ada")
    rows = [NoticeRow(f"n{n}", own.row.id, "{}", 0) for n in range(MOST_WAITING - 1)]
    await store.write(lambda c: notices.add(c, rows, MOST_WAITING))
    await receivers.test("ada", "mine")
    with pytest.raises(AlreadyThere, match="1,000 notices wait for the receiver 'mine'"):
        await receivers.test("ada", "mine")


async def test_a_refusal_tells_no_address(store: Store) -> None:
    inside = NewReceiver(name="r", url="https://localhost/", rules=[RULE])
    with pytest.raises(Unprocessable) as refused:
        await gateway(store).create("ada", inside)
    assert "localhost is not allowed: an address of it is inside of" in refused.value.detail
    assert not any(address in refused.value.detail for address in ("127.0.0.1", "::1"))


async def with_team(store: Store, name: str) -> None:
    await store.write(lambda c: users.add_team(c, TeamRow(name, "2026-01-01T00:00:00Z")))


async def test_a_team_has_its_own_receivers(store: Store) -> None:
    await with_team(store, "vision")
    receivers = gateway(store)
    await receivers.create("ada", new("lab"))
    made = await receivers.create("ada", new("lab"), "vision")
    assert (made.team, made.changeable) == ("vision", True)
    with pytest.raises(AlreadyThere, match="the team 'vision' has a receiver 'lab'"):
        await receivers.create("bob", new("lab"), "vision")
    assert [r.row.maker for r in await receivers.of("", "vision")] == ["ada"]
    with pytest.raises(NotFound, match="no receiver 'lab' of the team 'speech'"):
        await receivers.remove("ada", "lab", "speech")
    with pytest.raises(Unprocessable, match="there is no team 'speech'"):
        await receivers.create("ada", new("lab"), "speech")
    people = Users(store)
    await people.load()
    await people.create(NewUser(name="ada", teams=["default"]))
    await people.remove("ada")
    assert await receivers.of("ada") == []
    assert [r.row.name for r in await receivers.of("", "vision")] == ["lab"], "the maker is gone"
    await receivers.test("bob", "lab", "vision")
    await people.remove_team("vision")
    await receivers.load()
    assert receivers.all() == []
    assert await store.read(lambda c: notices.due(c, 2**60, Room(8, 2))[0], applied=False) == []


async def test_those_who_may_not_change_a_receiver_see_no_secret_of_its_url(store: Store) -> None:
    receivers = gateway(store)
    url = "http://127.0.0.1:1/services/T0/B0/secret?token=secret"
    await receivers.create("ada", NewReceiver(name="lab", url=url, rules=[RULE]), "default")
    [found] = await receivers.of("", "default")
    assert info(found).url == url
    assert info(found, changeable=False).url == "http://127.0.0.1/…"


NIGHT = DeliveryTimes.model_validate({"quietHours": {"start": "00:00", "end": "23:59"}})
HOURLY = DeliveryTimes.model_validate({"digest": {"every": "hour"}})


async def test_what_waits_waits_by_new_times(store: Store) -> None:
    receivers = gateway(store)
    await receivers.create("ada", new("lab"))
    [own] = await receivers.of("ada")
    body = '{"type":"session.failure","timestamp":"","data":{}}'
    rows = [NoticeRow(f"n{n}", own.row.id, body, 0, tries=n) for n in range(2)]
    await store.write(lambda c: notices.add(c, rows, MOST_WAITING))
    found = []
    for times in (HOURLY, None, HOURLY, None):
        await receivers.change("ada", "lab", ReceiverChange(times=times))
        one, tried = [
            await store.read(lambda c, n=n: notices.find(c, f"n{n}"), applied=False) for n in (0, 1)
        ]
        assert one is not None
        assert tried == rows[1], "what was tried waits for its next try"
        found.append((one.state, one.next_try > time.time_ns() // 1000))
    assert found == [("Held", True), ("Waiting", False)] * 2


async def test_a_rule_that_is_new_finds_nothing_that_was_before_it(store: Store) -> None:
    receivers = gateway(store)
    await receivers.create("ada", new("lab"))
    [before] = await receivers.of("ada")
    failed, ended = RULE, PhaseRule(on="phase", phases=["Succeeded"])
    after = await receivers.change("ada", "lab", ReceiverChange(rules=[ended, failed]))
    since = {rule.phases[0]: time for rule, time in after.dated_rules()}
    assert since["Failed"] == before.row.created / 1e6
    assert since["Succeeded"] > since["Failed"]
    wide = await receivers.change("ada", "lab", ReceiverChange(sessions="all"))
    assert all(time > since["Succeeded"] for _, time in wide.dated_rules())
    again = await receivers.change("ada", "lab", ReceiverChange(sessions="all", times=NIGHT))
    assert list(again.dated_rules()) == list(wide.dated_rules())


async def test_a_change_keeps_the_bounds(store: Store) -> None:
    receivers = gateway(store)
    for n in range(MOST_RULES_OF_USER // MOST_RULES):
        await receivers.create("ada", new(f"r{n}", MOST_RULES - (n == 0)))
    full = [RULE] * MOST_RULES
    await receivers.change("ada", "r0", ReceiverChange(rules=full[1:]))
    await receivers.change("ada", "r0", ReceiverChange(rules=full))
    await receivers.change("ada", "r0", ReceiverChange(rules=full[2:]))
    await receivers.create("ada", new("last", 2))
    with pytest.raises(Unprocessable, match="your other receivers have 50 rules"):
        await receivers.change("ada", "r0", ReceiverChange(rules=full[1:]))
    with pytest.raises(Unprocessable, match="is not allowed"):
        await receivers.change("ada", "r0", ReceiverChange(url="https://localhost/"))
    with pytest.raises(NotFound):
        await receivers.change("bob", "r0", ReceiverChange(sessions="all"))
