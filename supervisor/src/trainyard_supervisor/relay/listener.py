"""The place of the relay: an address on the loopback, and what begins when a program connects."""

from __future__ import annotations

import selectors
import socket
import threading
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from trainyard.reporting.secret_mask import SecretMask
    from trainyard_supervisor.relay.place import Place
    from trainyard_supervisor.relay.relay import Relay

URI, RUN_ID = "MLFLOW_TRACKING_URI", "MLFLOW_RUN_ID"
EXPERIMENT_ID, EXPERIMENT_NAME = "MLFLOW_EXPERIMENT_ID", "MLFLOW_EXPERIMENT_NAME"
Claim = Callable[[str], object]
"""Takes the name of a metric of the session's own run that the program logs."""
EXPERIMENT_FILE = "experiment"
"""In the relay's folder: the name of the experiment that the session's run is in."""


class RelayListener:
    """Listens on the loopback; nothing else is done until a program connects.

    What an earlier attempt has left is sent at once, too.
    """

    def __init__(
        self,
        place: Place,
        mask: SecretMask,
        say: Callable[[str], None],
        claim: Claim = lambda _: None,
    ) -> None:
        """Raises OSError if there is no loopback."""
        self._place, self._mask, self._say, self._claim = place, mask, say, claim
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._socket.setblocking(False)
        self._relay: Relay | None = None
        self._begun, self._built = False, threading.Event()

    def environment(self, given: Mapping[str, str]) -> dict[str, str]:
        """What a program finds its run by, beside what `given` sets already."""
        port = self._socket.getsockname()[1]
        found = {URI: f"http://127.0.0.1:{port}", RUN_ID: self._place.run_id}
        if EXPERIMENT_NAME not in given:
            found[EXPERIMENT_ID] = self._experiment_id()
        return {name: value for name, value in found.items() if name not in given}

    def watch(self, selector: selectors.BaseSelector) -> None:
        """Have `selector` begin this when a program connects."""
        if self._place.has_left:
            self._begin()
            return

        def connected() -> None:
            selector.unregister(self._socket)
            self._begin()

        selector.register(self._socket, selectors.EVENT_READ, connected)

    def finish(self, seconds: float, stopped: Callable[[], bool]) -> None:
        """Send what is left for at most `seconds`, files longer while they are taken.

        Ends early when a stop signal arrives. The rest stays on the volume.
        """
        if self._begun:
            self._built.wait(seconds)
        elif self._place.has_left and not stopped():
            self._build()
        if self._relay is not None:
            self._relay.finish(seconds, stopped)

    def _begin(self) -> None:
        self._begun = True
        threading.Thread(target=self._serve, name="trainyard-mlflow", daemon=True).start()

    def _serve(self) -> None:
        # Imported where a program connects: it takes memory that the others need not.
        from trainyard_supervisor.relay.server import serve

        self._build()
        if self._relay is not None:
            serve(self._socket, self._relay)
        self._socket.close()

    def _build(self) -> None:
        from trainyard_supervisor.relay.relay import Relay

        try:
            self._relay = Relay(self._place, self._mask, self._say, self._claim)
        except OSError as error:
            self._say(f"MLflow's clients get no answer here, the volume takes nothing: {error}")
        finally:
            self._built.set()

    def _experiment_id(self) -> str:
        try:
            name = (self._place.folder / EXPERIMENT_FILE).read_text()
        except (OSError, ValueError):
            return "0"
        from trainyard_api.mlflow import experiment_id_of

        return experiment_id_of(name)


def is_wanted(environment: Mapping[str, str]) -> bool:
    """Whether no other server is set, be it empty. Pure."""
    return URI not in environment
