"""What the gateway asks a provider, against a scripted stand-in at this machine: bounds and keys."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from provider_stand_in import FIRST, SECOND, Scripted, id_token, provider_stand_in
from provider_stand_in import stand_in_settings as settings

from trainyard_gateway.auth.sso import fetching
from trainyard_gateway.auth.sso.fetching import ProviderDown
from trainyard_gateway.auth.sso.id_tokens import Expected, InvalidIdToken, UnknownKey
from trainyard_gateway.auth.sso.provider import (
    KEYS_PAUSE_SECONDS,
    Provider,
    TokenRefused,
    Tokens,
)
from trainyard_gateway.errors import SettingsError


@pytest.fixture
async def scripted() -> AsyncIterator[Scripted]:
    async with provider_stand_in() as found:
        yield found


async def too_much(request: web.Request) -> web.StreamResponse:
    answer = web.StreamResponse()
    await answer.prepare(request)
    for _ in range(100):
        await answer.write(b" " * 16_384)
    return answer


async def elsewhere(_: web.Request) -> web.StreamResponse:
    return web.Response(status=307, headers={"Location": "http://127.0.0.1:9/latest/meta-data"})


async def no_json(_: web.Request) -> web.StreamResponse:
    return web.Response(text="<html>")


@pytest.mark.parametrize(
    ("token", "words"),
    [
        (too_much, "more than 262144 bytes"),
        (elsewhere, "it answers 307"),
        (no_json, "without a token"),
        ((500, {"error": "invalid_grant"}), "it answers 500"),
        ((400, {"error": 7}), "it answers 400"),
        ((200, {"access_token": 7}), "without a token"),
        ((200, ["access_token"]), "without a token"),
    ],
    ids=["too much", "a redirect", "no JSON", "a fault", "no code", "a number", "a list"],
)
async def test_wrong_answers_are_an_outage_and_end_no_login(
    scripted: Scripted, token: Any, words: str
) -> None:
    scripted.token = token

    with pytest.raises(ProviderDown, match=words):
        await Provider(settings(scripted)).tokens({"grant_type": "refresh_token"})


async def test_a_provider_that_does_not_answer_is_waited_for_a_while(
    scripted: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    import asyncio

    async def never(_: web.Request) -> web.StreamResponse:
        await asyncio.sleep(60)
        return web.Response()

    scripted.token = never
    monkeypatch.setattr(fetching, "TOTAL_SECONDS", 0.2)
    with pytest.raises(ProviderDown, match=r"no answer within 0\.2 s"):
        await Provider(settings(scripted)).tokens({})
    gone = settings(scripted, issuer="http://127.0.0.1:9")
    with pytest.raises(ProviderDown):
        await Provider(gone).endpoints()


async def test_a_refusal_has_its_code_and_is_cut(scripted: Scripted) -> None:
    scripted.token = (400, {"error": "invalid_grant", "error_description": "\x1b" + "x" * 9_000})

    with pytest.raises(TokenRefused) as found:
        await Provider(settings(scripted)).tokens({})
    assert (found.value.code, len(str(found.value)) <= 200) == ("invalid_grant", True)
    assert str(found.value).isprintable()


async def test_the_client_names_itself_as_the_provider_wants(
    scripted: Scripted, tmp_path: Path
) -> None:
    secret = tmp_path / "secret"
    secret.write_text("a b:c\n")
    scripted.token = (200, {"access_token": "t"})

    await Provider(settings(scripted, client_secret_file=secret)).tokens({})
    scripted.discovery = {"token_endpoint_auth_methods_supported": ["client_secret_post"]}
    await Provider(settings(scripted, client_secret_file=secret)).tokens({})
    with pytest.raises(SettingsError, match="clientSecretFile"):
        Provider(settings(scripted, client_secret_file=tmp_path / "nothing"))

    # `train+yard:a+b%3Ac`, each part as in a form (RFC 6749, 2.3.1).
    sent = [given for given in scripted.authorization if given]
    assert sent == ["Basic dHJhaW4reWFyZDphK2IlM0Fj"]


async def test_a_new_key_is_found_and_made_up_ones_are_looked_for_seldom(
    scripted: Scripted,
) -> None:
    now = [1_000.0]
    provider = Provider(settings(scripted), clock=lambda: now[0])
    expected = Expected(scripted.url, "train yard")
    claims = {"preferred_username": "ada", "groups": []}

    async def seen(key: Any) -> str:
        token = id_token(scripted, key, **claims)
        return str((await provider.claims(Tokens("t", token, None), expected))["sub"])

    assert await seen(FIRST) == "u-1"
    for _ in range(20):
        with pytest.raises(UnknownKey):
            await seen(SECOND)
    assert scripted.asked["/jwks"] == 1
    scripted.keys = [SECOND, FIRST]
    now[0] += KEYS_PAUSE_SECONDS + 1
    assert await seen(SECOND) == "u-1"
    assert await seen(FIRST) == "u-1"
    assert scripted.asked["/jwks"] == 2


async def test_claims_that_only_the_userinfo_has_count_if_it_is_about_the_same_identity(
    scripted: Scripted,
) -> None:
    provider = Provider(settings(scripted))
    tokens = Tokens("t", id_token(scripted, name="a"), None)
    expected = Expected(scripted.url, "train yard")
    scripted.userinfo = {"sub": "u-1", "groups": ["g"], "name": "b"}
    found = await provider.claims(tokens, expected)
    refreshed = await provider.claims(
        Tokens("t", None, None), Expected(scripted.url, "train yard", subject="u-1")
    )
    scripted.userinfo = {"sub": "u-2", "groups": ["g"]}

    assert (found["groups"], found["name"]) == (["g"], "a")
    assert refreshed["groups"] == ["g"]
    with pytest.raises(InvalidIdToken, match="another identity"):
        await provider.claims(tokens, expected)
    with pytest.raises(InvalidIdToken, match="no ID token"):
        await provider.claims(Tokens("t", None, None), expected)


@pytest.mark.parametrize(
    ("status", "error"),
    [(401, InvalidIdToken), (403, InvalidIdToken), (404, ProviderDown), (429, ProviderDown)],
)
async def test_a_userinfo_that_refuses_an_identity_is_no_outage(
    scripted: Scripted, status: int, error: type[Exception]
) -> None:
    scripted.discovery = {"userinfo_endpoint": f"{scripted.url}/token"}
    scripted.token = (status, {"error": "invalid_token"})
    tokens = Tokens("t", id_token(scripted), None)

    with pytest.raises(error):
        await Provider(settings(scripted)).claims(tokens, Expected(scripted.url, "train yard"))


async def test_the_userinfo_is_asked_whether_an_address_is_verified(scripted: Scripted) -> None:
    provider = Provider(settings(scripted, user_claim="email"))
    token = id_token(scripted, email="ada@lab.example", groups=[])
    scripted.userinfo = {"sub": "u-1", "email_verified": True}
    found = await provider.claims(Tokens("t", token, None), Expected(scripted.url, "train yard"))

    assert found["email_verified"] is True


async def test_a_secret_that_cannot_be_read_any_more_is_an_outage(
    scripted: Scripted, tmp_path: Path
) -> None:
    secret = tmp_path / "secret"
    secret.write_text("s")
    provider = Provider(settings(scripted, client_secret_file=secret))
    secret.unlink()

    with pytest.raises(ProviderDown, match="secret cannot be read"):
        await provider.tokens({})
