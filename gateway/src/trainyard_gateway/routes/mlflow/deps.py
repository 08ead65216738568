"""What the routes of MLflow's protocol declare that they need."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated, Any, TypeVar, get_origin

import orjson
from fastapi import Depends, Request, Response
from pydantic import BaseModel, ValidationError

from trainyard_api.model import field_errors
from trainyard_api.rights.owner import Role, User
from trainyard_gateway.auth.keys import Scope
from trainyard_gateway.errors import BadRequest, NotFound, NotPermitted, Unavailable
from trainyard_gateway.http.policy import MLFLOW_BODY, RouterPolicy
from trainyard_gateway.mlflow.door import MlflowDoor
from trainyard_gateway.mlflow.visitor import OF_PODS, Visitor
from trainyard_gateway.mlflow.wire.errors import ROOT
from trainyard_gateway.rights.users import Users
from trainyard_gateway.routes.deps import services_of
from trainyard_gateway.sessions.cache import SessionCache
from trainyard_gateway.sessions.info import owned

T = TypeVar("T", bound=BaseModel)

POLICY = RouterPolicy(body=MLFLOW_BODY, pods=True, basic=True)
API = f"{ROOT}/api/2.0/mlflow"
_MOST_ERRORS = 5


async def _door(request: Request) -> MlflowDoor:
    return services_of(request).mlflow


DoorDep = Annotated[MlflowDoor, Depends(_door)]


async def visitor_of(request: Request) -> Visitor:
    """Who asks: the key that the middleware has verified, or a pod, verified here."""
    visitor = await _visitor(request)
    request.state.visitor = visitor
    return visitor


async def _visitor(request: Request) -> Visitor:
    caller = getattr(request.state, "caller", None)
    if caller is not None:
        return Visitor(caller.name, caller.scopes, user=caller.user)
    trainer = await services_of(request).tokens.trainer(request.scope)
    if trainer.stream is not None:
        raise NotPermitted("this token reports lines of the log only")
    services = services_of(request)
    user = await user_of_pod(services.cache, services.users, trainer.session_uid)
    return Visitor("", OF_PODS, trainer.session_uid, trainer.attempt, user)


async def user_of_pod(cache: SessionCache, users: Users, uid: str) -> User:
    """The user of a pod's session, also of one that is gone. Raises Unavailable for an unknown."""
    live = cache.get(uid)
    if live is not None:
        return users.of(owned(live).user or "")
    try:
        past = await cache.find(uid)
    except NotFound:
        past = None
    if past is None or past.uid != uid:
        raise Unavailable("the session of this pod is not known here; try again")
    return cache.user_of(past)


def visitor_with(scope: Scope) -> Callable[[Request], Awaitable[Visitor]]:
    """A dependency: the caller may do this."""

    async def allowed(request: Request) -> Visitor:
        found = await visitor_of(request)
        found.require(scope)
        return found

    return allowed


VisitorDep = Annotated[Visitor, Depends(visitor_of)]
"""Any caller; the operation looks at the scopes."""
ReaderDep = Annotated[Visitor, Depends(visitor_with(Scope.SESSIONS_READ))]
WriterDep = Annotated[Visitor, Depends(visitor_with(Scope.SESSIONS_WRITE))]

ModelReaderDep = Annotated[Visitor, Depends(visitor_with(Scope.MODELS_READ))]
ModelWriterDep = Annotated[Visitor, Depends(visitor_with(Scope.MODELS_WRITE))]

READER = Depends(visitor_with(Scope.SESSIONS_READ))
"""For `dependencies=[…]` of a route that needs no more of its caller."""
CALLER = Depends(visitor_of)
"""For `dependencies=[…]` of a route that any caller may use."""


async def _owner(request: Request) -> Visitor:
    found = await visitor_of(request)
    found.require(Scope.SESSIONS_WRITE)
    if found.session_uid is not None:
        raise NotPermitted("the program of a session may not change experiments; an API key may")
    if found.user.role not in (Role.MAINTAINER, Role.ADMINISTRATOR):
        raise NotPermitted(
            f"user {found.name!r} is a {found.user.role}; experiments hold runs of several users, and"
            " maintainers change them"
        )
    return found


OWNER = Depends(_owner)
"""The caller may change what belongs to all: the owner of a key, and no pod."""
OwnerDep = Annotated[Visitor, OWNER]
"""The same, for an operation that looks further at the caller's rights."""


async def asked(request: Request, kind: type[T]) -> T:
    """The request as a model: of its query for GET, else of its JSON. Raises BadRequest."""
    if request.method != "GET":
        request.state.asked = found = parsed(await request.body(), kind)
        return found
    try:
        return kind.model_validate(_query(request, kind))
    except ValidationError as error:
        raise _refused(error, kind) from error


def parsed(body: bytes, kind: type[T]) -> T:
    """A request's JSON as a model. Raises BadRequest."""
    try:
        return kind.model_validate_json(body or b"{}")
    except ValidationError as error:
        raise _refused(error, kind) from error


def _refused(error: ValidationError, kind: type[BaseModel]) -> BadRequest:
    text = "; ".join(
        f"Invalid value{f' {w.given}' if w.given else ''} for parameter '{w.field}' supplied: {w.message}"
        for w in field_errors(error, kind, _MOST_ERRORS)
    )
    return BadRequest(text)


def _query(request: Request, kind: type[BaseModel]) -> dict[str, Any]:
    """Query parameters; one that comes several times is a list, and so is one of a list field."""
    found: dict[str, Any] = {}
    for key in request.query_params:
        values = request.query_params.getlist(key)
        field = kind.model_fields.get(key)
        is_list = field is not None and get_origin(field.annotation) is list
        found[key] = values if len(values) > 1 or is_list else values[0]
    return found


def answered(content: Any) -> Response:
    """A response in JSON."""
    body = content if isinstance(content, bytes) else orjson.dumps(content)
    return Response(body, media_type="application/json")
