"""Prometheus metrics. One instance per process, with a registry of its own."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

_DECISION_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0)
_WAIT_BUCKETS = (1, 5, 15, 60, 300, 900, 3600, 4 * 3600, 24 * 3600, 7 * 24 * 3600)


class Metrics:
    """What the operator counts."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        prefix, registry = "trainyard_operator", self.registry
        self.waiting = Gauge(
            f"{prefix}_sessions_waiting", "Sessions that could start and wait.", registry=registry
        )
        self.allocation = Gauge(
            f"{prefix}_sessions_holding", "Sessions that hold capacity.", registry=registry
        )
        self.gpus_used = Gauge(f"{prefix}_gpus_used", "GPUs that sessions hold.", registry=registry)
        self.gpus_capacity = Gauge(
            f"{prefix}_gpus_capacity", "GPUs of all usable nodes.", registry=registry
        )
        self.admissions = Counter(f"{prefix}_admissions", "Attempts started.", registry=registry)
        self.preemptions = Counter(
            f"{prefix}_preemptions", "Sessions asked to make room.", registry=registry
        )
        self.wait = Histogram(
            f"{prefix}_queue_wait_seconds",
            "From becoming ready to run to the start of the attempt.",
            buckets=_WAIT_BUCKETS,
            registry=registry,
        )
        self.decision = Histogram(
            f"{prefix}_decision_seconds",
            "Time of one decision that looked at no places.",
            buckets=_DECISION_BUCKETS,
            registry=registry,
        )
        self.survey = Histogram(
            f"{prefix}_survey_seconds",
            "Time of one decision that also looked at the places of waiting sessions.",
            buckets=_DECISION_BUCKETS,
            registry=registry,
        )
        self.writes = Counter(
            f"{prefix}_api_writes",
            "Writes to the API server.",
            ["kind", "outcome"],
            registry=registry,
        )
        self.writes_waiting = Gauge(
            f"{prefix}_writes_waiting",
            "Writes that were decided and are not sent yet.",
            ["lane"],
            registry=registry,
        )
        self.conflicts = Counter(
            f"{prefix}_status_conflicts",
            "Status writes that came after somebody else's change and were decided again.",
            registry=registry,
        )
        self.watch_age = Gauge(
            f"{prefix}_watch_age_seconds",
            "Seconds since the API server was last heard on a watch.",
            ["resource"],
            registry=registry,
        )
        self.unparsable = Gauge(
            f"{prefix}_objects_unreadable", "Objects that make no sense.", registry=registry
        )
        self.events_dropped = Counter(
            f"{prefix}_events_dropped",
            "Kubernetes Events not written because their rate is limited.",
            registry=registry,
        )
