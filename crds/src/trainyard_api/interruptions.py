"""What a session's status says of attempts that ended without a failure of the program. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    # The command line starts without the models of sessions.
    from trainyard_api.session.status import TrainingSessionStatus


def interruptions(status: TrainingSessionStatus) -> str:
    """`2 times by other sessions or the cluster, not counted as failures; …`; empty if never.

    The second part names the last disruption by the cluster, which may have ended no attempt yet.
    """
    times, last = status.preemptions or 0, status.disruption
    parts = []
    if times > 0:
        how_often = "once" if times == 1 else f"{times} times"
        parts.append(f"{how_often} by other sessions or the cluster, not counted as failures")
    if last is not None:
        parts.append(f"attempt {last.attempt} was disrupted ({last.reason})")
    return "; ".join(parts)
