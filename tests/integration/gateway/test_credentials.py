"""Every route × every method × twelve kinds of credential: nobody comes in without the right key."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from fastapi.routing import APIRoute
from gateway_lab import GatewayFactory, GatewayLab
from poll import eventually

from trainyard_gateway.app import MODULES, PREFIX, described
from trainyard_gateway.auth.keys import Scope
from trainyard_gateway.http.openapi.document import document
from trainyard_gateway.routes import report
from trainyard_gateway.routes.access import login
from trainyard_gateway.routes.deps import scope_of

pytestmark = pytest.mark.integration

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


@dataclass(frozen=True)
class Route:
    """One method at one path."""

    method: str
    path: str
    scope: Scope | None

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


ROUTES = [
    Route(method, PREFIX + route.path_format, scope_of(route))
    for module in MODULES
    for route in module.router.routes
    if isinstance(route, APIRoute)
    for method in sorted(route.methods)
]
REPORTS = f"{PREFIX}{report.router.prefix}/"
LOGIN = f"{PREFIX}{login.router.prefix}"
KEYED = [route for route in ROUTES if not route.path.startswith((REPORTS, LOGIN))]
SIGN_ON = [route for route in ROUTES if route.path.startswith(f"{LOGIN}/sso/")]
LOGINS = [route for route in ROUTES if route.path == LOGIN]


def test_the_routes_are_the_documented_ones() -> None:
    """So that nothing is left out of the tests below."""
    found = document(described())["paths"]
    documented = {(method.upper(), path) for path, item in found.items() for method in item}

    assert {(r.method, r.path) for r in ROUTES} == documented
    assert len(ROUTES) > 25


@pytest.fixture(scope="module")
def bare(lab: GatewayLab) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=lab.url, timeout=30) as http:
        yield http


def make(http: httpx.Client, *scopes: str, **more: object) -> dict[str, str]:
    # Users of keys for administrators are administrators.
    name = "test-root" if Scope.KEYS_ADMIN in scopes else "test"
    body = {"name": name, "scopes": list(scopes), **more}
    answer = http.post("/keys", json=body)
    answer.raise_for_status()
    made: dict[str, str] = answer.json()
    return made


Sent = dict[str, Any]
"""What of a request carries the credential: arguments of httpx."""


@pytest.fixture(scope="module")
def refused(lab: GatewayLab, http: httpx.Client) -> dict[str, Sent]:
    """Credentials that open nothing."""
    good = make(http, *Scope)["key"]
    revoked = make(http, *Scope)
    http.delete(f"/keys/{revoked['id']}").raise_for_status()
    expired = make(http, *Scope, expiresInSeconds=1)["key"]
    probe = {"headers": {"X-API-Key": expired}}
    eventually(lambda: httpx.get(f"{lab.url}/api/v1/keys", **probe).status_code == 401)
    token = lab.new_trainer().token
    swapped = "0" if good[-1] != "0" else "1"
    return {
        "none": {},
        "empty": {"headers": {"X-API-Key": ""}},
        "unknown": {"headers": {"X-API-Key": "some-key-that-nobody-has"}},
        "unknown bearer": {"headers": {"Authorization": "Bearer some-key-that-nobody-has"}},
        "another scheme": {"headers": {"Authorization": f"Basic {good}"}},
        "a typing error": {"headers": {"X-API-Key": good[:-1] + swapped}},
        "another's secret": {"headers": {"X-API-Key": good[:11] + revoked["key"][11:]}},
        "revoked": {"headers": {"Authorization": f"Bearer {revoked['key']}"}},
        "expired": probe,
        "in query and cookie": {
            "params": {"X-API-Key": good, "api_key": good, "access_token": good},
            "headers": {"Cookie": f"X-API-Key={good}; access_token={good}"},
        },
        "a trainer's token": {"headers": {"Authorization": f"Bearer {token}"}},
        "two at once": {"headers": [("X-API-Key", good), ("Authorization", f"Bearer {good}")]},
    }


def path_of(route: Route) -> str:
    return re.sub(r"{[^}]+}", "1", route.path)


def send(bare: httpx.Client, method: str, route: Route, **sent: Any) -> httpx.Response:
    return bare.request(method, path_of(route), content=b"{}", **sent)


def status_of(bare: httpx.Client, route: Route, headers: dict[str, str]) -> int:
    """The status alone: the body of a stream has no end."""
    path = path_of(route)
    with bare.stream(route.method, path, content=b"{}", headers=headers) as answer:
        return answer.status_code


@pytest.fixture(scope="module")
def patience(http: httpx.Client) -> Callable[[], None]:
    """A right key clears the slate of the address, so that refusals stay 401 and do not become 429."""
    return lambda: http.get("/keys").raise_for_status()  # type: ignore[func-returns-value]


@pytest.mark.parametrize("route", SIGN_ON, ids=str)
def test_the_routes_that_begin_single_sign_on_open_nothing_without_it(
    bare: httpx.Client, route: Route
) -> None:
    """They need no key. What they do with a provider is in test_single_sign_on.py."""
    answer = bare.request(route.method, route.path, json={"handle": "x"})

    assert "set-cookie" not in answer.headers
    if route.path.endswith("/offer"):
        assert (answer.status_code, answer.json()["name"]) == (200, None)
    else:
        assert answer.status_code == 404
        assert "no single sign-on" in answer.json()["detail"]


@pytest.mark.parametrize("route", [r for r in ROUTES if r not in SIGN_ON], ids=str)
def test_every_method_of_every_route_is_closed(
    bare: httpx.Client,
    refused: dict[str, Sent],
    patience: Callable[[], None],
    route: Route,
) -> None:
    trainers = route.path.startswith(REPORTS)
    for method in METHODS:
        patience()
        for kind, sent in refused.items():
            if trainers and kind in ("a trainer's token", "two at once"):
                continue
            answer = send(bare, method, route, **sent)
            wanted = {400} if kind == "two at once" else {401}
            if kind in ("another's secret", "revoked", "expired"):
                # Failures with the id of a key have a counter of their own.
                wanted.add(429)
            if trainers:
                # Trainers' routes know no keys; a method that is not theirs is refused before any token is asked for.
                wanted = {401, 404, 405, 429}
            assert answer.status_code in wanted, (method, route.path, kind, answer.text)
            assert answer.headers["x-request-id"]


@pytest.mark.parametrize("route", KEYED, ids=str)
def test_a_key_opens_what_its_scope_says_and_nothing_else(
    http: httpx.Client, bare: httpx.Client, route: Route
) -> None:
    needed = route.scope
    assert needed is not None, f"{route.path} declares no scope"
    only = make(http, needed)["key"]
    without = make(http, *(s for s in Scope if s != needed))["key"]

    closed = send(bare, route.method, route, headers={"X-API-Key": without})
    opened = status_of(bare, route, {"Authorization": f"Bearer {only}"})

    assert closed.status_code == 403
    assert needed in closed.json()["detail"]
    assert opened not in (401, 403, 500)


@pytest.mark.parametrize("route", LOGINS, ids=str)
def test_a_login_needs_a_key_of_any_scope(
    http: httpx.Client, bare: httpx.Client, route: Route
) -> None:
    key = make(http, "models:read")["key"]

    assert route.scope is None
    assert status_of(bare, route, {"X-API-Key": key}) in (200, 201, 204)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    "path",
    ["/docs", "/index.html", "/assets/", "/openapi.json", "/api/v1", "/api/v1/nothing", "//api"],
)
def test_paths_that_are_not_there_are_closed_too(
    bare: httpx.Client, patience: Callable[[], None], path: str, method: str
) -> None:
    patience()

    # As it is: httpx would take what follows two slashes for a host.
    url = bare.base_url.copy_with(raw_path=path.encode())
    assert bare.request(method, url).status_code == 401


@pytest.mark.parametrize("method", sorted(set(METHODS) - {"GET", "HEAD"}))
def test_the_page_is_open_to_be_read_only(
    bare: httpx.Client, patience: Callable[[], None], method: str
) -> None:
    patience()

    assert (bare.get("/").status_code, bare.request(method, "/").status_code) == (200, 401)


def test_the_probes_are_open_and_say_nothing(bare: httpx.Client) -> None:
    assert bare.get("/livez").json() == {"status": "ok"}
    assert bare.get("/readyz").json() == {"status": "ok"}


def test_a_secret_is_shown_once_and_stored_nowhere(lab: GatewayLab, http: httpx.Client) -> None:
    made = make(http, "models:read")
    secret = made["key"].rpartition("_")[2]

    listed = http.get("/keys").text
    one = http.get(f"/keys/{made['id']}").json()

    assert secret not in listed
    assert (one["name"], one["scopes"]) == ("test", ["models:read"])
    assert "key" not in one
    files = [p for p in (lab.data / "db").iterdir() if p.is_file()]
    assert all(secret[:43].encode() not in p.read_bytes() for p in files)
    assert secret not in lab.log.read_text()


def test_guessing_is_slowed_down_and_locks_nobody_out(
    http: httpx.Client, bare: httpx.Client, patience: Callable[[], None]
) -> None:
    patience()
    answers = [bare.get("/api/v1/keys", headers={"X-API-Key": f"guess-{n}"}) for n in range(40)]

    assert {a.status_code for a in answers[:20]} == {401}
    assert answers[-1].status_code == 429
    assert int(answers[-1].headers["retry-after"]) >= 1
    assert http.get("/keys").status_code == 200


def test_keys_that_make_no_sense_are_refused(http: httpx.Client) -> None:
    wrong = [
        {"name": "", "scopes": ["keys:admin"]},
        {"name": "a", "scopes": []},
        {"name": "a", "scopes": ["everything"]},
        {"name": "a", "scopes": ["keys:admin"], "expiresInSeconds": 0},
        {"name": "a", "scopes": ["keys:admin"], "secret": "mine"},
    ]

    assert [http.post("/keys", json=body).status_code for body in wrong] == [422] * 5
    assert http.get("/keys/absent").status_code == 404
    assert http.delete("/keys/absent").status_code == 404


def test_a_key_that_asks_too_often_is_told_when_to_come_back(
    gateway_factory: GatewayFactory,
) -> None:
    lab = gateway_factory(requests_per_second="5")
    with lab.http() as http:
        answers = [http.get("/keys") for _ in range(30)]
        other = httpx.get(f"{lab.url}/livez")

    refused = [a for a in answers if a.status_code == 429]
    assert [a.status_code for a in answers[:10]] == [200] * 10
    assert refused
    assert {a.headers["retry-after"] for a in refused} == {"1"}
    assert refused[0].json()["title"] == "Too many requests"
    assert other.status_code == 200
