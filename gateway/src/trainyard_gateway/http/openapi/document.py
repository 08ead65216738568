"""The OpenAPI description of the gateway's routes."""

from __future__ import annotations

import asyncio
from typing import Any

import orjson
from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from trainyard_api import names
from trainyard_api.code import CodeManifest
from trainyard_api.report import Batch, ModelReport, TreeReport
from trainyard_api.session.spec import TrainingSessionSpec
from trainyard_gateway.auth import login_cookies
from trainyard_gateway.events.session_row import SessionsEvent
from trainyard_gateway.http import problems
from trainyard_gateway.nodes.machine import Machine

_REFERENCE = "#/components/schemas/{model}"
_ABOUT = """Trains models on a Kubernetes cluster that a team shares: sessions, their queue, metrics and logs, datasets, models.

Every route but `/livez`, `/readyz` and those that begin single sign-on needs a key: `Authorization: Bearer <key>` or
`X-API-Key: <key>`. A browser may exchange its key for a cookie at `/api/v1/login`. Trainers' routes under `/api/v1/report` take the
pod's own token instead. Errors are RFC 9457 problems of one shape; wrong fields are listed in `errors`.
"""
_READS = {
    400: "What was sent cannot be understood",
    401: "No key, or one that is not valid",
    403: "The key lacks the scope",
    404: "Nothing of that name",
    408: "The request comes too slowly",
    413: "More bytes or JSON values than accepted",
    415: "A body of a kind that is not accepted",
    422: "Invalid values, listed by field",
    429: "Too many requests; Retry-After says when to come back",
    503: "The cluster or the database does not answer; try again",
}
_WRITES = _READS | {
    409: "The state of things does not allow it",
    507: "The volume is full",
}
_NAME = {
    "title": "Name",
    "description": "Name of the session. Default: run- and eight characters.",
    "type": "string",
    "pattern": names.SESSION_NAME_PATTERN,
}


_KEYED: list[dict[str, list[str]]] = [{"key": []}, {"keyHeader": []}, {"login": []}]


def document(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI description."""
    if app.openapi_schema is None:
        found = get_openapi(
            title=app.title, version=app.version, description=_ABOUT, routes=app.routes
        )
        _add_schemas(found)
        for path, item in found["paths"].items():
            for method, operation in item.items():
                _complete(operation, method, path)
        found["components"]["securitySchemes"] = {
            "key": {"type": "http", "scheme": "bearer", "description": "An API key"},
            "keyHeader": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
            "login": {
                "type": "apiKey",
                "in": "cookie",
                "name": login_cookies.NAME,
                "description": "The cookie of a login; an underscore and the installation's id follow",
            },
            "trainer": {"type": "http", "scheme": "bearer", "description": "A trainer pod's token"},
        }
        app.openapi_schema = found
    return app.openapi_schema


async def text_of(app: FastAPI) -> bytes:
    """The OpenAPI description as JSON, made once.

    Making it takes most of a second, so a thread does it while others are served.
    """
    making: asyncio.Future[bytes] | None = getattr(app.state, "description", None)
    if making is None:
        making = asyncio.ensure_future(asyncio.to_thread(lambda: orjson.dumps(document(app))))
        app.state.description = making
    # One caller that goes away ends the making for no other.
    return await asyncio.shield(making)


def _add_schemas(found: dict[str, Any]) -> None:
    """Models of bodies that the routes parse themselves."""
    models: list[type[BaseModel]] = [
        Batch, ModelReport, TreeReport, Machine, CodeManifest, TrainingSessionSpec, SessionsEvent,
    ]  # fmt: skip
    _, made = models_json_schema(
        [(model, "validation") for model in models], ref_template=_REFERENCE
    )
    schemas = found["components"]["schemas"]
    schemas |= {name: body for name, body in made["$defs"].items() if name not in schemas}
    spec = made["$defs"]["TrainingSessionSpec"]
    schemas["StartRequest"] = spec | {
        "title": "StartRequest",
        "description": "The fields of a TrainingSession's spec, and optionally a name.",
        "properties": {"name": _NAME, **spec["properties"]},
    }


def _complete(operation: dict[str, Any], method: str, path: str) -> None:
    trainers = path.startswith("/api/v1/report/")
    operation["security"] = [{"trainer": []}] if trainers else _KEYED
    if path.startswith("/api/v1/login/sso/"):
        operation["security"] = []
    errors = _READS if method == "get" else _WRITES
    body = {"schema": {"$ref": _REFERENCE.format(model="ProblemBody")}}
    for status, title in errors.items():
        operation["responses"][str(status)] = {
            "description": title,
            "content": {problems.MEDIA_TYPE: body},
        }
    operation["responses"] = dict(sorted(operation["responses"].items()))
    for response in operation["responses"].values():
        response.setdefault("headers", {})["X-Request-Id"] = {
            "description": "Id of the request, as in the log",
            "schema": {"type": "string"},
        }
