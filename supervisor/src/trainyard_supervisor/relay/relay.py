"""What the relay of one session knows and does, apart from HTTP."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable

from trainyard.reporting.line_sender import LineSender
from trainyard.reporting.line_spool import LineSpool
from trainyard.reporting.secret_mask import SecretMask
from trainyard.reporting.transport import GatewayTransport
from trainyard_api.runs.lines import Report
from trainyard_supervisor.relay.artifacts import ArtifactStore
from trainyard_supervisor.relay.forwarding import Answer, Gateway, Readable
from trainyard_supervisor.relay.history import History
from trainyard_supervisor.relay.listener import EXPERIMENT_FILE, Claim
from trainyard_supervisor.relay.masking import FieldMask
from trainyard_supervisor.relay.place import Place, run_of_worker
from trainyard_supervisor.relay.protocol.refusal import away
from trainyard_supervisor.relay.run_state import PARENT, RUN_NAME, Run, RunStates
from trainyard_supervisor.relay.uploads import Uploads
from trainyard_supervisor.relay.writes import RunCalls, now

REPORTS_SECONDS = 5.0
FILES_SECONDS = 30.0
"""How long a call that needs the gateway waits until the gateway knows what was logged before."""

MORE_SECONDS = 60.0
"""How long the pod stays for large files that the gateway takes."""
LOOK_SECONDS = 0.1


class Relay:
    """The runs of one session, as one worker sees them."""

    def __init__(
        self, place: Place, mask: SecretMask, say: Callable[[str], None], claim: Claim
    ) -> None:
        """Raises OSError if the volume takes nothing."""
        attempt, stream, kept = place.attempt, place.stream, place.folder / "history"
        lines = LineSpool(place.spool, attempt.session_uid, attempt.number, stream, kept)
        self.lock = threading.Lock()
        """Guards states, calls and artifacts."""
        self.mask = FieldMask(mask)
        self.history = History(place.spool, stream, kept)
        self.states = RunStates(_own_run(place), attempt.number)
        self.history.load(self.states)
        self.history.shorten(self.states)
        self.artifacts = ArtifactStore(place.folder / "artifacts")
        self.calls = RunCalls(self.states, self._keep, say, first=place.worker == 0)
        self._claim = claim if place.worker == 0 else None
        self._attempt = attempt.number
        self._folder = place.folder
        self._gateway = Gateway(attempt.gateway_url, attempt.token_file)
        transport = GatewayTransport(attempt.gateway_url, attempt.token_file)
        self._sender = LineSender(lines, transport, say)
        self.uploads = Uploads(
            self.artifacts, self.lock, self._gateway, self._sender, self._experiment_of, say
        )

    def forward(
        self,
        method: str,
        target: str,
        headers: dict[str, str],
        body: Readable | bytes | None,
    ) -> Answer:
        """The gateway's answer, once it knows what the program has logged before.

        Raises Refusal at once if the gateway is away.
        """
        what = f"{method} {target.partition('?')[0][-100:]}"
        if not self._sender.drain(REPORTS_SECONDS) or not self.uploads.drain(FILES_SECONDS):
            raise away(what)
        return self._gateway.call(method, target, headers, body, what)

    def finish(self, seconds: float, stopped: Callable[[], bool]) -> None:
        """Send what is left for at most `seconds`, files longer while the gateway takes them.

        Ends early when `stopped` says so. The rest stays on the volume.
        """
        until = time.monotonic() + seconds
        latest = until + MORE_SECONDS
        while not self.uploads.drain(LOOK_SECONDS) and not stopped():
            if time.monotonic() > (until if self.uploads.failing else latest):
                break
        self.uploads.stop()
        self._sender.stop(max(LOOK_SECONDS, until - time.monotonic()))

    def _keep(self, report: Report) -> None:
        """Make a report durable, then known. The caller holds the lock."""
        self._sender.put(report)
        run = self.states.apply(report, self._attempt)
        if run is self.states.own and "experiment" in report:
            with contextlib.suppress(OSError):
                (self._folder / EXPERIMENT_FILE).write_text(run.experiment)
        if self._claim is not None and run is self.states.own:
            for point in report.get("metrics") or ():
                self._claim(point["key"])

    def _experiment_of(self, run_id: str) -> str:
        run = self.states.find(run_id)
        return (run or self.states.own).experiment_id


def _own_run(place: Place) -> Run:
    session = place.attempt.session
    run = Run(place.run_id, start_time=now(), name=session, user="trainyard")
    if place.worker:
        run.name = f"{session}-worker-{place.worker}"
        run.tags = {PARENT: run_of_worker(place.attempt.session_uid, 0), RUN_NAME: run.name}
    return run
