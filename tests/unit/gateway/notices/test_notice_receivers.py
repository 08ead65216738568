"""Receivers of one user: bounds, and what two gateways on one database say of them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from store_lab import opened

from trainyard_gateway.errors import AlreadyThere, NotFound, Unprocessable
from trainyard_gateway.notices.receivers import (
    MOST_RECEIVERS,
    MOST_WAITING,
    NewReceiver,
    Receivers,
)
from trainyard_gateway.notices.rules import MOST_RULES, MOST_RULES_OF_USER, PhaseRule
from trainyard_gateway.store.outbox import notices
from trainyard_gateway.store.outbox.notices import NoticeRow
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
