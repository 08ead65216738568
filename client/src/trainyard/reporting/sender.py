"""The background thread: batches queued items, spools them, and sends them until acknowledged."""

from __future__ import annotations

import contextlib
import json
import math
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any

from trainyard.reporting.json_numbers import number
from trainyard.reporting.ordered_delivery import OrderedDelivery
from trainyard.reporting.spool import Entry, Spool
from trainyard.reporting.transport import Transport

Encoder = Callable[[Any], bytes]
_quick: Encoder | None
try:
    from orjson import dumps as _quick
except ModuleNotFoundError:
    # The standard library encodes the same, more slowly.
    _quick = None

FLUSH_SECONDS = 1.0
"""How long a value waits for others before its batch is made."""
FIRST_SECONDS = 0.05
"""The same for a value that follows `FLUSH_SECONDS` without any."""
BATCH_ITEMS = 2000
"""Rows and lines per batch."""
BATCH_BYTES = 256 << 10
"""Characters of lines after which a batch is made; well below the gateway's limit of bytes."""
MEMORY_ITEMS = 100_000
"""Default of the values held in memory."""
_FEW_ITEMS = 16

Item = tuple[str, float, Any]
"""Kind (metrics, logs, heartbeat, checkpoint), wall-clock seconds, content."""


class Sender:
    """Delivers items of one stream of one attempt, exactly once and in order."""

    def __init__(
        self,
        transport: Transport,
        spool: Spool,
        identity: dict[str, Any],
        warn: Callable[[str], None],
        memory_items: int = MEMORY_ITEMS,
        batch_items: int = BATCH_ITEMS,
    ) -> None:
        """`memory_items` are held while the disk takes none; then the oldest are dropped."""
        self._batch_items = batch_items
        self._queued = self._batched = 0
        """Characters of lines that were queued, and that are in batches; one thread writes each."""
        self._delivery = OrderedDelivery(transport, warn)
        self._spool = spool
        self._identity = identity
        self._warn = warn
        self._items: deque[Item] = deque(maxlen=memory_items)
        self._wake = threading.Event()
        self._batching = threading.Lock()
        self._stopping = False
        self._idle = True
        """Whether nothing was queued for `FLUSH_SECONDS`."""
        self._sequence = spool.last_sequence()
        self._waiting: deque[Entry] = deque(spool.entries())
        self._thread = threading.Thread(target=self._work, name="trainyard-report", daemon=True)
        self._thread.start()

    def put(self, kind: str, content: Any) -> None:
        """Queue an item; never blocks."""
        item = (kind, time.time(), content)
        self._queued += _size(item)
        self._items.append(item)
        if self._idle or len(self._items) >= self._batch_items or self.queued >= BATCH_BYTES:
            self._wake.set()

    @property
    def queued(self) -> int:
        """Characters of lines that wait in memory."""
        return self._queued - self._batched

    @property
    def is_full(self) -> bool:
        """Whether a few more items would push others out."""
        return len(self._items) + _FEW_ITEMS >= (self._items.maxlen or 0)

    @property
    def waiting(self) -> int:
        """Batches in the spool that are not acknowledged."""
        return len(self._waiting)

    def put_batch(self, items: list[Item], before: Callable[[int], None]) -> None:
        """Spool items as one batch in the caller's thread; `before` gets its sequence first.

        Raises OSError; then `before` is called with the same sequence the next time.
        """
        with self._batching:
            before(self._sequence + 1)
            self._make_batch(items)
        self._wake.set()

    def flush(self) -> bool:
        """Spool all queued items in the caller's thread; False if the disk write failed."""
        try:
            self._make_batches()
        except OSError as error:
            self._warn(f"cannot spool reports: {error}")
            return False
        return True

    def stop(self, timeout: float) -> bool:
        """Send what is left for at most `timeout` seconds; whether all was delivered.

        What is not delivered stays in the spool.
        """
        self._stopping = True
        self._wake.set()
        self._thread.join(timeout)
        return not self._thread.is_alive() and not self._waiting and not self._items

    def _work(self) -> None:
        try:
            self._work_until_stopped()
        finally:
            self._delivery.close()

    def _work_until_stopped(self) -> None:
        while True:
            last = self._stopping
            self._collect(last)
            try:
                self._make_batches()
                delivered = self._delivery.deliver(self._waiting, self._spool.remove)
            except OSError as error:
                # The disk is full or gone: the training continues, and the thread tries again.
                self._warn(f"cannot spool reports: {error}")
                delivered = False
            if last and delivered and not self._items:
                return

    def _collect(self, last: bool) -> None:
        """Wait until a batch is due."""
        woken = self._wake.wait(0.05 if last else FLUSH_SECONDS)
        self._wake.clear()
        was_idle, self._idle = self._idle, not (woken or self._items)
        if woken and was_idle:
            # The rest of what comes at once.
            self._wake.wait(FIRST_SECONDS)

    def _make_batches(self) -> None:
        with self._batching:
            while self._items:
                items, size = self._next_items()
                try:
                    self._make_batch(items)
                except OSError:
                    # Keep the items for the next try, unless newer ones need the space.
                    if len(self._items) + len(items) <= (self._items.maxlen or 0):
                        self._items.extendleft(reversed(items))
                    else:
                        self._batched += size
                    raise
                self._batched += size

    def _next_items(self) -> tuple[list[Item], int]:
        """The items of one batch, and the characters of their lines."""
        items: list[Item] = []
        size = 0
        while self._items and len(items) < self._batch_items and size < BATCH_BYTES:
            items.append(self._items.popleft())
            size += _size(items[-1])
        return items, size

    def _make_batch(self, items: list[Item]) -> None:
        sequence = self._sequence + 1
        body = encoded({**self._identity, "sequence": sequence, **make_batch(items)})
        self._waiting.append(self._spool.put(sequence, body))
        self._sequence = sequence


def _size(item: Item) -> int:
    return len(item[2][1]) if item[0] == "logs" else 0


def make_batch(items: list[Item]) -> dict[str, Any]:
    """A batch (`trainyard_api.report.Batch` without identity). Pure."""
    batch: dict[str, Any] = {"metrics": [], "logs": []}
    for kind, when, content in items:
        stamp = _time(when)
        if kind == "metrics":
            step, epoch, values = content
            # A single NaN makes the sum NaN; on overflow, too, check each value.
            if not math.isfinite(sum(values.values())):
                values = {k: number(v) for k, v in values.items()}
            row = {"step": step, "time": stamp, "values": values}
            batch["metrics"].append(row if epoch is None else {**row, "epoch": epoch})
        elif kind == "logs":
            level, message, rank = content
            batch["logs"].append(
                {"time": stamp, "level": level, "message": message[:16_384], "rank": rank}
            )
        else:
            # Only the newest heartbeat and checkpoint of a batch matter.
            batch[kind] = {"time": stamp, **content}
    return batch


def _time(when: float) -> str:
    """Seconds since 1970 by RFC 3339; the module `datetime` would take memory."""
    part, whole = math.modf(when)
    more, micro = divmod(round(part * 1_000_000), 1_000_000)
    fraction = f".{micro:06d}" if micro else ""
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(whole + more))}{fraction}+00:00"


def encoded(body: dict[str, Any], quick: Encoder | None = _quick) -> bytes:
    """`body` as JSON.

    Encoding holds the interpreter's lock; `quick` is orjson's encoder, None without it.
    """
    if quick is not None:
        # TypeError: lone surrogates, as a console that is not UTF-8 prints them, and integers of
        # more than 64 bits.
        with contextlib.suppress(TypeError):
            return quick(body)
    # Row by row: of a whole batch the encoder would hold each number and word as a text.
    parts = []
    for key, value in body.items():
        rows = ",".join(map(json.dumps, value)) if isinstance(value, list) else None
        parts.append(f"{json.dumps(key)}:{json.dumps(value) if rows is None else f'[{rows}]'}")
    return f"{{{','.join(parts)}}}".encode()
