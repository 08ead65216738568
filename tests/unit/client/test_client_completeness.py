"""Both clients have every call, and every endpoint that people may use has one."""

from __future__ import annotations

import inspect
import json
import re
from pathlib import Path
from typing import Any

import httpx
import pytest

from trainyard import calls
from trainyard.audit import calls as audit_calls
from trainyard.audit.async_audit import AsyncAudit
from trainyard.audit.sync_audit import Audit
from trainyard.calls import Call
from trainyard.client import AsyncClient, Client
from trainyard.code import calls as code_calls
from trainyard.code.async_code import AsyncCode
from trainyard.code.sync_code import Code
from trainyard.files import calls as file_calls
from trainyard.files.async_files import AsyncFiles
from trainyard.files.sync_files import Files
from trainyard.limits import calls as limit_calls
from trainyard.limits.async_limits import AsyncLimits
from trainyard.limits.sync_limits import Limits
from trainyard.logins import calls as login_calls
from trainyard.logins.async_logins import AsyncLogins
from trainyard.logins.sync_logins import Logins
from trainyard.notices import calls as notice_calls
from trainyard.notices.async_notices import AsyncNotices
from trainyard.notices.sync_notices import Notices
from trainyard.owners import calls as owner_calls
from trainyard.owners.async_owners import AsyncOwners
from trainyard.owners.sync_owners import Owners
from trainyard.trees import calls as tree_calls
from trainyard.trees.async_trees import AsyncTrees
from trainyard.trees.sync_trees import Trees

OPENAPI = Path(__file__).resolve().parents[3] / "docs" / "openapi.json"
GIVEN = {
    "session": "s", "name": "n", "key": "k", "verb": "stop", "value": 1, "spec": {}, "filename": "f", "version": 1,
    "scopes": ("s",), "expires_in_seconds": 1, "dry_run": False, "idempotency_key": None, "phase": None, "limit": 1,
    "cursor": None, "history": False, "names": (), "by_epoch": False, "max_points": 4, "after": 0, "tail": False,
    "choices": {}, "changes": {}, "revision": None, "size": 1, "part_bytes": 1, "upload": "u", "number": 1,
    "manifest": {}, "sha256": "0", "bundle": "b", "path": "p",
    "id": "r", "by": ("user",), "notice": "msg", "url": "u", "rules": (), "sessions": "own", "state": None, "handle": "h",
    "whose": "team", "team": "t", "body": {}, "times": None, "filters": {},
}  # fmt: skip
OF_BROWSERS = {
    ("POST", "/login"),
    ("GET", "/login"),
    ("GET", "/login/sso/offer"),
    ("GET", "/login/sso/start"),
    ("GET", "/login/sso/callback"),
    ("GET", "/training/events"),
}
"""What only the web page needs: cookies, and the rows of its table."""
BY_REST = {
    ("GET", "/users/{}"),
    ("GET", "/teams/{}"),
}
"""Neither client has calls for these: the lists have each user and team."""
SEVERAL = {
    "verb": ("stop", "suspend", "resume"),
    "kind": ("datasets", "models"),
    "of": ("session", "dataset", "model"),
}


def public(kind: type) -> dict[str, list[str]]:
    """Methods and their parameters."""
    return {
        name: list(inspect.signature(member).parameters)
        for name, member in inspect.getmembers(kind, inspect.isfunction)
        if not name.startswith("_")
    }


def every_call() -> list[Call[object]]:
    made = []
    functions = [
        function
        for module in (
            audit_calls,
            calls,
            code_calls,
            file_calls,
            limit_calls,
            login_calls,
            notice_calls,
            owner_calls,
            tree_calls,
        )
        for _, function in inspect.getmembers(module, inspect.isfunction)
        if function.__module__ == module.__name__
        and not function.__name__.startswith("_")
        and "Call[" in str(function.__annotations__["return"])
    ]
    for function in functions:
        arguments = {p: GIVEN.get(p) for p in inspect.signature(function).parameters}
        for name, values in SEVERAL.items():
            if name in arguments:
                made += [function(**{**arguments, name: value}) for value in values]
                break
        else:
            made.append(function(**arguments))
    return made


def test_both_clients_have_the_same_methods_with_the_same_parameters() -> None:
    assert public(Client) == public(AsyncClient)
    assert public(Audit) == public(AsyncAudit)
    assert public(Code) == public(AsyncCode)
    assert public(Files) == public(AsyncFiles)
    assert public(Logins) == public(AsyncLogins)
    assert public(Owners) == public(AsyncOwners)
    assert public(Limits) == public(AsyncLimits)
    assert public(Notices) == public(AsyncNotices)
    assert public(Trees) == public(AsyncTrees)
    assert list(inspect.signature(Client).parameters) == list(
        inspect.signature(AsyncClient).parameters
    )


def test_every_endpoint_for_people_has_a_call() -> None:
    described = (
        {
            (method.upper(), re.sub(r"\{.*?\}", "{}", path.removeprefix("/api/v1")))
            for path, methods in json.loads(OPENAPI.read_text())["paths"].items()
            for method in methods
            if path.startswith("/api/v1/") and not path.startswith("/api/v1/report")
        }
        - OF_BROWSERS
        - BY_REST
    )
    patterns = {
        (method, path): re.compile(path.replace("{}", "[^/]+")) for method, path in described
    }
    called = [(c.method, c.path) for c in every_call()]

    missing = {
        endpoint
        for endpoint, pattern in patterns.items()
        if not any(m == endpoint[0] and pattern.fullmatch(p) for m, p in called)
    }
    assert missing == set()
    unknown = [
        (m, p)
        for m, p in called
        if not any(m == e[0] and pattern.fullmatch(p) for e, pattern in patterns.items())
    ]
    assert unknown == []


async def test_both_clients_raise_the_error_and_report_every_response() -> None:
    from trainyard.errors import NotFound

    def answer(request: httpx.Request) -> httpx.Response:
        assert request.headers["Authorization"] == "Bearer k"
        return httpx.Response(404, json={"detail": f"no {request.url.path}"})

    transport = httpx.MockTransport(answer)
    seen: list[int] = []
    options: Any = {"transport": transport, "on_response": lambda r: seen.append(r.status_code)}
    with (
        Client("http://h", "k", **options) as client,
        pytest.raises(NotFound, match="no /api/v1/training/s/status"),
    ):
        client.status("s")
    async with AsyncClient("http://h", "k", **options) as client_too:
        with pytest.raises(NotFound, match="no /api/v1/models/m/versions"):
            await client_too.versions("m")
    assert seen == [404, 404]
