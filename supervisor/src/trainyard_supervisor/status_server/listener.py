"""The place where a program reports its status: an address, a token, and what came there."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from trainyard_api import contract

if TYPE_CHECKING:
    from trainyard_supervisor.status_server.trainer_status import TrainerStatus

URL, TOKEN = "KUBEFLOW_TRAINER_SERVER_URL", "KUBEFLOW_TRAINER_SERVER_TOKEN"
CERTIFICATE = "KUBEFLOW_TRAINER_SERVER_CA_CERT"
PATH = "/trainer-status"
MAX_WAITING = 100
"""Reports that wait to be looked at; then the oldest are forgotten."""
TAKEN_SECONDS = 2.0
"""How long an answer waits at most until its report is taken."""


class Came(NamedTuple):
    """A report that came, whose caller waits for an answer."""

    status: TrainerStatus
    taken: threading.Event
    """To be set once its values are with those that are reported."""


class StatusListener:
    """Listens on the loopback; nothing else is done until a program connects."""

    def __init__(self, keep: Callable[[], object]) -> None:
        """`keep` writes to disk what was taken; an answer comes after that.

        Raises OSError if there is no loopback or no place for the token.
        """
        self._keep = keep
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._socket.setblocking(False)
        self._token = os.urandom(24).hex()  # `secrets` would import OpenSSL
        handle, self._token_file = _new_file(os.environ.get("TMPDIR"))
        with os.fdopen(handle, "w") as file:
            file.write(self._token)
        self._came: deque[Came] = deque(maxlen=MAX_WAITING)
        self._read, self._write = os.pipe()
        os.set_blocking(self._read, False)
        os.set_blocking(self._write, False)

    @property
    def environment(self) -> dict[str, str]:
        """What a program finds the place by."""
        port = self._socket.getsockname()[1]
        return {URL: f"http://127.0.0.1:{port}{PATH}", TOKEN: self._token_file}

    @property
    def connected(self) -> int:
        """A descriptor that is readable when the first program connects: call `serve` then."""
        return self._socket.fileno()

    @property
    def came(self) -> int:
        """A descriptor that is readable when a report came: call `take` then."""
        return self._read

    def serve(self) -> None:
        """Answer calls in another thread."""
        # Imported where a program connects: it takes memory that the others need not.
        from trainyard_supervisor.status_server.server import serve

        thread = threading.Thread(
            target=serve,
            args=(self._socket, self._token, self._put),
            name="trainyard-status",
            daemon=True,
        )
        thread.start()

    def take(self) -> list[Came]:
        """The reports that came since the last call, oldest first."""
        with contextlib.suppress(BlockingIOError):
            while os.read(self._read, 4096):
                pass
        found = []
        while self._came:
            found.append(self._came.popleft())
        return found

    def close(self) -> None:
        """Remove the token."""
        with contextlib.suppress(OSError):
            Path(self._token_file).unlink()

    def _put(self, status: TrainerStatus) -> None:
        came = Came(status, threading.Event())
        self._came.append(came)
        with contextlib.suppress(BlockingIOError):
            os.write(self._write, b"\0")
        came.taken.wait(TAKEN_SECONDS)
        self._keep()


def _new_file(temporary: str | None) -> tuple[int, str]:
    """A file that only this user reads, and its path; `tempfile` would take a megabyte."""
    name = f"trainyard-status-{os.urandom(12).hex()}"
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    usual = Path(contract.SCRATCH_CACHE_DIR).parent
    place = Path(temporary or usual) / name
    try:
        return os.open(place, flags, 0o600), str(place)
    except OSError:
        # As `tempfile`: a session may have set the variable to a folder that is not there yet.
        return os.open(usual / name, flags, 0o600), str(usual / name)


def is_wanted(environment: Mapping[str, str]) -> bool:
    """Whether nothing else is set as that place, be it empty. Pure."""
    return not any(name in environment for name in (URL, TOKEN, CERTIFICATE))
