"""Prometheus metrics. One instance per process, with its own registry."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from prometheus_client.samples import Sample

from trainyard_operator.core.actions import Decisions, Lane

_PREFIX: Final = "trainyard_operator"
_DECISION_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0)
_WAIT_BUCKETS = (1, 5, 15, 60, 300, 900, 3600, 4 * 3600, 24 * 3600, 7 * 24 * 3600)

RENAMED: Final[Mapping[str, str]] = {
    f"{_PREFIX}_sessions_allocated": f"{_PREFIX}_sessions_holding",
    f"{_PREFIX}_queue_status_seconds": f"{_PREFIX}_survey_seconds",
    f"{_PREFIX}_writes_pending": f"{_PREFIX}_writes_waiting",
    f"{_PREFIX}_objects_unparsable": f"{_PREFIX}_objects_unreadable",
}
"""Names of version 0.1 by today's names. They are served until version 0.3."""
_RENAMED_LABELS: Final = {"lane": {Lane.INFORMATIONAL.name.lower(): "news"}}


class Metrics:
    """What the operator counts."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._sessions()
        self._times()
        self._writes()
        self._input()
        self.registry.register(_OldNames(self._renamed()))

    def _sessions(self) -> None:
        self.waiting = self._gauge("sessions_waiting", "Sessions that could start and wait.")
        self.allocated = self._gauge("sessions_allocated", "Sessions that hold resources.")
        self.gpus_used = self._gauge("gpus_used", "GPUs that sessions hold.")
        self.gpus_capacity = self._gauge("gpus_capacity", "GPUs of all usable nodes.")
        self.admissions = self._counter("admissions", "Attempts started.")
        self.preemptions = self._counter("preemptions", "Sessions preempted.")

    def _times(self) -> None:
        self.wait = self._histogram(
            "queue_wait_seconds",
            "From becoming ready to run to the start of the attempt.",
            _WAIT_BUCKETS,
        )
        self.decision = self._histogram(
            "decision_seconds",
            "Duration of a decision that computed no queue positions.",
            _DECISION_BUCKETS,
        )
        self.queue_status = self._histogram(
            "queue_status_seconds",
            "Duration of a decision that also computed queue positions.",
            _DECISION_BUCKETS,
        )

    def _writes(self) -> None:
        self.writes = self._counter("api_writes", "Writes to the API server.", "kind", "outcome")
        self.writes_pending = self._gauge(
            "writes_pending", "Writes that were decided and are not sent yet.", "lane"
        )
        self.conflicts = self._counter(
            "status_conflicts", "Status writes that met a conflict and were decided again."
        )
        self.events_dropped = self._counter(
            "events_dropped", "Kubernetes Events not written because their rate is limited."
        )

    def _input(self) -> None:
        self.watch_age = self._gauge(
            "watch_age_seconds", "Seconds since each watch last received something.", "resource"
        )
        self.unparsable = self._gauge("objects_unparsable", "Objects that cannot be parsed.")

    def decided(self, decisions: Decisions, seconds: float, *, with_positions: bool) -> None:
        """Record one decision, and how many seconds it took."""
        (self.queue_status if with_positions else self.decision).observe(seconds)
        self.waiting.set(decisions.waiting)
        self.allocated.set(decisions.allocations)
        self.gpus_used.set(decisions.gpus_used)
        self.gpus_capacity.set(decisions.gpus_capacity)
        self.preemptions.inc(decisions.preempted)

    def _gauge(self, name: str, documentation: str, *labels: str) -> Gauge:
        return Gauge(f"{_PREFIX}_{name}", documentation, labels, registry=self.registry)

    def _counter(self, name: str, documentation: str, *labels: str) -> Counter:
        return Counter(f"{_PREFIX}_{name}", documentation, labels, registry=self.registry)

    def _histogram(self, name: str, documentation: str, buckets: Iterable[float]) -> Histogram:
        return Histogram(
            f"{_PREFIX}_{name}", documentation, buckets=tuple(buckets), registry=self.registry
        )

    def _renamed(self) -> list[Collector]:
        return [self.allocated, self.queue_status, self.writes_pending, self.unparsable]


class _OldNames(Collector):
    """Serves renamed metrics under their old names as well."""

    def __init__(self, collectors: list[Collector]) -> None:
        self._collectors = collectors

    def collect(self) -> Iterator[Metric]:
        """The renamed families, under their old names."""
        for collector in self._collectors:
            for family in collector.collect():
                yield _renamed(family, RENAMED[family.name])


def _renamed(family: Metric, old: str) -> Metric:
    result = Metric(old, f"Old name of {family.name}.", family.type)
    for sample in family.samples:
        name = old + sample.name.removeprefix(family.name)
        labels = {
            label: _RENAMED_LABELS.get(label, {}).get(value, value)
            for label, value in sample.labels.items()
        }
        result.samples.append(Sample(name, labels, sample.value))
    return result
