"""Which logins count, and how many are kept."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from trainyard_gateway.auth import keys
from trainyard_gateway.auth.api_key_store import ApiKeyStore
from trainyard_gateway.auth.open_logins import over
from trainyard_gateway.rights.users import NewUser, Users
from trainyard_gateway.store.access import sso, users
from trainyard_gateway.store.access.sso import LoginRow
from trainyard_gateway.store.access.users import UserRow
from trainyard_gateway.store.connect import connect
from trainyard_gateway.store.store import Store

ISSUER = "https://id.example"
KEY, PARTS = keys.generate()


def login(id: str, user: str = "ada", created: float = 0.0, lasts: float = 3_600.0) -> LoginRow:
    now = time.time()
    hash = keys.digest(PARTS.secret) if id == PARTS.public else ""
    return LoginRow(id, hash, user, ISSUER, "u-1", now + created, now + lasts, now)


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Store]:
    database = connect(f"sqlite:///{tmp_path / 'db.sqlite3'}", None)
    await database.open()
    await database.write(lambda c: sso.add(c, login(PARTS.public), ""))
    yield database
    await database.close()


async def loaded(database: Any, issuer: str | None = ISSUER) -> ApiKeyStore:
    found = ApiKeyStore("a" * 40, database, issuer)
    await found.load()
    return found


@pytest.mark.parametrize("issuer", [None, "https://other.example"], ids=["none", "another"])
async def test_logins_open_nothing_without_their_provider(
    database: Store, issuer: str | None
) -> None:
    """They could not be ended there: single sign-on was turned off, or has another provider."""
    with_it, without = await loaded(database), await loaded(database, issuer)

    assert with_it.caller(KEY)[1] == "login"
    assert (without.caller(KEY)[0], without.owner(PARTS.public)) == (None, None)


async def test_a_command_line_hears_that_its_login_has_expired(database: Store) -> None:
    row = login("expired1", lasts=-60.0)._replace(hash=keys.digest(PARTS.secret))
    await database.write(lambda c: sso.add(c, row, ""))
    store = await loaded(database)
    found = store.logins.of("expired1")

    assert found is not None
    assert (store.owner("expired1"), store.logins.is_open(found)) == (None, False)


async def test_the_oldest_of_too_many_logins_of_a_user_are_forgotten(database: Store) -> None:
    def add(connection: Any) -> None:
        sso.add(connection, login("bob", "bob", created=-9_999.0), "")
        for n in range(sso.MOST_OF_USER + 20):
            sso.add(connection, login(f"{n}", created=1.0 + n), "")
        sso.end(connection, "70", 1.0, "you have logged out")
        sso.add(connection, login("newest", created=9_999.0), "")

    await database.write(add)
    left = await database.read(lambda c: sso.read_all(c, ISSUER, time.time()))

    assert sorted(row.id for row in left if row.user == "ada") == sorted(
        ["newest", *(f"{n}" for n in range(20, sso.MOST_OF_USER + 20) if n != 70)]
    )
    assert [row.id for row in left if row.user == "bob"] == ["bob"]


async def test_a_removed_user_who_comes_back_has_no_logins_of_before(database: Store) -> None:
    people = Users(database)
    await people.create(NewUser(name="ada"))
    await people.remove("ada")
    await people.create(NewUser(name="ada"))
    store = await loaded(database)

    assert store.caller(KEY)[1] == "login over"
    assert "administrator" in over(store.logins.of(PARTS.public))


class Slow:
    """A database whose first look is passed on after the second one, if that is let in."""

    def __init__(self, database: Store) -> None:
        self._database, self.looks = database, 0
        self.began, self.first = asyncio.Event(), asyncio.Event()

    async def read(self, action: Any, applied: bool = True) -> Any:
        self.looks += 1
        is_first, found = self.looks == 1, await self._database.read(action, applied)
        if is_first:
            self.began.set()
            await self.first.wait()
        return found


async def test_no_earlier_look_at_the_logins_comes_after_a_later_one(database: Store) -> None:
    slow = Slow(database)
    store = ApiKeyStore("a" * 40, slow, ISSUER)  # type: ignore[arg-type]  # it reads only
    earlier = asyncio.create_task(store.load())
    await slow.began.wait()
    await database.write(lambda c: sso.end(c, PARTS.public, 1.0, "you have logged out"))
    later = asyncio.create_task(store.load())
    await asyncio.wait({later}, timeout=0.2)
    slow.first.set()
    await asyncio.gather(earlier, later)

    assert store.caller(KEY)[1] == "login over"


async def test_a_login_that_another_gateway_makes_meanwhile_has_no_more_than_its_user(
    database: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PostgreSQL reads one table after the other, each as it is then."""
    order = list[str]()
    for module in (sso, users):
        read_all = module.read_all

        def noted(*given: Any, read_all: Any = read_all, name: str = module.__name__) -> Any:
            order.append(name.rpartition(".")[2])
            return read_all(*given)

        monkeypatch.setattr(module, "read_all", noted)
    await database.write(lambda c: users.save(c, UserRow("ada", "viewer", "", "2026-01-01")))
    await loaded(database)

    assert order == ["sso", "users"]
