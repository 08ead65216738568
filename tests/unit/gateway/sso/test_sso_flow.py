"""The browser's way to the provider and back, the seal, discovery documents and settings."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from trainyard_gateway.auth.sso import flow
from trainyard_gateway.auth.sso.claims import Refusal
from trainyard_gateway.auth.sso.fetching import ProviderDown
from trainyard_gateway.auth.sso.flow import Begun
from trainyard_gateway.auth.sso.provider import Endpoints, endpoints_of
from trainyard_gateway.auth.sso.sealed import Seal
from trainyard_gateway.sso_settings import SsoSettings

ISSUER = "https://id.example"
DOCUMENT: dict[str, Any] = {
    "issuer": ISSUER,
    "authorization_endpoint": f"{ISSUER}/auth?tenant=1",
    "token_endpoint": f"{ISSUER}/token",
    "jwks_uri": "https://keys.example/jwks",
    "end_session_endpoint": f"{ISSUER}/end",
}
BEGUN = Begun("s" * 32, "n" * 32, "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk")


def settings(**more: Any) -> SsoSettings:
    given = {"issuer": ISSUER, "client_id": "trainyard", "public_url": "https://yard.example/"}
    return SsoSettings(**{**given, **more})


def endpoints(**more: Any) -> Endpoints:
    return endpoints_of({**DOCUMENT, **more}, ISSUER)


def test_the_browser_is_sent_with_state_nonce_and_challenge() -> None:
    url = urlsplit(flow.authorization_url(endpoints(), settings(prompt="login"), BEGUN))
    asked = {name: values[0] for name, values in parse_qs(url.query).items()}

    assert (url.netloc, url.path) == ("id.example", "/auth")
    assert asked == {
        "tenant": "1",
        "response_type": "code",
        "client_id": "trainyard",
        "redirect_uri": "https://yard.example/api/v1/login/sso/callback",
        "scope": "openid profile email offline_access",
        "state": BEGUN.state,
        "nonce": BEGUN.nonce,
        # The example of RFC 7636, appendix B.
        "code_challenge": "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
        "code_challenge_method": "S256",
        "prompt": "login",
    }


def test_each_login_has_other_secrets() -> None:
    one, other = Begun.new(), Begun.new()

    assert not {one.state, one.nonce, one.verifier} & {other.state, other.nonce, other.verifier}
    assert 43 <= len(one.verifier) <= 128


@pytest.mark.parametrize(
    ("query", "begun", "expected"),
    [
        ({"state": BEGUN.state, "code": "c"}, BEGUN, "c"),
        ({"state": BEGUN.state, "code": "c", "iss": ISSUER}, BEGUN, "c"),
        ({"state": BEGUN.state, "code": "c"}, None, "other state"),
        ({"state": "t" * 32, "code": "c"}, BEGUN, "other state"),
        ({"state": "\u00e9", "code": "c"}, BEGUN, "other state"),
        ({"code": "c"}, BEGUN, "other state"),
        ({}, None, "other state"),
        ({"state": BEGUN.state, "code": "c", "iss": "https://evil.example"}, BEGUN, "other issuer"),
        ({"state": BEGUN.state, "error": "access_denied"}, BEGUN, "refused"),
        ({"state": BEGUN.state, "error": "x", "code": "c"}, BEGUN, "refused"),
        ({"state": BEGUN.state}, BEGUN, "no code"),
        ({"state": BEGUN.state, "code": "c" * 5_000}, BEGUN, "no code"),
    ],
    ids=[
        "a code", "with issuer", "no cookie", "another state", "a strange state", "no state", "nothing",
        "another issuer", "refused", "refused with a code", "no code", "a long code",
    ],
)  # fmt: skip
def test_what_a_browser_may_bring_back(
    query: dict[str, str], begun: Begun | None, expected: str
) -> None:
    found = flow.code_of(query, begun, endpoints(), ISSUER)

    assert (found.code if isinstance(found, Refusal) else found) == expected


def test_a_provider_that_names_itself_must_do_so() -> None:
    named = endpoints(authorization_response_iss_parameter_supported=True)
    found = flow.code_of({"state": BEGUN.state, "code": "c"}, BEGUN, named, ISSUER)

    assert isinstance(found, Refusal)
    assert found.code == "other issuer"


def test_a_long_error_of_another_page_is_cut_and_shows_no_hidden_characters() -> None:
    query = {"state": BEGUN.state, "error": "\u202e\x1b[31m" + "x" * 9_999}
    found = flow.code_of(query, BEGUN, endpoints(), ISSUER)

    assert isinstance(found, Refusal)
    assert len(found.reason) < 150
    assert found.reason.isprintable()


def test_a_logout_names_client_and_page() -> None:
    url = urlsplit(flow.logout_url(endpoints(), settings(), "t") or "")

    assert parse_qs(url.query) == {
        "client_id": ["trainyard"],
        "post_logout_redirect_uri": ["https://yard.example/"],
        "id_token_hint": ["t"],
    }
    assert flow.logout_url(endpoints(end_session_endpoint=None), settings(), "t") is None
    # Proxies refuse long addresses; the provider asks the person then.
    assert "id_token_hint" not in (flow.logout_url(endpoints(), settings(), "t" * 9_000) or "")


def test_the_cookie_comes_back_from_another_site_and_scripts_do_not_see_it() -> None:
    assert flow.set_cookie("n", "v", secure=True) == (
        "n=v; Path=/; Max-Age=600; HttpOnly; SameSite=Lax; Secure"
    )
    assert flow.set_cookie("n", "", secure=False) == (
        "n=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax"
    )


@pytest.mark.parametrize(
    "changed",
    [
        {"issuer": "https://evil.example"},
        {"issuer": None},
        {"token_endpoint": None},
        {"token_endpoint": "http://id.example/token"},
        {"token_endpoint": "http://127.0.0.1/token"},
        {"jwks_uri": "file:///etc/passwd"},
        {"jwks_uri": "https://user@id.example/"},
        {"authorization_endpoint": "javascript:alert(1)"},
        {"authorization_endpoint": 7},
        {"end_session_endpoint": "http://id.example/"},
    ],
    ids=[
        "issuer", "no issuer", "no endpoint", "plain http", "this machine", "a file", "a user",
        "a script", "a number", "an optional one",
    ],
)  # fmt: skip
def test_unsafe_discovery_documents_are_refused(changed: dict[str, Any]) -> None:
    with pytest.raises(ProviderDown):
        endpoints(**changed)


@pytest.mark.parametrize(
    ("changed", "word"),
    [
        ({"issuer": "http://id.example"}, "no https URL"),
        ({"issuer": "https://user:pw@id.example"}, "no https URL"),
        ({"issuer": "ftp://id.example"}, "no https URL"),
        ({"issuer": "https://id.example/#a"}, "no https URL"),
        ({"public_url": "http://yard.example"}, "no https URL"),
        ({"public_url": "https://yard.example/page"}, "has a path"),
        ({"default_role": "administrator"}, "everyone"),
        ({"groups": {"g": {"teams": ["a b"]}}}, "pattern"),
        ({"links": {"u-1": "a b"}}, "pattern"),
        ({"nothing": 1}, "nothing"),
    ],
    ids=[
        "plain http", "a password", "another scheme", "a fragment", "plain page", "a path",
        "everyone an administrator", "a team", "a link", "unknown",
    ],
)  # fmt: skip
def test_wrong_settings_are_refused(changed: dict[str, Any], word: str) -> None:
    with pytest.raises(ValidationError, match=word):
        settings(**changed)


def test_http_is_for_this_machine() -> None:
    found = settings(issuer="http://127.0.0.1:5556/dex", public_url="http://localhost:8080")

    assert found.redirect_uri == "http://localhost:8080/api/v1/login/sso/callback"


@given(st.dictionaries(st.text(max_size=9), st.text(max_size=9), max_size=4))
def test_a_seal_opens_for_its_purpose_and_time_only(values: dict[str, str]) -> None:
    text = Seal("admin", "device").close(values, until=10.0)

    assert Seal("admin", "device").open(text, now=9.0) == values
    assert Seal("admin", "device").open(text, now=10.0) is None
    assert Seal("admin", "browser").open(text, now=9.0) is None
    assert Seal("other", "device").open(text, now=9.0) is None


@given(st.text(max_size=60))
def test_no_other_text_opens(text: str) -> None:
    sealed = Seal("admin", "device")

    assert sealed.open(text, now=0.0) is None
    assert sealed.open(sealed.close({"a": "b"}, 9.0)[:-1] + text[:1] + "x", now=0.0) is None


@pytest.mark.parametrize(
    "values",
    [None, {}, {"state": "a", "nonce": "b"}, {"state": 1, "nonce": "b", "verifier": "c"}],
    ids=["nothing", "empty", "a part", "a number"],
)
def test_a_cookie_of_another_kind_begins_nothing(values: dict[str, Any] | None) -> None:
    assert Begun.of(values) is None
    assert Begun.of(BEGUN.values()) == BEGUN
