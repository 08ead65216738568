"""The stream in which values of event files are reported, with what is remembered of the files."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from trainyard.reporting.sender import Sender
from trainyard.reporting.spool import Spool
from trainyard.reporting.transport import GatewayTransport
from trainyard_api import contract
from trainyard_supervisor.event_files.finding import event_files, newest
from trainyard_supervisor.event_files.followed import (
    FILE,
    Batch,
    Followed,
    Place,
    attributed,
    load,
    save,
)
from trainyard_supervisor.event_files.rows import Row
from trainyard_supervisor.settings import Attempt

STREAM = "events-0"
"""Nothing else uses its numbers, so that one which is used says that its batch was made."""


class EventStream:
    """Batches of values, each with the places of the files up to which it goes."""

    def __init__(self, run_dir: Path, attempt: Attempt, warn: Callable[[str], None]) -> None:
        self._run_dir, self._attempt, self._warn = run_dir, attempt, warn
        self._root = run_dir / contract.SPOOL
        self._sender: Sender | None = None

    def followed(self) -> Followed:
        """What attempts before have left; to be called before anything is sent."""
        return load(self._run_dir, self._last_sequence)

    def attribute(self, since: int) -> None:
        """Remember which files attempts before have left; to be called before the program starts.

        Files that changed until `since` (nanoseconds) came with the code.
        """
        there = newest(event_files(self._run_dir)[0]) if self._attempt.number > 1 else []
        if not there:
            return
        followed = self.followed()
        before = self._attempt.number - 1
        followed.places = attributed(followed.places, there, before, since)
        with contextlib.suppress(OSError):
            save(self._run_dir, followed)

    @property
    def has_left(self) -> bool:
        """Whether attempts before have left batches or places."""
        return (self._run_dir / FILE).exists() or any(self._root.glob(f"*/{STREAM}/*.json"))

    @property
    def waiting(self) -> int:
        """Batches that wait for the gateway."""
        return 0 if self._sender is None else self._sender.waiting

    def open(self) -> Sender:
        """The sender, which also delivers what attempts before have left. Raises OSError."""
        if self._sender is None:
            attempt = self._attempt
            spool = Spool(self._root, attempt.number, STREAM)
            identity = {
                "sessionUid": attempt.session_uid,
                "attempt": attempt.number,
                "stream": STREAM,
            }
            transport = GatewayTransport(attempt.gateway_url, attempt.token_file)
            self._sender = Sender(transport, spool, identity, self._warn)
        return self._sender

    def send(self, rows: Sequence[Row], followed: Followed, after: dict[str, Place]) -> None:
        """Spool rows as one batch; `after` are the places after it. Raises OSError."""
        now = time.time()
        items = [
            ("metrics", now if row.when is None else row.when, (row.step, None, row.values))
            for row in rows
        ]

        def remember(sequence: int) -> None:
            save(self._run_dir, followed, Batch(self._attempt.number, sequence, after))

        self.open().put_batch(items, remember)

    def stop(self, seconds: float) -> None:
        """Deliver what is left for at most `seconds`; the rest stays in the spool."""
        if self._sender is not None:
            self._sender.stop(seconds)

    def _last_sequence(self, attempt: int) -> int:
        made = (self._root / f"{attempt:06d}" / STREAM).is_dir()
        return Spool(self._root, attempt, STREAM).last_sequence() if made else 0
