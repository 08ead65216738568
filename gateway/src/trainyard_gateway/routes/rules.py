"""The rule of each route: of which object it is, and what the caller must be allowed to do with it.

`tests/integration/gateway/test_rights_matrix.py` finds them here; it fails for a route without one.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated, Any

from fastapi import Depends, Query, Request

from trainyard_api.rights.decision import Verb
from trainyard_api.rights.owner import Visibility
from trainyard_api.visible_text import visible
from trainyard_gateway.auth.keys import Caller
from trainyard_gateway.code.bundles import missing_bundle
from trainyard_gateway.code.folders import is_name
from trainyard_gateway.errors import NotFound
from trainyard_gateway.registry import datasets, models
from trainyard_gateway.rights.asking import new_owner
from trainyard_gateway.rights.sharing import Sharing
from trainyard_gateway.routes.deps import ServicesDep, caller, services_of
from trainyard_gateway.sessions.cache import absent
from trainyard_gateway.sessions.info import SessionInfo
from trainyard_gateway.store.access.owners import Kind

_PARAMETERS = {
    Kind.DATASET: "name",
    Kind.MODEL: "name",
    Kind.UPLOAD: "upload",
    Kind.RUN: "id",
}


class Rule:
    """What a route asks before it acts."""

    def __init__(self, verb: Verb, *kinds: Kind) -> None:
        self.verb, self.kinds = verb, kinds

    __call__: Callable[..., Awaitable[object]]
    """As FastAPI calls a dependency."""


class OfSession(Rule):
    """A dependency: the session in the path, with which the caller may do that."""

    def __init__(self, verb: Verb) -> None:
        super().__init__(verb, Kind.SESSION)

    async def __call__(self, request: Request, services: ServicesDep, session: str) -> SessionInfo:
        """The session. Raises NotFound and NotPermitted."""
        found = await services.cache.find(session)
        request.state.audited = (found.name, found.uid)
        user = (await caller(request)).user
        services.rights.require_session(user, self.verb, found, absent(session))
        return found


class OfObject(Rule):
    """A dependency: the caller may do that with the object in the path."""

    def __init__(self, verb: Verb, kind: Kind) -> None:
        super().__init__(verb, kind)

    async def __call__(self, request: Request) -> None:
        """Raises NotFound and NotPermitted."""
        kind = self.kinds[0]
        id = str(request.path_params[_PARAMETERS[kind]])
        if len(id) > _LONGEST or "\0" in id:
            return  # No object has such a name: the route says so.
        gone = _absent(kind, id)
        user = (await caller(request)).user
        await services_of(request).rights.require(user, self.verb, kind, id, gone)


class OfBundle(Rule):
    """A dependency: the bundle of code in the path is one that the caller may read."""

    def __init__(self) -> None:
        super().__init__(Verb.GET, Kind.BUNDLE)

    async def __call__(self, request: Request) -> None:
        """Raises NotFound."""
        bundle = str(request.path_params["bundle"])
        user = (await caller(request)).user
        if is_name(bundle) and not await services_of(request).rights.sees_bundle(user, bundle):
            raise missing_bundle(bundle)


_LONGEST = 128


def _absent(kind: Kind, id: str) -> NotFound:
    """The words of what is not there, which are those of what may not be seen."""
    if kind == Kind.DATASET:
        return datasets.absent(id)
    if kind == Kind.MODEL:
        return models.absent(id)
    if kind == Kind.UPLOAD:
        return NotFound(f"there is no upload {visible(id)[:40]!r}; begin a new one")
    return NotFound(f"there is no {kind.value} {visible(id)[:64]!r}; GET /api/v1/runs lists them")


class Makes(Rule):
    """A dependency: the caller may make objects. The route asks for the team that gets it."""

    def __init__(self, kind: Kind) -> None:
        super().__init__(Verb.CREATE, kind)

    async def __call__(self, request: Request) -> None:
        """Raises NotPermitted for a viewer."""
        found: Caller = await caller(request)
        new_owner(found.user, self.kinds[0])


class Lists(Rule):
    """A dependency: the route leaves out what the caller may not see."""

    def __init__(self, *kinds: Kind) -> None:
        super().__init__(Verb.GET, *kinds)

    async def __call__(self) -> None:
        """Nothing: the route filters."""


TeamQuery = Annotated[str | None, Query(min_length=1, max_length=63)]
"""A team in the query."""


class OfTeam(Rule):
    """A dependency: the caller may do that for the team in the query; without one, for the caller.

    A maintainer of a team changes what belongs to the team itself, and every user of it reads it.
    """

    def __init__(self, verb: Verb) -> None:
        super().__init__(verb)

    async def __call__(
        self, request: Request, services: ServicesDep, team: TeamQuery = None
    ) -> None:
        """Raises NotPermitted, and Unprocessable for a team that is not there."""
        if team is not None:
            services.rights.require_team((await caller(request)).user, self.verb, team)


class NoObject(Rule):
    """A dependency: the route is about nothing that has an owner, or only about the caller."""

    def __init__(self) -> None:
        super().__init__(Verb.GET)

    async def __call__(self) -> None:
        """Nothing: the scope decides."""


ReadSessionDep = Annotated[SessionInfo, Depends(OfSession(Verb.GET))]
"""The session in the path, which the caller may read."""
ChangeSessionDep = Annotated[SessionInfo, Depends(OfSession(Verb.UPDATE))]
"""The session in the path, which the caller may change."""


async def _sharing(
    team: Annotated[str | None, Query(min_length=1, max_length=63)] = None,
    visibility: Visibility = Visibility.TEAM,
) -> Sharing:
    """`team`: one of the caller's teams, by default the first one."""
    return Sharing(team=team, visibility=visibility)


SharingDep = Annotated[Sharing, Depends(_sharing)]
"""Who gets what is made."""


def rule(found: Rule) -> Any:
    """For `dependencies=[…]` of a route."""
    return Depends(found)
