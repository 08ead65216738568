"""What becomes of the status that a program reports: progress, and points of its metrics."""

from __future__ import annotations

import selectors
import time
from collections.abc import Mapping

from trainyard_supervisor.metric_sources import Source
from trainyard_supervisor.progress.derived import DerivedProgress
from trainyard_supervisor.progress.tracker import Progress
from trainyard_supervisor.reports import Reports
from trainyard_supervisor.status_server.known_values import KnownValues
from trainyard_supervisor.status_server.listener import StatusListener


class StatusTaker:
    """Takes what comes to `listener`, as long as the program does not report itself."""

    def __init__(
        self, listener: StatusListener, progress: DerivedProgress, reports: Reports
    ) -> None:
        self._listener, self._progress, self._reports = listener, progress, reports
        self._reported: Progress | None = None
        self._known = KnownValues()

    @property
    def environment(self) -> Mapping[str, str]:
        """What the program needs to report."""
        return self._listener.environment

    def watch(self, selector: selectors.BaseSelector) -> None:
        """Have `selector` call this one when something comes."""

        def connected() -> None:
            selector.unregister(self._listener.connected)
            self._listener.serve()

        selector.register(self._listener.connected, selectors.EVENT_READ, connected)
        selector.register(self._listener.came, selectors.EVENT_READ, self.take)

    def take(self) -> None:
        """Report what has come."""
        came = self._listener.take()
        if came and not self._reports.program_reports():
            from trainyard_supervisor.status_server.trainer_status import progress_of

            for each in came:
                reported = progress_of(each.status, self._reported)
                if reported is not None:
                    self._reported = reported
                    self._progress.report(reported, time.monotonic())
                self._put(each.status.metrics)
        for each in came:
            each.taken.set()

    def close(self) -> None:
        """Take the rest."""
        self.take()
        self._listener.close()

    def _put(self, metrics: Mapping[str, float]) -> None:
        """Report the values that are new: a program repeats the last ones in each report."""
        claim = self._reports.sources.claim
        new = self._known.new_in({n: v for n, v in metrics.items() if claim(n, Source.STATUS)})
        if new:
            self._reports.metrics(self._reported.step if self._reported is not None else 0, new)
