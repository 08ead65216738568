"""Ingest of reports as an interface.

Batches become durable first and are applied later, many at once.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable

from trainyard_api.report import Batch

Listener = Callable[[str], None]
"""Takes the UID of a session. Called in the event loop."""


class ReportIngest(ABC):
    """Ingests batches exactly once, and notifies listeners of those that this process ingested."""

    def __init__(self) -> None:
        self._durable_listeners: list[Listener] = []
        self._applied_listeners: list[Listener] = []
        self._measured_listeners: list[Listener] = []

    @abstractmethod
    async def ingest(self, batch: Batch, body: bytes | None = None) -> bool:
        """Make a batch durable; returns True if it was accepted before.

        `body`: the JSON that the batch was parsed from, if there is any. Raises TooManyMetricNames,
        and the errors of the database.
        """

    @abstractmethod
    async def clear_caches(self) -> None:
        """Forget what is cached of tables; to be called after rows of reports were deleted."""

    def on_durable(self, listener: Listener) -> None:
        """Call `listener` when batches of a session became durable, before `ingest` returns."""
        self._durable_listeners.append(listener)

    def on_applied(self, listener: Listener) -> None:
        """Call `listener` when batches of a session were applied, so that reads find them."""
        self._applied_listeners.append(listener)

    def on_measured(self, listener: Listener) -> None:
        """The same for batches with values of metrics, a heartbeat or a checkpoint alone."""
        self._measured_listeners.append(listener)

    def _notify_durable(self, batches: Iterable[Batch]) -> None:
        _notify(self._durable_listeners, batches)

    def _notify_applied(self, batches: Iterable[Batch]) -> None:
        applied = list(batches)
        _notify(self._applied_listeners, applied)
        _notify(self._measured_listeners, filter(_measures, applied))


def changes_runs(batch: Batch) -> bool:
    """Whether a batch says more of runs than values of metrics. Pure."""
    return any(report.model_fields_set - {"run", "metrics"} for report in batch.runs)


def _measures(batch: Batch) -> bool:
    return bool(batch.metrics) or batch.heartbeat is not None or batch.checkpoint is not None


def _notify(listeners: Iterable[Listener], batches: Iterable[Batch]) -> None:
    for uid in {batch.session_uid for batch in batches}:
        for listener in listeners:
            listener(uid)
