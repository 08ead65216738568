"""An attempt stays in the budget of the team in which it began."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest

from trainyard_api import names, timestamps
from trainyard_api.limits.published import SubjectKind
from trainyard_gateway.store.ledger import writing
from trainyard_gateway.store.ledger.intervals import Interval
from trainyard_gateway.store.ledger.record import rows_of
from trainyard_gateway.store.ledger.spending import spent_by
from trainyard_gateway.store.store import Store

START = 1_800_000_000


def at(second: int) -> str:
    return timestamps.to_seconds_text(float(START + second))


def session(team: str, attempt: int, *ended: int) -> dict[str, Any]:
    """A session with one GPU; each attempt holds it for 60 of 100 seconds."""
    labels = {names.LABEL_USER: "ada", **({names.LABEL_TEAM: team} if team else {})}
    held = [
        {"number": n, "startTime": at(100 * n), "endTime": at(100 * n + 60), "gpus": 1}
        | {"outcome": "Suspended"}
        for n in ended
    ]
    status = {"phase": "Queued" if attempt in ended else "Running", "attempt": attempt, "gpus": 1}
    return {
        "metadata": {"name": "s", "uid": "s", "labels": labels, "creationTimestamp": at(0)},
        "spec": {},
        "status": {**status, "attemptAllocatedTime": at(100 * attempt), "allocations": held},
    }


CASES = [
    pytest.param([session("a", 1, 1), session("b", 1, 1)], {"a": 60}, id="shared-after-its-end"),
    pytest.param([session("a", 1), session("b", 1), session("b", 1, 1)], {"a": 60}, id="shared-while-it-runs"),
    pytest.param([session("a", 1, 1), session("b", 2, 1), session("b", 2, 1, 2)], {"a": 60, "b": 60}, id="then-the-new-team"),
    pytest.param([session("", 1), session("a", 1), session("a", 1, 1)], {"a": 60}, id="labelled-while-it-runs"),
]  # fmt: skip


@pytest.mark.parametrize(("states", "wanted"), CASES)
async def test_whose_budget_pays(
    states: list[dict[str, Any]], wanted: dict[str, float], database: Store
) -> None:
    for body in states:
        rows = rows_of(body, False, START * 1_000_000)
        await database.write(partial(writing.save, found=[rows]))
    window = Interval(0, (START + 10_000) * 1_000_000)
    spent = await database.read(
        lambda c: spent_by(c, SubjectKind.TEAM, ["a", "b"], window), applied=False
    )
    assert spent == wanted
