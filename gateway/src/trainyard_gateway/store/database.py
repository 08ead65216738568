"""What both databases can do. Writes are durable when they return; batches of reports are taken in groups, one commit for many, and sorted
in later, many groups at once (`store.reports.inbox`). Who reads does not notice: what was acknowledged is sorted in first.

`Database` is the seam: `sqlite` and `postgres` hold the two kinds. An action is a function of a synchronous SQLAlchemy connection, so
that every query is written once.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from sqlalchemy import Connection

from trainyard_api.report import Batch

T = TypeVar("T")
GROUP_LIMIT = 500
"""Writes per commit at most."""


class Database(ABC):
    """Start with `open`, end with `close`."""

    exclusive: bool
    """Whether this process is the only one with this database."""

    def __init__(self) -> None:
        self._of_reports: list[Callable[[str], None]] = []
        self._of_news: list[Callable[[str], None]] = []

    def on_report(self, listener: Callable[[str], None]) -> None:
        """Tell `listener` the UID of each session whose reports this process made durable, before their senders hear of it."""
        self._of_reports.append(listener)

    def on_news(self, listener: Callable[[str], None]) -> None:
        """Tell `listener` the UID of each session whose reports this process sorted in, so that `read` finds them without waiting."""
        self._of_news.append(listener)

    def _reported(self, batches: Iterable[Batch]) -> None:
        _tell(self._of_reports, batches)

    def _sorted_in(self, batches: Iterable[Batch]) -> None:
        _tell(self._of_news, batches)

    @abstractmethod
    async def open(self) -> None:
        """Bring the schema up to date and begin. Raises SettingsError when that is impossible."""

    @abstractmethod
    async def close(self) -> None:
        """Carry out what is queued, then end."""

    @abstractmethod
    async def write(self, action: Callable[[Connection], T]) -> T:
        """Run `action` in a transaction, one writer at a time; returns when it is durable. It finds everything that was acknowledged."""

    @abstractmethod
    async def read(self, action: Callable[[Connection], T], settled: bool = True) -> T:
        """Run `action` on a connection of its own. It finds everything that was acknowledged before; with `settled` False what came within
        the last SETTLE_SECONDS may be missing, of which `on_news` tells."""

    @abstractmethod
    async def ingest(self, batch: Batch, body: bytes | None = None) -> bool:
        """Take a batch exactly once; True when it was there already. Returns when it is durable. `body`: what the batch was read from."""


def _tell(listeners: Iterable[Callable[[str], None]], batches: Iterable[Batch]) -> None:
    for uid in {batch.session_uid for batch in batches}:
        for listener in listeners:
            listener(uid)


def settle(future: asyncio.Future[Any], outcome: Any) -> None:
    """Hand the outcome of a write, or the exception that it ended with, to whoever waits."""
    # Whoever waited may have gone.
    if future.done():
        return
    if isinstance(outcome, Exception):
        future.set_exception(outcome)
    else:
        future.set_result(outcome)
