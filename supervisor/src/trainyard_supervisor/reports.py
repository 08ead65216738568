"""What the supervisor reports to the gateway: the program's lines and, if need be, its progress."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from trainyard.reporting.line_budget import LineBudget
from trainyard.reporting.secret_mask import SecretMask
from trainyard.reporting.sender import Sender
from trainyard.reporting.spool import Spool
from trainyard.reporting.transport import GatewayTransport
from trainyard_api import contract
from trainyard_supervisor.metric_sources import MetricSources
from trainyard_supervisor.settings import Attempt, Settings

STREAM = "supervisor-{worker}"
MEMORY_ITEMS = 2000
MEMORY_CHARACTERS = 512 << 10
"""Lines that wait in memory while the disk takes none, or not as fast as the program prints."""
BATCH_ITEMS = 500
LAST_LINES = 20


class Reports:
    """The lines and the progress of one attempt; without an attempt only last lines are kept."""

    def __init__(self, settings: Settings, warn: Callable[[str], None], mask: SecretMask) -> None:
        self.budget = LineBudget(since=time.monotonic())
        self.last_lines: deque[str] = deque(maxlen=LAST_LINES)
        self.mask = mask
        self.sources = MetricSources()
        self._worker = settings.worker
        self._own_streams: Path | None = None
        self._sender: Sender | None = None
        if settings.attempt is not None:
            self._sender = self._opened(settings.attempt, settings, warn)

    def _opened(
        self, attempt: Attempt, settings: Settings, warn: Callable[[str], None]
    ) -> Sender | None:
        stream = attempt.stream or STREAM.format(worker=settings.worker)
        root = settings.run_dir / contract.SPOOL
        self._own_streams = root / f"{attempt.number:06d}"
        try:
            spool = Spool(root, attempt.number, stream)
        except OSError as error:
            warn(f"nothing is reported, the spool cannot be made: {error}")
            return None
        identity = {
            "sessionUid": attempt.session_uid,
            "attempt": attempt.number,
            "stream": stream,
        }
        transport = GatewayTransport(attempt.gateway_url, attempt.token_file)
        return Sender(
            transport, spool, identity, warn, memory_items=MEMORY_ITEMS, batch_items=BATCH_ITEMS
        )

    def line(self, level: str, message: str) -> None:
        """Report a line, unless the program prints too much; then say so in a line."""
        # Again: what splits a value in the stream, such as colours, is gone from the line.
        message = self.mask.in_text(message)
        self.last_lines.append(message)
        if not self.budget.take(message, time.monotonic()):
            return
        if self._is_full():
            self.budget.left_out += 1
            return
        if (note := self.budget.note()) is not None:
            self._put("logs", ("warning", note, self._worker))
        self._put("logs", (level, message, self._worker))

    def _is_full(self) -> bool:
        """Whether lines come faster than they are written to the spool."""
        sender = self._sender
        return sender is not None and (sender.queued > MEMORY_CHARACTERS or sender.is_full)

    def heartbeat(self, content: Mapping[str, Any]) -> None:
        """Report progress."""
        self._put("heartbeat", dict(content))

    def metrics(self, step: int, values: Mapping[str, float]) -> None:
        """Report values of one step."""
        masked = {self.mask.in_text(name): value for name, value in values.items()}
        self._put("metrics", (step, None, masked))

    def program_reports(self) -> bool:
        """Whether the program itself reports in this attempt."""
        return self._own_streams is not None and any(self._own_streams.glob("rank-*"))

    def flush(self) -> None:
        """Write what was reported so far to the spool, where a kill loses none of it."""
        if self._sender is not None:
            self._sender.flush()

    def finish(self, seconds: float) -> None:
        """Deliver what is left for at most `seconds`; the rest stays in the spool."""
        if (note := self.budget.note()) is not None:
            self._put("logs", ("warning", note, self._worker))
        if self._sender is not None:
            self._sender.stop(seconds)

    def _put(self, kind: str, content: Any) -> None:
        if self._sender is not None:
            self._sender.put(kind, content)
