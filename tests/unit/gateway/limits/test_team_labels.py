"""The labels of teams: one session that the cluster refuses holds up no other, and is not asked about again."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from typing import Any, cast

import pytest

from trainyard_gateway.rights.asking import Rights
from trainyard_gateway.rights.users import Users
from trainyard_gateway.sessions.teams import team_labels
from trainyard_gateway.sessions.teams.team_labels import TeamLabels
from trainyard_gateway.store.store import Store
from trainyard_kube import errors


class Cluster:
    """Sessions without the label. Answers each patch by the session's trouble, or sets the label."""

    def __init__(self, trouble: dict[str, errors.KubeError], asks: int) -> None:
        self.bodies = {name: {"metadata": {"name": name, "uid": name}} for name in "abc"}
        self.trouble, self.asks = trouble, asks
        self.asked, self.done = Counter[str](), asyncio.Event()

    def get(self, uid: str) -> dict[str, Any] | None:
        return self.bodies.get(uid)

    async def merge_patch(self, path: str, patch: dict[str, Any], _manager: str) -> None:
        name = path.rpartition("/")[2]
        self.asked[name] += 1
        if name in self.trouble:
            self._look()
            raise self.trouble[name]
        self.bodies[name]["metadata"] |= patch["metadata"]
        self._look()

    def _look(self) -> None:
        labelled = ["labels" in self.bodies[n]["metadata"] for n in "abc" if n not in self.trouble]
        if all(labelled) and self.asked["a"] >= self.asks:
            self.done.set()


@pytest.mark.parametrize(
    ("trouble", "once"),
    [
        pytest.param(
            errors.ApiError(400, "BadRequest", "a webhook says no"), True, id="by-a-webhook"
        ),
        pytest.param(errors.Forbidden(403, "Forbidden", "a policy says no"), True, id="forbidden"),
        pytest.param(errors.Invalid(422, "Invalid", "a rule says no"), True, id="invalid"),
        pytest.param(errors.ServerError(500, "Oops", "not now"), False, id="not-now"),
        pytest.param(errors.Unreachable("timed out"), False, id="no-answer"),
    ],
)
async def test_a_session_in_trouble_holds_up_no_other(
    trouble: errors.KubeError, once: bool, database: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(team_labels, "RETRY_SECONDS", 0.01)
    cluster = Cluster({"a": trouble}, 1 if once else 3)
    rights = Rights(Users(database), database)
    labels = TeamLabels(cast(Any, cluster), "yard", cast(Any, cluster), rights)
    task = asyncio.create_task(labels.run())
    for _ in range(3):
        for uid in "abc":
            labels.notify(uid)
        await asyncio.sleep(0.1)
    async with asyncio.timeout(20):
        await cluster.done.wait()
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    assert {name: cluster.asked[name] for name in "bc"} == {"b": 1, "c": 1}
    assert (cluster.asked["a"] == 1) is once
