"""Single sign-on against a real OpenID provider, without a browser: logins, refusals, their end."""

from __future__ import annotations

import json
import re
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from cluster import unique
from identity_provider import Person, SignedOnYard, signed_on_yard
from poll import eventually

pytestmark = pytest.mark.integration

CHECK_SECONDS = 2
GRACE_SECONDS = 6
GROUPS = {
    "vision": {"teams": ["vision"]},
    "leads": {"role": "maintainer", "teams": ["vision", "speech"]},
}
LINKS = {"u-linked": "carl"}


@pytest.fixture(scope="module")
def yard(kubeconfig: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SignedOnYard]:
    with signed_on_yard(
        kubeconfig,
        tmp_path_factory.mktemp("sso"),
        groups=GROUPS,
        links=LINKS,
        checkSeconds=CHECK_SECONDS,
        graceSeconds=GRACE_SECONDS,
    ) as found:
        yield found


@pytest.fixture
def account(yard: SignedOnYard) -> str:
    """An account of a member of the team vision; its name is its id."""
    name = unique("u")
    yard.provider.account(name, preferred_username=name, groups=["vision", "unmapped"])
    return name


def audit(yard: SignedOnYard) -> list[str]:
    """Reasons in the audit log, in their order."""
    with sqlite3.connect(yard.lab.data / "db" / "trainyard.sqlite3") as database:
        return [
            reason for (reason,) in database.execute("select reason from auth_logs order by id")
        ]


def admin(yard: SignedOnYard) -> httpx.Client:
    return yard.lab.http()


def test_a_login_has_the_role_and_teams_of_the_groups(yard: SignedOnYard, account: str) -> None:
    yard.provider.account(account, preferred_username=account, groups=["leads", "x"])
    found = yard.who(yard.log_in(account)).json()

    assert (found["name"], found["role"], found["teams"]) == (
        account, "maintainer", ["vision", "speech"],
    )  # fmt: skip
    assert (found["provider"], found.get("warning")) == ("Lab ID", None)
    assert "keys:admin" not in found["scopes"]
    assert "sessions:write" in found["scopes"]
    eventually(lambda: "sso login" in audit(yard), what="a line in the audit log")


def test_a_second_login_is_the_same_user_under_another_name_of_the_provider(
    yard: SignedOnYard, account: str
) -> None:
    yard.log_in(account)
    yard.provider.account(account, preferred_username="renamed", groups=["vision"])

    assert yard.who(yard.log_in(account)).json()["name"] == account


@pytest.mark.parametrize(
    ("claims", "words"),
    [
        ({"preferred_username": "dan", "groups": ["unmapped"]}, "none of your groups"),
        ({"preferred_username": "dan"}, "none of your groups"),
        ({"preferred_username": "admin", "groups": ["vision"]}, "no user of single sign-on gets"),
        ({"preferred_username": "system:x", "groups": ["vision"]}, "no user of single sign-on"),
        ({"preferred_username": "a b", "groups": ["vision"]}, "makes no name of a user"),
        ({"groups": ["vision"]}, "sends no claim `preferred_username`"),
    ],
    ids=["no mapped group", "no groups", "admin", "a name of the system", "a space", "no name"],
)
def test_identities_without_right_or_name_are_refused_in_words(
    yard: SignedOnYard, claims: dict[str, object], words: str
) -> None:
    id = unique("u")
    yard.provider.account(id, **claims)

    assert words in yard.refusal(id)


def test_no_identity_takes_over_a_user_of_before_unless_it_is_linked(yard: SignedOnYard) -> None:
    with admin(yard) as http:
        http.post("/keys", json={"name": "bea", "scopes": ["sessions:read"]}).raise_for_status()
        http.post("/users", json={"name": "carl"}).raise_for_status()
    for id in ("u-bea", "u-linked"):
        yard.provider.account(id, preferred_username="bea", groups=["vision"])

    assert "there is a user 'bea' already" in yard.refusal("u-bea")
    assert yard.who(yard.log_in("u-linked")).json()["name"] == "carl"


def test_only_the_browser_that_began_a_login_ends_it_and_once(
    yard: SignedOnYard, account: str
) -> None:
    who, (where, cookie) = Person(account), yard.start()
    back = who.walk(where, f"{yard.lab.url}/")
    other = yard.start()[1]
    assert isinstance(back, str)
    changed = re.sub(r"state=[0-9a-f]{4}", "state=0000", back)
    named = re.sub(r"iss=[^&]*", "iss=https%3A%2F%2Fevil.example", back)

    problems = [
        yard.problem(yard.come_back(url, given))
        for url, given in ((back, ""), (back, other), (changed, cookie), (named, cookie))
    ]
    first = yard.come_back(back, cookie)
    again = yard.problem(yard.come_back(back, cookie))

    assert ["not begun in this browser" in p for p in problems] == [True, True, True, False]
    assert "of another provider" in problems[3]
    assert "trainyard_login" in first
    assert "the provider refused the code: invalid_grant" in again
    asked = parse_qs(urlsplit(where).query)
    assert (asked["code_challenge_method"], len(asked["nonce"][0])) == (["S256"], 32)


def test_a_code_of_another_browser_fails_by_its_challenge(yard: SignedOnYard, account: str) -> None:
    """An attacker's code, put into the answer to a login that the victim began."""
    attacker, (theirs, _) = Person(account), yard.start()
    back = attacker.walk(theirs, f"{yard.lab.url}/")
    assert isinstance(back, str)
    code = parse_qs(urlsplit(back).query)["code"][0]
    victim, (where, cookie) = Person(account), yard.start()
    own = victim.walk(where, f"{yard.lab.url}/")
    assert isinstance(own, str)

    mixed = re.sub(r"code=[^&]*", f"code={code}", own)

    assert "invalid_grant" in yard.problem(yard.come_back(mixed, cookie))


def test_a_token_of_the_provider_is_no_key(yard: SignedOnYard, account: str) -> None:
    header = {"alg": "RS256", "kid": yard.provider.keys[0]["kid"]}
    from joserfc import jwt
    from joserfc.jwk import RSAKey

    now = int(time.time())
    claims = {"iss": yard.provider.issuer, "aud": "trainyard", "sub": account}
    key = RSAKey.import_key(yard.provider.keys[0])
    token = jwt.encode(header, {**claims, "iat": now, "exp": now + 60}, key)

    assert yard.who({"Authorization": f"Bearer {token}"}).status_code == 401


def test_a_group_that_is_taken_away_ends_logins_streams_and_the_rights_of_keys(
    yard: SignedOnYard, account: str
) -> None:
    login = yard.log_in(account)
    with admin(yard) as http:
        given = {"name": f"{account}-ci", "user": account, "scopes": ["sessions:write"]}
        key = http.post("/keys", json=given).json()["key"]
    events_url = f"{yard.lab.url}/api/v1/training/events"
    with (
        httpx.Client(timeout=60) as http,
        http.stream("GET", events_url, headers=login) as events,
    ):
        yard.provider.account(account, preferred_username=account, groups=["unmapped"])
        began = time.monotonic()
        for _ in events.iter_bytes():
            pass
        ended = time.monotonic() - began
    refused = yard.who(login)
    left = yard.who({"X-API-Key": key}).json()

    assert refused.status_code == 401
    assert "none of your groups at the provider" in refused.json()["detail"]
    assert ended < CHECK_SECONDS + 20
    assert (left["role"], left["teams"]) == ("viewer", [])


def test_a_changed_group_changes_role_and_teams_without_another_login(
    yard: SignedOnYard, account: str
) -> None:
    login = yard.log_in(account)
    yard.provider.account(account, preferred_username=account, groups=["leads"])

    found = eventually(
        lambda: (f := yard.who(login).json())["role"] == "maintainer" and f, what="the new role"
    )
    assert found["teams"] == ["vision", "speech"]


def test_a_removed_account_ends_its_logins_and_leaves_keys(
    yard: SignedOnYard, account: str
) -> None:
    login, other = yard.log_in(account), yard.log_in(account)
    with admin(yard) as http:
        given = {"name": f"{account}-ci", "user": account, "scopes": ["sessions:read"]}
        key = http.post("/keys", json=given).json()["key"]
    yard.provider.remove(account)

    for each in (login, other):
        eventually(lambda each=each: yard.who(each).status_code == 401, what="the login's end")
    assert yard.who({"X-API-Key": key}).json()["teams"] == ["vision"]


def test_a_logout_ends_the_login_here_and_at_the_provider(yard: SignedOnYard, account: str) -> None:
    who, (where, cookie) = Person(account), yard.start()
    back = who.walk(where, f"{yard.lab.url}/")
    assert isinstance(back, str)
    login = {"Cookie": yard.come_back(back, cookie)["trainyard_login"]}
    tokens = refresh_tokens(yard, account)

    own = {**login, "Origin": yard.lab.url, "X-Trainyard-Request": "test"}
    foreign = httpx.delete(f"{yard.lab.url}/api/v1/login", headers=login, timeout=30)
    answer = httpx.delete(f"{yard.lab.url}/api/v1/login", headers=own, timeout=30)
    again = who.walk(answer.headers["location"], f"{yard.lab.url}/")
    form = httpx.get(yard.start()[0], follow_redirects=True, timeout=30)

    assert (foreign.status_code, answer.status_code) == (403, 204)
    assert yard.who(login).status_code == 401
    assert again == f"{yard.lab.url}/"
    assert 'name="login"' in form.text
    assert (tokens, refresh_tokens(yard, account)) == (1, 0)


def test_an_administrator_lists_and_ends_logins(yard: SignedOnYard, account: str) -> None:
    first, second = yard.log_in(account), yard.log_in(account)
    tokens = refresh_tokens(yard, account)
    with admin(yard) as http:
        listed = http.get("/logins", params={"user": account}).json()["logins"]
        newest = listed[0]["id"]
        ended = http.delete(f"/logins/{newest}").status_code
        again = http.delete(f"/logins/{newest}").status_code
        after = http.get("/logins", params={"user": account}).json()["logins"]
        (event,) = http.get("/audit", params={"kind": "login", "object": newest, "limit": 1}).json()["events"]  # fmt: skip

    assert [(row["user"], row["of"]) for row in listed] == [(account, "browser")] * 2
    assert (ended, again) == (204, 404)
    assert sorted((yard.who(first).status_code, yard.who(second).status_code)) == [200, 401]
    assert "the administrator 'admin' has ended it" in yard.who(second).text
    assert [bool(row.get("ended")) for row in after] == [True, False]
    assert (tokens, refresh_tokens(yard, account)) == (2, 1)
    assert event["verb"] == "delete"
    refused = httpx.get(f"{yard.lab.url}/api/v1/logins", headers=first, timeout=30)
    assert refused.status_code == 403


def refresh_tokens(yard: SignedOnYard, account: str) -> int:
    """Those that the provider keeps for an account."""
    rows = json.loads((yard.provider.folder / "store.json").read_text())
    kept = [row["payload"] for key, row in rows.items() if key.startswith("RefreshToken:")]
    return len([p for p in kept if p.get("accountId") == account and not p.get("consumed")])


def test_the_provider_may_change_its_keys(yard: SignedOnYard, account: str) -> None:
    login = yard.log_in(account)
    yard.provider.rotate()
    # One of the tries of the keys may be needed.
    yard.provider.account(account, preferred_username=account, groups=["leads"])

    eventually(lambda: yard.who(login).json().get("role") == "maintainer", what="a new token")
    assert yard.who(yard.log_in(account)).status_code == 200


def test_without_the_provider_logins_last_for_a_while_and_keys_for_ever(
    yard: SignedOnYard, account: str
) -> None:
    login = yard.log_in(account)
    yard.provider.stop()
    try:
        began = time.monotonic()
        warned = eventually(lambda: yard.who(login).json().get("warning"), what="a warning")
        over = eventually(
            lambda: (a := yard.who(login)).status_code == 503 and a, what="the end of the grace"
        )
        lasted = time.monotonic() - began
        with admin(yard) as http:
            assert http.get("/keys").status_code == 200
        start = httpx.get(f"{yard.lab.url}/api/v1/login/sso/start", timeout=30)
    finally:
        yard.provider.start()

    assert "has not answered since" in warned
    assert "keys open the gateway as before" in over.json()["detail"]
    assert lasted > GRACE_SECONDS
    # Discovery is known: the browser finds out by itself.
    assert start.status_code == 303
    eventually(lambda: yard.who(login).status_code == 200, what="the login after the outage")


def test_a_login_outlives_the_gateway_and_its_secrets_are_nowhere_in_clear(
    yard: SignedOnYard, account: str
) -> None:
    login = yard.log_in(account)
    yard.lab.stop()
    yard.lab.start()

    assert yard.who(login).json()["name"] == account
    rows = json.loads((yard.provider.folder / "store.json").read_text())
    tokens = [key.partition(":")[2] for key in rows if key.startswith("RefreshToken:")]
    said = [yard.lab.log.read_bytes()]
    said += [file.read_bytes() for file in (yard.lab.data / "db").glob("*.sqlite3*")]
    assert tokens
    for secret in (*tokens, yard.provider.secret):
        assert not any(secret.encode() in text for text in said)


def test_too_many_begun_logins_of_an_address_are_refused(yard: SignedOnYard) -> None:
    url = f"{yard.lab.url}/api/v1/login/sso/device/end"
    with httpx.Client(timeout=30) as http:
        codes = [http.post(url, json={"handle": "x"}).status_code for _ in range(120)]

    assert (codes[0], codes[-1]) == (403, 429)
    # Others in this file begin logins as well.
    eventually(
        lambda: httpx.get(f"{yard.lab.url}/api/v1/login/sso/start").status_code == 303,
        what="room for further logins",
    )
