"""What sessions have reported last, in the words of their status: progress and metrics."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from trainyard_gateway.sessions import status
from trainyard_gateway.store.database import Connection
from trainyard_gateway.store.metrics.latest import latest_of_many
from trainyard_gateway.store.reports import heartbeats


class Measured(NamedTuple):
    """`status.progress` and `status.metrics` of one session."""

    progress: dict[str, Any]
    metrics: list[dict[str, Any]]


def measured(connection: Connection, uids: Sequence[str]) -> dict[str, Measured]:
    """By UID; sessions without a heartbeat or a checkpoint are absent."""
    beats = heartbeats.of_many(connection, uids)
    values = latest_of_many(connection, list(beats))
    return {
        uid: Measured(status.progress(*beat), status.metrics(values.get(uid, [])))
        for uid, beat in beats.items()
    }
