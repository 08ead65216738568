"""The background thread that sends artifacts to the gateway."""

from __future__ import annotations

import threading
from collections.abc import Callable
from http.client import HTTPException
from urllib.parse import quote

from trainyard.reporting.line_sender import LineSender
from trainyard_supervisor.relay.artifacts import Artifact, ArtifactStore
from trainyard_supervisor.relay.forwarding import Gateway
from trainyard_supervisor.relay.protocol.refusal import Refusal

PASSING = frozenset({401, 408, 425, 429, 500})
FULL = 507
"""The gateway has no space: for this file not, for a smaller one perhaps."""
PAUSES = (0.5, 1.0, 2.0, 4.0, 8.0)
UNKNOWN_TRIES = 10
"""How often a run may be unknown to the gateway, which takes reports in a moment after them."""
RUN_SECONDS = 10.0
"""How long the gateway may take to hear of the runs first."""
ROUTE = "/api/2.0/mlflow-artifacts/artifacts"


class Uploads:
    """Sends what waits in a store, again and again until the gateway has it."""

    def __init__(
        self,
        store: ArtifactStore,
        lock: threading.Lock,
        gateway: Gateway,
        sender: LineSender,
        experiment_of: Callable[[str], str],
        say: Callable[[str], None],
    ) -> None:
        """`lock` guards the store; `experiment_of` gives the id of a run's experiment."""
        self._store, self._lock, self._gateway = store, lock, gateway
        self._sender, self._experiment_of, self._say = sender, experiment_of, say
        self._turn = threading.Condition()
        self._held: set[int] = set()
        """Files without space at the gateway: it takes them in when the session has ended."""
        self._news = bool(store.waiting())
        self._failures, self._away = 0, False
        self._stopping = False
        self._thread = threading.Thread(target=self._work, name="trainyard-artifacts", daemon=True)
        self._thread.start()

    def wake(self) -> None:
        """Something waits."""
        with self._turn:
            self._news = True
            self._turn.notify_all()

    def drain(self, seconds: float) -> bool:
        """Wait until nothing waits; False if the gateway is away or it takes longer."""
        with self._turn:
            return (
                self._turn.wait_for(lambda: not self._news or self._away, seconds)
                and not self._news
            )

    @property
    def failing(self) -> bool:
        """Whether the gateway took nothing the last time."""
        return self._failures > 0

    def stop(self) -> None:
        """End the thread once it waits; what is left stays."""
        with self._turn:
            self._stopping = True
            self._turn.notify_all()

    def _work(self) -> None:
        while True:
            with self._turn:
                pause = PAUSES[min(self._failures, len(PAUSES)) - 1] if self._failures else None
                if pause is not None:
                    self._turn.wait_for(lambda: self._stopping, pause)
                else:
                    self._turn.wait_for(lambda: self._news or self._stopping)
                if self._stopping:
                    return
            delivered = self._send_all()
            with self._turn, self._lock:
                self._failures = 0 if delivered else self._failures + 1
                self._news = bool(self._waiting())
                self._turn.notify_all()

    def _send_all(self) -> bool:
        with self._lock:
            waiting = self._waiting()
        if not self._sender.drain(RUN_SECONDS):
            self._away = self._sender.away
            return False
        return all(self._send(artifact) for artifact in waiting)

    def _waiting(self) -> list[Artifact]:
        return [artifact for artifact in self._store.waiting() if artifact.number not in self._held]

    def _send(self, artifact: Artifact) -> bool:
        content = self._store.open(artifact)
        if content is None:
            # Replaced meanwhile by another one of its path.
            return True
        place = f"{self._experiment_of(artifact.run)}/{artifact.run}/artifacts/{artifact.path}"
        headers = {"Content-Type": artifact.kind, "Content-Length": str(artifact.size)}
        try:
            with content:
                answer = self._gateway.call(
                    "PUT", f"{ROUTE}/{quote(place)}", headers, content, "an artifact"
                )
                said = b"".join(answer.pieces())[:500]
        except (Refusal, OSError, HTTPException):
            self._away = True
            return False
        self._away = False
        if answer.status in PASSING or answer.status == 404 and self._failures < UNKNOWN_TRIES:
            return False
        shown = said.decode("utf-8", "replace")
        if answer.status == FULL:
            self._held.add(artifact.number)
            self._say(f"the artifact '{artifact.path}' waits in the run folder for space: {shown}")
            return True
        if answer.status >= 300:
            self._say(f"the artifact '{artifact.path}' was refused ({answer.status}): {shown}")
        with self._lock:
            self._store.sent(artifact)
        return True
