"""Which receiver gets which notice about a budget, and how often, as truth tables."""

# one case of a table is one line

from __future__ import annotations

import json
import math
from typing import Any

import pytest

from trainyard_api.limits.period import Span
from trainyard_api.limits.published import Subject, SubjectKind
from trainyard_api.rights.owner import Role, User
from trainyard_gateway.limits.limit import LimitSpec
from trainyard_gateway.limits.service import Spent
from trainyard_gateway.notices.budgets import budget_notices, stage
from trainyard_gateway.notices.receiver import Receiver
from trainyard_gateway.notices.rules import BudgetRule, FailureRule
from trainyard_gateway.store.outbox.receivers import ReceiverRow

NOW = 1_800_000_000.0
TEAM = Subject(SubjectKind.TEAM, "vision")
SPAN = Span(NOW - 86_400, NOW + 86_400)


def spent(hours: float, subject: Subject = TEAM, **spec: Any) -> Spent:
    return Spent(subject, LimitSpec(**{"gpu_hours": 10.0, **spec}), hours * 3600, SPAN)


STAGES = [
    pytest.param(spent(7.9), None, id="below-the-share"),
    pytest.param(spent(8), "budget.warning", id="at-the-share"),
    pytest.param(spent(9.99), "budget.warning", id="above-the-share"),
    pytest.param(spent(10), "budget.spent", id="spent"),
    pytest.param(spent(11), "budget.spent", id="more-than-spent"),
    pytest.param(spent(5, warn_percent=50), "budget.warning", id="another-share"),
    pytest.param(spent(0, gpu_hours=0.0), "budget.spent", id="a-budget-of-nothing"),
    pytest.param(spent(99, gpu_hours=None, max_gpus=1), None, id="no-budget"),
]


@pytest.mark.parametrize(("found", "wanted"), STAGES)
def test_stages(found: Spent, wanted: str | None) -> None:
    assert stage(found) == wanted


def receiver(sessions: str = "own", *rules: Any) -> Receiver:
    row = ReceiverRow("r1", "ada", "lab", "https://x.example", "s", sessions, "[]", 0)
    return Receiver(row, rules or (BudgetRule(on="budget"),))


ADA = User("ada", Role.MEMBER, ("vision",))
ADMIN = User("ada", Role.ADMINISTRATOR, ("default",))
OTHER, USER, KEY = (
    Subject(SubjectKind.TEAM, "speech"),
    Subject(SubjectKind.USER, "ada"),
    Subject(SubjectKind.KEY, "k1"),
)
WHO = [
    pytest.param(receiver(), ADA, TEAM, True, id="of-the-users-team"),
    pytest.param(receiver(), ADA, USER, True, id="of-the-user"),
    pytest.param(receiver(), ADA, OTHER, False, id="of-another-team"),
    pytest.param(receiver(), ADA, Subject(SubjectKind.USER, "vision"), False, id="of-a-user-named-like-the-team"),
    pytest.param(receiver("all"), ADA, OTHER, False, id="all-of-a-member"),
    pytest.param(receiver("all"), ADMIN, OTHER, True, id="all-of-an-administrator"),
    pytest.param(receiver("all"), ADMIN, KEY, True, id="a-key-for-an-administrator"),
    pytest.param(receiver("own"), ADMIN, OTHER, False, id="own-of-an-administrator"),
    pytest.param(receiver("own", FailureRule(on="failure")), ADA, TEAM, False, id="without-the-rule"),
    pytest.param(receiver(), User("ada", None, ("vision",)), TEAM, False, id="a-removed-user"),
]  # fmt: skip


@pytest.mark.parametrize(("who", "user", "subject", "wanted"), WHO)
def test_who_gets_one(who: Receiver, user: User, subject: Subject, wanted: bool) -> None:
    assert bool(list(budget_notices(who, user, [spent(10, subject)], NOW))) == wanted


def ids(*found: Spent) -> list[str]:
    return [row.id for row in budget_notices(receiver(), ADA, found, NOW)]


def test_each_stage_of_a_period_is_one_notice() -> None:
    warned, over = spent(8), spent(10)
    later = over._replace(span=Span(SPAN.end, SPAN.end + 86_400))
    assert ids(warned) == ids(spent(9.5))
    assert len({*ids(warned), *ids(over), *ids(later), *ids(spent(20, gpu_hours=20.0))}) == 4


def test_what_is_sent() -> None:
    (row,) = budget_notices(receiver(), ADA, [spent(8.5)._replace(span=Span(0, math.inf))], NOW)
    sent = json.loads(row.body)
    assert sent["type"] == "budget.warning"
    assert sent["data"] == {
        "kind": "team",
        "name": "vision",
        "gpuHours": 10.0,
        "spentGpuHours": 8.5,
        "warnPercent": 80,
        "period": "month",
    }
