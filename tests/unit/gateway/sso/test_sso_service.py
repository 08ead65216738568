"""Logins of browsers as the routes ask for them, against a scripted stand-in at this machine."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from unittest.mock import AsyncMock
from urllib.parse import parse_qs, urlsplit

import pytest
from provider_stand_in import Scripted, id_token, provider_stand_in, stand_in_settings
from sqlalchemy.exc import OperationalError

from trainyard_gateway.auth.api_key_store import ApiKeyStore
from trainyard_gateway.auth.sso.claims import Refusal
from trainyard_gateway.auth.sso.sealed import MOST_CHARACTERS
from trainyard_gateway.auth.sso.service import Opened, SingleSignOn
from trainyard_gateway.errors import Unavailable
from trainyard_gateway.store.access import sso
from trainyard_gateway.store.connect import connect
from trainyard_gateway.store.store import Store


@pytest.fixture
async def scripted() -> AsyncIterator[Scripted]:
    async with provider_stand_in() as found:
        yield found


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Store]:
    database = connect(f"sqlite:///{tmp_path / 'db.sqlite3'}", None)
    await database.open()
    yield database
    await database.close()


@pytest.fixture
def later() -> list[float]:
    """By how many seconds the service's clock is later than that of this machine."""
    return [0.0]


@pytest.fixture
async def service(scripted: Scripted, database: Store, later: list[float]) -> SingleSignOn:
    given: dict[str, Any] = {"groups": {"g": {}}, "public_url": "https://yard.example"}
    keys = ApiKeyStore("a" * 40, database, scripted.url)
    settings = stand_in_settings(scripted, **given)
    return SingleSignOn(settings, keys, database, "admin", lambda: time.time() + later[0])


async def begun(service: SingleSignOn) -> tuple[dict[str, str], str, str]:
    """What the provider is asked, and name and value of the cookie."""
    url, header = await service.begin()
    name, _, value = header.partition(";")[0].partition("=")
    return {k: v[0] for k, v in parse_qs(urlsplit(url).query).items()}, name, value


async def logged_in(
    service: SingleSignOn, scripted: Scripted, refresh: str = "r", **more: Any
) -> Opened:
    """A login of ada."""
    asked, name, value = await begun(service)
    claims = {"nonce": asked["nonce"], "preferred_username": "ada", "groups": ["g"], **more}
    given = {"access_token": "t", "id_token": id_token(scripted, **claims)}
    scripted.token = (200, {**given, "refresh_token": refresh})
    opened = await service.come_back({"state": asked["state"], "code": "c"}, f"{name}={value}")
    assert isinstance(opened, Opened)
    return opened


async def test_a_cookie_that_another_host_could_set_begins_no_login(service: SingleSignOn) -> None:
    """Else a page of a sibling host would log people in as another person."""
    asked, name, value = await begun(service)
    query = {"state": asked["state"]}
    own = await service.come_back(query, f"{name}={value}")
    tossed = await service.come_back(query, f"{name.removeprefix('__Host-')}={value}")

    assert name.startswith("__Host-trainyard_sso_")
    assert [r.code for r in (own, tossed) if isinstance(r, Refusal)] == ["no code", "other state"]
    refused = service.problem_cookie(Refusal("why", "w")).partition(";")[0]
    assert service.problem(refused) == "why"


async def test_a_new_login_shows_that_the_provider_answers_again(
    service: SingleSignOn, scripted: Scripted
) -> None:
    service.verification.silent_since = 1.0
    opened = await logged_in(service, scripted)

    assert (opened.caller.name, service.warning()) == ("ada", None)


async def test_tokens_that_are_long_can_be_opened_again(
    service: SingleSignOn, scripted: Scripted, database: Store
) -> None:
    groups = ["g", *(f"group-{n:036}" for n in range(900))]
    opened = await logged_in(service, scripted, refresh="r" * 60_000, groups=groups)
    sealed = await database.read(lambda c: sso.tokens_of(c, opened.caller.key_id))

    assert 60_000 < len(sealed) <= MOST_CHARACTERS


async def test_a_provider_that_revokes_no_token_ends_its_own_login_nevertheless(
    service: SingleSignOn, scripted: Scripted
) -> None:
    more = ("revocation_endpoint", "end_session_endpoint")
    scripted.discovery = {name: f"{scripted.url}/{name}" for name in more}
    opened = await logged_in(service, scripted)
    scripted.token = (400, {"error": "unsupported_token_type"})
    where = await service.end(opened.caller.key_id)

    assert (where or "").startswith(f"{scripted.url}/end_session_endpoint?")


async def test_without_the_database_a_login_lasts_as_long_as_without_the_provider(
    service: SingleSignOn,
    scripted: Scripted,
    database: Store,
    later: list[float],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    id = (await logged_in(service, scripted)).caller.key_id
    away = AsyncMock(side_effect=OperationalError("UPDATE", {}, Exception("disk is full")))
    monkeypatch.setattr(database, "write", away)
    later[0] = 56
    await service.verification.confirm(id)
    await service.verification.confirm(id)
    assert away.call_count == 1

    later[0] = 956
    with pytest.raises(Unavailable):
        await service.verification.confirm(id)
