"""Logins without a browser: what the gateway accepts, and what it refuses."""

from __future__ import annotations

import httpx
import pytest
from gateway_lab import GatewayLab

pytestmark = pytest.mark.integration


@pytest.fixture
def cookie(lab: GatewayLab) -> dict[str, str]:
    answer = httpx.post(f"{lab.url}/api/v1/login", headers={"X-API-Key": lab.key})
    assert answer.status_code == 201
    return {"Cookie": answer.headers["Set-Cookie"].partition(";")[0]}


def own(lab: GatewayLab) -> dict[str, str]:
    return {"Origin": lab.url, "X-Trainyard-Request": "web"}


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 403),
        ({"Origin": "{own}"}, 403),
        ({"X-Trainyard-Request": "web"}, 403),
        ({"Origin": "http://other.example", "X-Trainyard-Request": "web"}, 403),
        ({"Origin": "null", "X-Trainyard-Request": "web"}, 403),
        ({"Origin": "{own}", "X-Trainyard-Request": "web", "Sec-Fetch-Site": "same-site"}, 403),
        ({"Origin": "{own}", "X-Trainyard-Request": "web", "Sec-Fetch-Site": "same-origin"}, 404),
        ({"Origin": "{own}", "X-Trainyard-Request": "web"}, 404),
    ],
    ids=[
        "nothing", "no header", "no origin", "another origin", "no origin's name", "another port",
        "our page", "our page in an old browser",
    ],
)  # fmt: skip
def test_only_our_page_changes_something_with_a_cookie(
    lab: GatewayLab, cookie: dict[str, str], headers: dict[str, str], status: int
) -> None:
    given = {name: value.replace("{own}", lab.url) for name, value in headers.items()}
    answer = httpx.post(
        f"{lab.url}/api/v1/training/nothing/stop", headers={**cookie, **given}, timeout=30
    )

    assert answer.status_code == status


def test_a_cookie_reads_and_is_told_who_it_is(lab: GatewayLab, cookie: dict[str, str]) -> None:
    told = httpx.get(f"{lab.url}/api/v1/login", headers=cookie).json()

    assert told["name"] == "admin"
    assert "keys:admin" in told["scopes"]
    assert told["expires"] > "2026"


def test_a_cookie_makes_no_other_one(lab: GatewayLab, cookie: dict[str, str]) -> None:
    answer = httpx.post(f"{lab.url}/api/v1/login", headers={**cookie, **own(lab)})

    assert (answer.status_code, "Set-Cookie" in answer.headers) == (400, False)


@pytest.mark.parametrize(
    "value",
    ["", "x", "admin.99999999999." + "0" * 32 + "." + "0" * 64],
    ids=["empty", "no login", "a wrong signature"],
)
def test_a_made_up_cookie_opens_nothing(
    lab: GatewayLab, cookie: dict[str, str], value: str
) -> None:
    name = cookie["Cookie"].partition("=")[0]
    answer = httpx.get(f"{lab.url}/api/v1/login", headers={"Cookie": f"{name}={value}"})

    assert answer.status_code == 401


@pytest.mark.parametrize(
    ("headers", "secure"),
    [({}, False), ({"Origin": "https://yard.example"}, True)],
    ids=["plain", "behind TLS"],
)
def test_a_cookie_behind_tls_is_secure(
    lab: GatewayLab, headers: dict[str, str], secure: bool
) -> None:
    given = {"X-API-Key": lab.key, **headers}
    cookie = httpx.post(f"{lab.url}/api/v1/login", headers=given).headers["Set-Cookie"]

    assert ("; Secure" in cookie, cookie.startswith("__Host-")) == (secure, secure)
    assert "; HttpOnly; SameSite=Strict" in cookie


def test_the_files_of_the_page_are_small_kept_and_open_to_nothing_else(lab: GatewayLab) -> None:
    packed = {"Accept-Encoding": "gzip"}
    with httpx.Client(base_url=lab.url, headers=packed) as bare:
        page = bare.get("/")
        paths = [part.split('"')[0] for part in page.text.split('="')[1:] if part.startswith("/")]
        assets = [bare.get(path) for path in paths]
        again = bare.get("/", headers={"If-None-Match": page.headers["ETag"]})
        elsewhere = [
            bare.get(path).status_code for path in ("/assets/", "/index.html", "/assets/x")
        ]
        posted = bare.post("/").status_code
    sizes = [int(answer.headers["Content-Length"]) for answer in [page, *assets]]

    assert len(assets) == 3
    assert sum(sizes) < 300_000
    assert {a.headers["Cache-Control"] for a in assets} == {"public, max-age=31536000, immutable"}
    assert (again.status_code, again.content) == (304, b"")
    assert (elsewhere, posted) == ([401, 401, 401], 401)
    assert "'unsafe" not in page.headers["Content-Security-Policy"]
