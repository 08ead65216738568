"""The limit on the number of different metric names of a session."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Connection, select

from trainyard_api.mlflow import series_key_of
from trainyard_api.report import Batch
from trainyard_gateway.errors import Unprocessable
from trainyard_gateway.store.schema.tables import series
from trainyard_gateway.store.sql.text import escape_nul

MAX_METRIC_NAMES = 2_000
"""Different metric names of one session."""
_MAX_CACHED = 1_000_000
"""Names in the cache, of all sessions together."""


class TooManyMetricNames(Unprocessable):
    """A session would have more than MAX_METRIC_NAMES different metrics."""


class MetricNameLimit:
    """Counts the metric names of sessions, those of batches in the inbox included.

    If several gateways ingest reports, each counts only the names in its inbox entries.
    """

    def __init__(self) -> None:
        self._names: dict[str, set[str]] = {}
        """By session UID."""
        self._count = 0
        self._added: list[tuple[set[str], set[str]]] = []
        """Of one check: sets, and the names that were added to them."""

    def clear_cache(self) -> None:
        """Forget all names, which may include those of a failed transaction.

        They are read again when needed.
        """
        self._names.clear()
        self._count = 0

    def check(self, connection: Connection, batches: Iterable[Batch]) -> None:
        """Count the names of the batches.

        Raises TooManyMetricNames at the first batch that exceeds the limit; then no name of the
        batches counts, and all others still do.
        """
        if self._count > _MAX_CACHED:
            self.clear_cache()
        try:
            self._check(connection, batches)
        except TooManyMetricNames:
            for known, new in self._added:
                known -= new
                self._count -= len(new)
            raise
        finally:
            self._added.clear()

    def _check(self, connection: Connection, batches: Iterable[Batch]) -> None:
        for batch in batches:
            for report in batch.runs:
                if report.metrics:
                    key = series_key_of(batch.session_uid, report.run)
                    known = self._known_names(connection, key)
                    self._add(known, {point.key for point in report.metrics})
            if not batch.metrics:
                continue
            known = self._known_names(connection, batch.session_uid)
            for row in batch.metrics:
                if not known.issuperset(row.values):
                    self._add(known, {escape_nul(name) for name in row.values})

    def _known_names(self, connection: Connection, uid: str) -> set[str]:
        known = self._names.get(uid)
        if known is None:
            query = select(series.c.name).where(series.c.session_uid == uid)
            known = self._names[uid] = set(connection.execute(query).scalars())
            self._count += len(known)
        return known

    def _add(self, known: set[str], names: set[str]) -> None:
        new = names - known
        if not new:
            return
        if len(known) + len(new) > MAX_METRIC_NAMES:
            raise TooManyMetricNames(
                f"a session has at most {MAX_METRIC_NAMES} different metrics; use fewer names"
            )
        known |= new
        self._count += len(new)
        self._added.append((known, new))
