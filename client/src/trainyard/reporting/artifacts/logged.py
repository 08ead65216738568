"""What `log_artifact` does: stages in the caller's thread, and sends in another one."""

from __future__ import annotations

import os
import re
import threading
import time
from collections import deque
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

from trainyard.reporting.artifacts.delivery import Delivery
from trainyard.reporting.artifacts.errors import ArtifactError
from trainyard.reporting.artifacts.removal import drop
from trainyard.reporting.artifacts.sources import name_at, own_folders, source_at
from trainyard.reporting.artifacts.staging import CannotStage, Stager, reason
from trainyard.reporting.artifacts.waiting import Report, WaitingTrees
from trainyard.reporting.transport import NotDeliveredError, Transport
from trainyard_api.names import is_artifact_name

LONGEST_NAME = 128
_BACKOFF_SECONDS = (0.5, 1.0, 2.0, 4.0, 8.0)
_LAST_PAUSE_SECONDS = 0.5
_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9_.-]+|\.(?=\.)")


class ArtifactLog:
    """The artifacts of one process; a process that was forked off has its own thread."""

    def __init__(  # noqa: PLR0913  # the report's identity and its seams
        self,
        run_dir: Path,
        identity: dict[str, Any],
        session: str,
        names: Collection[str],
        connect: Callable[[], Transport],
        say: Callable[[str], None],
        warn: Callable[[str], None],
    ) -> None:
        """`names` are those that the session may register beside `<session>.…`.

        `say` and `warn` take sentences, on what was registered and on what was not.
        """
        self._run_dir, self._identity = run_dir, identity
        self._session, self._names = session, frozenset(names)
        self._connect, self._say, self._warn = connect, say, warn
        self._trees = WaitingTrees(run_dir)
        self._begin()

    def _begin(self) -> None:
        """Start without what belongs to another process."""
        self._pid = os.getpid()
        self._queue: deque[Report] = deque()
        self._starting = threading.Lock()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def log(self, path: Path, name: str | None) -> dict[str, Any]:
        """Stage a file or folder and queue its report. Raises ArtifactError."""
        called = artifact_name(name, path, self._session, self._names)
        try:
            source = source_at(path, self._run_dir)
            part = self._trees.part()
            try:
                own = own_folders(self._run_dir)
                tree = Stager(part, linked=False).stage(source, own, name_at(path))
                receipt = {
                    "name": called,
                    "tree": tree.sha256,
                    "files": tree.files,
                    "sizeBytes": tree.size_bytes,
                }
                report = self._trees.put(part, tree, {**self._identity, **receipt})
            except (CannotStage, OSError):
                drop(part)
                raise
        except (CannotStage, OSError) as error:
            raise ArtifactError(f"{path} is not taken as '{called}': {reason(error)}") from error
        for note in tree.notes:
            self._warn(f"'{called}': {note}")
        self._send(report)
        return receipt

    def resume(self) -> None:
        """Send what an earlier attempt could not."""
        for report in self._trees.reports():
            self._send(report)

    def finish(self, timeout: float) -> bool:
        """Send what is left for at most `timeout` seconds; whether all was answered.

        What is not stays in the run folder; supervisor and gateway see to it.
        """
        if self._pid != os.getpid() or self._thread is None:
            return True
        self._stopping.set()
        self._thread.join(timeout)
        return not self._queue

    def _send(self, report: Report) -> None:
        if self._pid != os.getpid():
            self._begin()
        self._queue.append(report)
        with self._starting:
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(
                    target=self._work, args=(self._queue,), name="trainyard-artifacts", daemon=True
                )
                self._thread.start()

    def _work(self, queue: deque[Report]) -> None:
        transport = self._connect()
        delivery = Delivery(self._trees, transport, self._say, self._warn)
        failures = 0
        try:
            while True:
                if not queue:
                    # `_send` starts another thread for what comes later.
                    with self._starting:
                        if not queue:
                            self._thread = None
                            return
                try:
                    delivery.send(queue[0])
                    queue.popleft()
                    failures = 0
                except NotDeliveredError as error:
                    self._pause(failures, error)
                    failures += 1
        finally:
            transport.close()

    def _pause(self, failures: int, error: NotDeliveredError) -> None:
        if failures == 0:
            self._warn(f"artifacts wait in the run folder: {error}")
        if self._stopping.is_set():
            time.sleep(_LAST_PAUSE_SECONDS)
            return
        pause = _BACKOFF_SECONDS[min(failures, len(_BACKOFF_SECONDS) - 1)]
        self._stopping.wait(max(pause, error.retry_after or 0.0))


def artifact_name(name: str | None, path: Path, session: str, names: Collection[str]) -> str:
    """What an artifact is called in the registry. Pure. Raises ArtifactError.

    `names` and what begins with `<session>.` stand as they are; another name follows `<session>.`.
    Without a name it is that of the file or folder, with `-` for what a name cannot hold.
    """
    prefix = f"{session}."
    if name is None:
        plain = _NOT_IN_NAMES.sub("-", name_at(path)).strip("-_.") or "artifact"
        called = f"{prefix}{plain}"[:LONGEST_NAME].rstrip("-_.")
    else:
        called = name if name in names or name.startswith(prefix) else f"{prefix}{name}"
    if not is_artifact_name(called):
        raise ArtifactError(
            f"'{called[:200]}' cannot be the name of an artifact: give letters, digits, '-', '_' "
            f"and '.', a letter or digit at both ends, {LONGEST_NAME} characters with '{prefix}'"
        )
    return called
