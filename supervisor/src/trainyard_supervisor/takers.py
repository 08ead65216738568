"""What takes the reports that a program makes by its own means: the servers on the loopback."""

from __future__ import annotations

import selectors
from collections.abc import Callable, Mapping
from typing import NamedTuple

from trainyard_supervisor.metric_sources import Source
from trainyard_supervisor.progress.derived import DerivedProgress
from trainyard_supervisor.relay import listener as relay
from trainyard_supervisor.relay.listener import RelayListener
from trainyard_supervisor.relay.place import Place
from trainyard_supervisor.reports import Reports
from trainyard_supervisor.settings import Settings
from trainyard_supervisor.status_server import listener as status_server
from trainyard_supervisor.status_server.listener import StatusListener
from trainyard_supervisor.status_server.taker import StatusTaker

Say = Callable[[str], None]


class Takers(NamedTuple):
    """Those of one attempt; None for what is switched off."""

    status: StatusTaker | None = None
    mlflow: RelayListener | None = None

    def environment(self, given: Mapping[str, str]) -> dict[str, str]:
        """Where the program finds them, beside what `given` sets already."""
        found: dict[str, str] = {}
        if self.status is not None:
            found |= self.status.environment
        if self.mlflow is not None:
            found |= self.mlflow.environment(given)
        return found

    def watch(self, selector: selectors.BaseSelector) -> None:
        """Have `selector` call them when something comes."""
        for taker in (self.status, self.mlflow):
            if taker is not None:
                taker.watch(selector)

    def take(self) -> None:
        """Report what has come."""
        if self.status is not None:
            self.status.take()

    def close(self) -> None:
        """Take the rest."""
        if self.status is not None:
            self.status.close()

    def finish(self, seconds: float, stopped: Callable[[], bool]) -> None:
        """Send what is left for at most `seconds`, unless a stop signal arrives."""
        if self.mlflow is not None:
            self.mlflow.finish(seconds, stopped)


def takers_of(
    given: Settings,
    environment: Mapping[str, str],
    progress: DerivedProgress,
    reports: Reports,
    say: Say,
) -> Takers:
    """What the session has not switched off, and for which no other server is set."""
    if given.attempt is None:
        return Takers()
    status = mlflow = None
    reads = given.worker == 0 and given.reads_progress
    if reads and given.takes_status and status_server.is_wanted(environment):
        try:
            status = StatusTaker(StatusListener(reports.flush), progress, reports)
        except OSError as error:
            say(f"programs cannot report their status here ({error}); what they print is read")
    if given.takes_mlflow and relay.is_wanted(environment):
        try:
            place = Place(given.attempt, given.run_dir, given.worker)
            mlflow = RelayListener(
                place,
                reports.mask,
                say,
                lambda name: reports.sources.claim(name, Source.MLFLOW),
            )
        except OSError as error:
            say(f"MLflow's clients cannot report here ({error})")
    return Takers(status, mlflow)
