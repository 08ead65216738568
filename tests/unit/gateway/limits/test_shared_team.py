"""A session is shared only with a team in which it could have been submitted."""

from __future__ import annotations

from typing import Any, cast

import pytest

from trainyard_api import names, timestamps
from trainyard_api.limits.published import Subject, SubjectKind
from trainyard_api.rights.owner import Role, User
from trainyard_gateway.errors import NotPermitted
from trainyard_gateway.limits.limit import LimitSpec
from trainyard_gateway.limits.service import Limits
from trainyard_gateway.rights.asking import Rights
from trainyard_gateway.rights.sharing import SessionSharing
from trainyard_gateway.rights.users import Users
from trainyard_gateway.sessions.cache import SessionCache
from trainyard_gateway.sessions.commands import SessionCommands
from trainyard_gateway.store.store import Store

ADA = User("ada", Role.MEMBER, ("vision", "speech"))
SPEC = {"command": ["x"], "queue": "fast", "priority": 5, "workers": 2, "resources": {"gpus": 2}}


class Cluster:
    """Takes each patch."""

    def __init__(self, body: dict[str, Any]) -> None:
        self.body = body

    async def merge_patch(self, _path: str, patch: dict[str, Any], _who: str) -> dict[str, Any]:
        metadata = {**self.body["metadata"], **patch["metadata"], "resourceVersion": "2"}
        return {**self.body, "metadata": metadata}


CASES = [
    pytest.param(None, "Queued", SPEC, True, id="no-limit"),
    pytest.param({"queues": ["fast"], "max_priority": 5, "max_gpus": 4}, "Queued", SPEC, True, id="within"),
    pytest.param({"queues": ["batch"]}, "Queued", SPEC, False, id="another-queue"),
    pytest.param({"max_priority": 4}, "Running", SPEC, False, id="a-higher-priority"),
    pytest.param({"max_gpus": 3}, None, SPEC, False, id="more-gpus-than-ever-allowed"),
    pytest.param({"max_gpus": 3}, "Succeeded", SPEC, True, id="it-has-ended"),
    pytest.param({"max_gpus": 3}, "Pending", {"nonsense": 1}, True, id="it-never-starts"),
    pytest.param({"gpu_hours": 0.0}, "Running", SPEC, True, id="budgets-refuse-nothing"),
]  # fmt: skip


@pytest.mark.parametrize(("limit", "phase", "spec", "allowed"), CASES)
async def test_who_may_share_it(
    limit: dict[str, Any] | None,
    phase: str | None,
    spec: dict[str, Any],
    allowed: bool,
    database: Store,
) -> None:
    metadata = {
        "name": "s", "uid": "uid-s", "resourceVersion": "1",
        "creationTimestamp": timestamps.now_text(),
        "labels": {names.LABEL_USER: "ada", names.LABEL_TEAM: "vision"},
    }  # fmt: skip
    body = {"metadata": metadata, "spec": spec, "status": {"phase": phase} if phase else {}}
    kube, rights = cast(Any, Cluster(body)), Rights(Users(database), database)
    cache, limits = SessionCache(kube, "yard", database, rights), Limits(database)
    cache.put(body)
    if limit is not None:
        await limits.put(Subject(SubjectKind.TEAM, "speech"), LimitSpec(**limit))
    none = cast(Any, None)
    commands = SessionCommands(kube, "yard", cache, database, none, none, none, rights, limits)
    if not allowed:
        with pytest.raises(NotPermitted, match="the team 'speech'"):
            await commands.share("uid-s", ADA, SessionSharing(team="speech"))
        return
    await commands.share("uid-s", ADA, SessionSharing(team="speech"))
    shared = cache.get("uid-s")
    assert shared is not None
    assert shared["metadata"]["labels"][names.LABEL_TEAM] == "speech"
