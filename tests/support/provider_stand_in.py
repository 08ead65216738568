"""A stand-in for an OpenID provider at this machine, which answers as a test says.

The real one is in identity_provider.py; this one fails in ways that a real one seldom does.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from joserfc import jwt
from joserfc.jwk import RSAKey

from trainyard_gateway.sso_settings import SsoSettings

FIRST, SECOND = (RSAKey.generate_key(2048, {"kid": kid}) for kid in ("one", "two"))


@dataclass
class Scripted:
    """A stand-in for a provider, which answers as a test says."""

    url: str = ""
    keys: list[Any] = field(default_factory=lambda: [FIRST])
    token: Any = None
    userinfo: dict[str, Any] = field(default_factory=dict)
    discovery: dict[str, Any] = field(default_factory=dict)
    asked: Counter[str] = field(default_factory=Counter)
    authorization: list[str | None] = field(default_factory=list)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """What is asked for by its path."""
        self.asked[request.path] += 1
        self.authorization.append(request.headers.get("Authorization"))
        known: dict[str, Any] = {
            "/.well-known/openid-configuration": {
                "issuer": self.url,
                "authorization_endpoint": f"{self.url}/auth",
                "token_endpoint": f"{self.url}/token",
                "jwks_uri": f"{self.url}/jwks",
                "userinfo_endpoint": f"{self.url}/me",
                **self.discovery,
            },
            "/jwks": {"keys": [key.as_dict(private=False) for key in self.keys]},
            "/me": self.userinfo,
        }
        if request.path in known:
            return web.json_response(known[request.path])
        if callable(self.token):
            found: web.StreamResponse = await self.token(request)
            return found
        status, body = self.token
        return web.json_response(body, status=status)


@asynccontextmanager
async def provider_stand_in() -> AsyncIterator[Scripted]:
    """One for the length of the block."""
    found = Scripted()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", found.answer)
    # A handler that a test lets wait is not waited for.
    runner = web.AppRunner(app, shutdown_timeout=0.5)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    found.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield found
    finally:
        await runner.cleanup()


def stand_in_settings(scripted: Scripted, **more: Any) -> SsoSettings:
    """The gateway's settings for it."""
    given = {"issuer": scripted.url, "client_id": "train yard", "public_url": "http://localhost"}
    return SsoSettings(**{**given, **more})


def id_token(scripted: Scripted, key: Any = FIRST, **more: Any) -> str:
    """An ID token of it."""
    now = int(time.time())
    claims = {"iss": scripted.url, "aud": "train yard", "sub": "u-1", "iat": now, "exp": now + 60}
    return jwt.encode({"alg": "RS256", "kid": key.kid}, {**claims, **more}, key)
