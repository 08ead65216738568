"""Notices about budgets: one when the share that warns is reached, one when it is spent. Pure.

The same budget in the same period gives each of them once; a budget that was raised is another one.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

from trainyard_api import timestamps
from trainyard_api.limits.published import Subject, SubjectKind
from trainyard_api.rights.owner import User
from trainyard_gateway.limits.service import Spent
from trainyard_gateway.notices import message
from trainyard_gateway.notices.receiver import Receiver
from trainyard_gateway.notices.receivers import placed
from trainyard_gateway.notices.rules import BudgetRule
from trainyard_gateway.store.outbox.notices import NoticeRow

_HOUR = 3600.0


def budget_notices(
    receiver: Receiver, user: User, limits: Iterable[Spent], now: float
) -> Iterator[NoticeRow]:
    """What a receiver of `user` gets at `now`, in seconds since the epoch."""
    if user.role is None or not any(isinstance(rule, BudgetRule) for rule in receiver.rules):
        return
    for spent in limits:
        kind = stage(spent)
        if kind is not None and concerns(receiver.row.sessions, user, spent.subject):
            subject, hours = spent.subject, spent.spec.gpu_hours
            key = f"{kind}/{hours:g}/{int(spent.span.start)}"
            identity = message.identity(
                receiver.row.id, f"{subject.kind.value}/{subject.name}", key
            )
            made = int(now * 1e6)
            text = message.about_budget(kind, facts(spent), now)
            yield placed(NoticeRow(identity, receiver.row.id, text, made), receiver, made)


def stage(spent: Spent) -> str | None:
    """Which notice a budget gives: `budget.spent`, `budget.warning` or none."""
    hours = spent.spec.gpu_hours
    if hours is None:
        return None
    if spent.gpu_seconds >= hours * _HOUR:
        return "budget.spent"
    warns = spent.gpu_seconds >= hours * _HOUR * spent.spec.warn_percent / 100
    return "budget.warning" if warns else None


def concerns(sessions: str, user: User, subject: Subject) -> bool:
    """Whether it is the budget of the user or of a team of the user; for administrators any."""
    if sessions == "all" and user.is_administrator:
        return True
    kind, name = subject
    if kind == SubjectKind.USER:
        return name == user.name
    return kind == SubjectKind.TEAM and name in user.teams


def facts(spent: Spent) -> dict[str, object]:
    """What a receiver gets of a budget."""
    renews = spent.span.end
    return {
        "kind": spent.subject.kind.value,
        "name": spent.subject.name,
        "gpuHours": spent.spec.gpu_hours,
        "spentGpuHours": round(spent.gpu_seconds / _HOUR, 4),
        "warnPercent": spent.spec.warn_percent,
        "period": spent.spec.period.value,
        "renews": None if renews == math.inf else timestamps.to_seconds_text(renews),
    }
