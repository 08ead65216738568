"""Cookies of browsers, whose pages may use them, and which sessions changed since when: pure decisions."""

from __future__ import annotations

from dataclasses import replace

import pytest

from trainyard_gateway.auth import login_cookies, same_origin
from trainyard_gateway.auth.keys import ADMIN
from trainyard_gateway.auth.login_cookies import LIFETIME_SECONDS, Login
from trainyard_gateway.auth.logins import MOST_ENDED, Logins
from trainyard_gateway.http.web_page import WebFile, accepts_gzip, answer

KEY = login_cookies.signing_key("digest")
LOGIN = Login("a1B2c3D4", 1_000, "0" * 32)


NAME = login_cookies.name_of(KEY)


def header(value: str) -> str:
    return f"other=1; {NAME}={value}"


def test_a_cookie_says_who_until_when() -> None:
    assert login_cookies.read(login_cookies.written(LOGIN, KEY), KEY, now=999) == LOGIN


@pytest.mark.parametrize(
    "change",
    [{"key_id": "a1B2c3D5"}, {"expires": 1_001}, {"number": "1" + "0" * 31}],
    ids=["key", "expiry", "number"],
)
def test_nothing_in_a_cookie_can_be_changed(change: dict[str, object]) -> None:
    signature = login_cookies.written(LOGIN, KEY).rpartition(".")[2]
    changed = login_cookies.written(replace(LOGIN, **change), KEY).rpartition(".")[0]  # type: ignore[arg-type]  # of a table

    assert login_cookies.read(f"{changed}.{signature}", KEY, now=0) is None


@pytest.mark.parametrize(
    ("key", "now"),
    [(login_cookies.signing_key("another"), 0.0), (KEY, 1_000.0)],
    ids=["another administrator's key", "over"],
)
def test_a_cookie_ends(key: bytes, now: float) -> None:
    assert login_cookies.read(login_cookies.written(LOGIN, KEY), key, now) is None


def test_a_login_holds_after_a_restart_until_its_end_or_a_logout() -> None:
    time = [0.0]
    _, value = Logins("digest", lambda: time[0]).begin(ADMIN)
    logins = Logins("digest", lambda: time[0])
    found = logins.read(header(value))
    assert found is not None
    time[0] = LIFETIME_SECONDS - 1
    assert logins.read(header(value)) == found

    logins.end(found)
    assert logins.read(header(value)) is None


def test_the_memory_of_logouts_is_bounded() -> None:
    logins = Logins("digest", lambda: 0.0)
    _, value = logins.begin(ADMIN)
    last = logins.read(header(value))
    assert last is not None
    for number in range(MOST_ENDED + 5):
        logins.end(replace(last, number=f"{number:032x}"))
    logins.end(last)

    assert logins.read(header(value)) is None


@pytest.mark.parametrize(
    "cookie",
    ["", NAME, f"{NAME}=" + "x" * 10_000, "a=b; c", "\x00=\xff", f"x{NAME}=1", "; ;=;=="],
    ids=["empty", "no value", "long", "others", "no text", "another name", "signs"],
)
def test_any_header_is_read_without_an_error(cookie: str) -> None:
    assert Logins("digest").read(cookie) is None


@pytest.mark.parametrize(
    "other",
    ['jupyter="2|1:0|10:17"', 'seen={"a": 1, "b": [2]}', "a b", "=", 'open="', "ü=1", "x=y=z"],
    ids=["quotes", "JSON", "no value", "nothing", "an open quote", "letters", "two equal signs"],
)
def test_cookies_of_other_programs_of_the_host_are_in_nobodys_way(other: str) -> None:
    logins = Logins("digest")
    login, value = logins.begin(ADMIN)

    assert logins.read(f"{other}; {NAME}={value}; {other}") == login


def test_two_gateways_of_a_host_have_two_cookies() -> None:
    one, two = Logins("digest"), Logins("another")
    (login, value), (_, second) = one.begin(ADMIN), two.begin(ADMIN)

    assert one.read(f"{two.name}={second}; {one.name}={value}") == login
    assert not one.is_in(f"{two.name}={second}")


def test_the_cookie_of_this_host_comes_before_that_of_a_parent_domain() -> None:
    both = f"{NAME}=planted; {login_cookies.SECURE_PREFIX}{NAME}=ours"

    assert login_cookies.cookie_of(both, NAME) == "ours"


OWN = {"host": "yard:8080", "origin": "http://yard:8080", same_origin.OWN_HEADER: "web"}


@pytest.mark.parametrize(
    ("method", "change", "own"),
    [
        ("POST", {}, True),
        ("POST", {"sec-fetch-site": "same-origin"}, True),
        ("POST", {"sec-fetch-site": "same-origin", "host": "inside"}, True),
        ("POST", {"sec-fetch-site": "none"}, False),
        ("POST", {"sec-fetch-site": "same-site"}, False),
        ("DELETE", {"origin": "http://yard:9090"}, False),
        ("DELETE", {"origin": "http://yard:8080.evil"}, False),
        ("PATCH", {"origin": "null"}, False),
        ("PATCH", {"origin": "http://["}, False),
        ("PUT", {"origin": "https://YARD:8080"}, True),
        ("PUT", {"origin": "", "host": ""}, False),
        ("GET", {"origin": ""}, True),
        ("GET", {"sec-fetch-site": "none"}, True),
        ("HEAD", {"sec-fetch-site": "cross-site"}, False),
    ],
    ids=[
        "our page", "our page in a new browser", "behind a proxy that names another host",
        "an address bar that posts", "another port",
        "another origin", "a longer host", "no origin's name", "no URL", "behind TLS", "no host",
        "a read", "a read from the address bar", "a read from elsewhere",
    ],
)  # fmt: skip
def test_whose_requests_a_cookie_is_for(method: str, change: dict[str, str], own: bool) -> None:
    assert same_origin.is_own(method, {**OWN, **change}) is own


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_a_change_needs_the_header(method: str) -> None:
    assert not same_origin.is_own(method, {"host": "yard", "origin": "http://yard"})


FILE = WebFile(b"content", b"packed", "tag", "text/css", "no-cache")


@pytest.mark.parametrize(
    ("headers", "status", "body"),
    [
        ({}, 200, b"content"),
        ({"accept-encoding": "br, gzip"}, 200, b"packed"),
        ({"accept-encoding": "gzip;q=0"}, 200, b"content"),
        ({"if-none-match": '"tag"'}, 304, b""),
        ({"if-none-match": 'W/"tag-gzip", "x"', "accept-encoding": "gzip"}, 304, b""),
        ({"if-none-match": '"tag"', "accept-encoding": "gzip"}, 200, b"packed"),
    ],
    ids=["plain", "packed", "packed is refused", "known", "known weakly", "known in another form"],
)
def test_a_file_is_sent_once(headers: dict[str, str], status: int, body: bytes) -> None:
    sent = answer(FILE, headers)

    assert (sent.status_code, sent.body) == (status, body)


@pytest.mark.parametrize(
    ("header", "accepted"),
    [("*", True), ("identity", False), ("", False), ("GZIP ; q=0.5", True)],
    ids=["any", "none", "empty", "weighted"],
)
def test_what_accepts_gzip(header: str, accepted: bool) -> None:
    assert accepts_gzip(header) is accepted
