"""When the provider is asked about a login, by how many, and what its answers do."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from provider_stand_in import (
    FIRST,
    SECOND,
    Scripted,
    id_token,
    provider_stand_in,
    stand_in_settings,
)

from trainyard_gateway.auth import keys
from trainyard_gateway.auth.api_key_store import ApiKeyStore
from trainyard_gateway.auth.sso import fetching
from trainyard_gateway.auth.sso.provider import Provider
from trainyard_gateway.auth.sso.sealed import Seal
from trainyard_gateway.auth.sso.verification import PAUSE_SECONDS, Verification
from trainyard_gateway.errors import NotAuthenticated, Unavailable
from trainyard_gateway.store.access import sso, users
from trainyard_gateway.store.access.sso import LoginRow
from trainyard_gateway.store.access.users import UserRow
from trainyard_gateway.store.connect import connect
from trainyard_gateway.store.store import Store

SEAL = Seal("admin", "tokens")
KEY, PARTS = keys.generate()


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = time.time()

    def __call__(self) -> float:
        return self.now


class Gateway:
    """What one gateway knows and asks."""

    def __init__(self, scripted: Scripted, database: Store, clock: Clock) -> None:
        settings = self.settings = stand_in_settings(
            scripted, groups={"g": {"teams": ["vision"]}}, grace_seconds=300
        )
        self.database = database
        self.keys = ApiKeyStore("a" * 40, database, scripted.url)
        self.verification = Verification(
            settings, Provider(settings), self.keys, database, SEAL, clock
        )

    async def confirm(self) -> None:
        await self.verification.confirm(PARTS.public)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def scripted() -> AsyncIterator[Scripted]:
    async with provider_stand_in() as found:
        yield found


@pytest.fixture
async def database(tmp_path: Path, scripted: Scripted, clock: Clock) -> AsyncIterator[Store]:
    database = connect(f"sqlite:///{tmp_path / 'db.sqlite3'}", None)
    await database.open()
    row = LoginRow(
        PARTS.public, keys.digest(PARTS.secret), "ada", scripted.url, "u-1", clock.now,
        clock.now + 86_400, clock.now,
    )  # fmt: skip
    sealed = SEAL.close({"refresh": "r-0", "id": "i-0"}, row.expires)
    user = UserRow("ada", "member", "vision", "2026-01-01T00:00:00Z")
    await database.write(lambda c: users.save(c, user))
    await database.write(lambda c: sso.add_identity(c, scripted.url, "u-1", "ada", clock.now))
    await database.write(lambda c: sso.add(c, row, sealed))
    yield database
    await database.close()


@pytest.fixture
async def gateway(scripted: Scripted, database: Store, clock: Clock) -> Gateway:
    found = Gateway(scripted, database, clock)
    await found.keys.load()
    return found


def good(scripted: Scripted, used: list[str], key: Any = FIRST, **claims: Any) -> Any:
    """Takes each refresh token once, and gives the next one."""

    async def answer(request: web.Request) -> web.StreamResponse:
        form = await request.post()
        used.append(str(form["refresh_token"]))
        if used[-1] != f"r-{len(used) - 1}":
            return web.json_response({"error": "invalid_grant"}, status=400)
        await asyncio.sleep(0.05)
        said = {"preferred_username": "ada", "groups": ["g"], **claims}
        token = id_token(scripted, key, **said)
        return web.json_response(
            {"access_token": "t", "id_token": token, "refresh_token": f"r-{len(used)}"}
        )

    return answer


async def test_a_fresh_login_and_a_key_ask_nothing(
    gateway: Gateway, scripted: Scripted, clock: Clock
) -> None:
    clock.now += 54
    await gateway.confirm()
    await gateway.verification.confirm("admin")

    assert not scripted.asked


async def test_many_requests_at_two_gateways_use_each_refresh_token_once(
    gateway: Gateway, scripted: Scripted, database: Store, clock: Clock
) -> None:
    other, used = Gateway(scripted, database, clock), list[str]()
    await other.keys.load()
    scripted.token = good(scripted, used)
    for _ in range(3):
        clock.now += 56
        await asyncio.gather(*(g.confirm() for g in (gateway, other) for _ in range(20)))

    assert used == ["r-0", "r-1", "r-2"]
    assert other.keys.caller(KEY)[0] is not None


async def test_a_clock_that_was_set_back_makes_no_login_fresh(
    gateway: Gateway, scripted: Scripted, clock: Clock
) -> None:
    used = list[str]()
    scripted.token = good(scripted, used)
    clock.now -= 3_600
    await gateway.confirm()

    assert used == ["r-0"]


@pytest.mark.parametrize(
    ("token", "words"),
    [
        ((400, {"error": "invalid_grant"}), "the identity provider has ended your login"),
        ((400, {"error": "interaction_required"}), "the identity provider has ended your login"),
        ({"groups": ["other"]}, "none of your groups"),
        ({"sub": "u-2"}, "about another identity"),
        ({"aud": "another"}, "for another client"),
    ],
    ids=["refused", "the person is asked", "no group", "another identity", "another client"],
)
async def test_these_answers_end_the_login(
    gateway: Gateway, scripted: Scripted, clock: Clock, token: Any, words: str
) -> None:
    scripted.token = token if isinstance(token, tuple) else good(scripted, [], **token)
    clock.now += 56
    with pytest.raises(NotAuthenticated, match=words):
        await gateway.confirm()

    assert gateway.keys.caller(KEY)[1] == "login over"
    assert gateway.keys.owner(PARTS.public) is None


@pytest.mark.parametrize(
    "token",
    [(500, {}), (401, {"error": "invalid_client"}), (400, {}), (429, {"error": "slow_down"})],
    ids=["a fault", "our client is refused", "no code", "too many"],
)
async def test_other_answers_end_none_and_have_a_bound(
    gateway: Gateway, scripted: Scripted, clock: Clock, token: Any
) -> None:
    scripted.token = token
    clock.now += 56
    await gateway.confirm()
    await gateway.confirm()
    assert scripted.asked["/token"] == 1
    assert gateway.verification.silent_since is not None

    clock.now += 300
    with pytest.raises(Unavailable, match="keys open the gateway as before"):
        await gateway.confirm()
    assert gateway.verification.is_overdue(PARTS.public)

    used = list[str]()
    scripted.token = good(scripted, used)
    clock.now += PAUSE_SECONDS + 1
    await gateway.confirm()
    assert (used, gateway.verification.silent_since) == (["r-0"], None)


async def test_an_account_that_comes_to_another_group_has_its_teams(
    gateway: Gateway, scripted: Scripted, clock: Clock
) -> None:
    scripted.token = good(scripted, [], groups=["g", "x"], preferred_username="renamed")
    await gateway.keys.users.load()
    clock.now += 56
    await gateway.confirm()

    caller = gateway.keys.owner(PARTS.public)
    assert caller is not None
    assert (caller.name, caller.teams) == ("ada", ("vision",))


async def test_an_outage_after_the_exchange_of_a_refresh_token_ends_no_login(
    gateway: Gateway, scripted: Scripted, clock: Clock
) -> None:
    used = list[str]()
    scripted.discovery = {"jwks_uri": f"{scripted.url}/nothing"}
    scripted.keys, scripted.token = [], good(scripted, used)
    clock.now += 56
    await gateway.confirm()
    assert gateway.verification.silent_since is not None

    gateway.verification = Verification(
        gateway.settings, Provider(gateway.settings), gateway.keys, gateway.database, SEAL, clock
    )
    scripted.discovery, scripted.keys = {}, [FIRST]
    await gateway.confirm()

    assert used == ["r-0", "r-1"]
    assert gateway.keys.caller(KEY)[0] is not None


async def test_a_key_that_the_provider_has_not_published_yet_ends_no_login(
    gateway: Gateway, scripted: Scripted, clock: Clock
) -> None:
    scripted.token = good(scripted, used := list[str](), key=SECOND)
    clock.now += 56
    await gateway.confirm()

    assert used == ["r-0"]
    assert gateway.keys.owner(PARTS.public) is not None


async def test_an_answer_that_is_too_long_for_one_login_postpones_no_other(
    gateway: Gateway,
    scripted: Scripted,
    database: Store,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(fetching, "MOST_BYTES", 4_000)
    sealed = SEAL.close({"refresh": "long", "id": ""}, clock.now + 86_400)
    other = LoginRow(
        "longlong", "", "bob", scripted.url, "u-2", clock.now, clock.now + 86_400, clock.now
    )
    await database.write(lambda c: sso.add(c, other, sealed))
    await gateway.keys.load()
    usual, used = good(scripted, list[str]()), list[str]()

    async def answer(request: web.Request) -> web.StreamResponse:
        used.append(str((await request.post())["refresh_token"]))
        return web.Response(text=" " * 5_000) if used[-1] == "long" else await usual(request)

    scripted.token = answer
    clock.now += 56
    await gateway.verification.confirm("longlong")
    await gateway.verification.confirm("longlong")
    await gateway.confirm()

    assert used == ["long", "r-0"]
    assert gateway.verification.silent_since is None
    assert gateway.keys.logins.of(PARTS.public).verified == clock.now  # type: ignore[union-attr]


async def test_a_logout_while_the_provider_is_asked_leaves_no_tokens(
    gateway: Gateway, scripted: Scripted, database: Store, clock: Clock
) -> None:
    usual = good(scripted, list[str]())

    async def answer(request: web.Request) -> web.StreamResponse:
        await database.write(lambda c: sso.end(c, PARTS.public, clock.now, "you have logged out"))
        found: web.StreamResponse = await usual(request)
        return found

    scripted.token = answer
    clock.now += 56
    with pytest.raises(NotAuthenticated, match="you have logged out"):
        await gateway.confirm()

    assert await database.read(lambda c: sso.tokens_of(c, PARTS.public)) == ""
