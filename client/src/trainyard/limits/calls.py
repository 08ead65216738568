"""The endpoints of limits as values. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from trainyard.calls import Call
from trainyard.limits.answers import Limit, Limits
from trainyard_api.model import OpenModel

_LIMITS = "/limits"


def limits() -> Call[Limits]:
    """GET /limits."""
    return Call("GET", _LIMITS, Limits)


def limit(whose: str, name: str) -> Call[Limit]:
    """GET /limits/{kind}/{name}."""
    return Call("GET", _path(whose, name), Limit)


def put(whose: str, name: str, spec: Mapping[str, Any]) -> Call[Limit]:
    """PUT /limits/{kind}/{name}."""
    return Call("PUT", _path(whose, name), Limit, body=dict(spec))


def remove(whose: str, name: str) -> Call[OpenModel]:
    """DELETE /limits/{kind}/{name}."""
    return Call("DELETE", _path(whose, name), None)


def _path(whose: str, name: str) -> str:
    return f"{_LIMITS}/{quote(whose, safe='')}/{quote(name, safe='')}"
