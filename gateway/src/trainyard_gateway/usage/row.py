"""One group of an answer, and a table of them as CSV. Pure."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

from trainyard_api.model import OpenModel
from trainyard_gateway.store.ledger.sums import Key, Sums

_MICROS = 1_000_000
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


class UsageRow(OpenModel):
    """What one group held. Seconds are those within the asked time."""

    user: str | None = None
    """Absent unless grouped by it, like the next three; empty for sessions without a user."""
    queue: str | None = None
    month: str | None = None
    """In UTC, such as 2026-11."""
    label: str | None = None
    """Value of the label; empty for sessions without it."""
    attempts: int = 0
    """Attempts; one that crosses the end of a month counts in both."""
    running_attempts: int = 0
    """Of these, how many are under way; they count until now."""
    unknown_attempts: int = 0
    """Of these, how many are not in the sums, or only in part: without a record of their times."""
    inexact_attempts: int = 0
    """Of these, how many ended when they were found gone, not by a time of Kubernetes."""
    gpu_seconds: float = 0
    cpu_core_seconds: float = 0
    memory_gib_seconds: float = 0
    failed_gpu_seconds: float = 0
    """GPU-seconds of failed attempts after their last durable checkpoint; part of gpuSeconds."""
    interrupted_gpu_seconds: float = 0
    """The same of attempts that were preempted, or disrupted by the cluster."""
    unknown_losses: int = 0
    """Such attempts without any checkpoint: how much they lost is not known."""
    installation_cpu_core_seconds: float = 0
    """Of installations of packages; in no other sum."""
    installation_memory_gib_seconds: float = 0


def row_of(by: Sequence[str], key: Key, sums: Sums) -> UsageRow:
    """A group, with its values of `by`."""
    return UsageRow(
        **dict(zip(by, key, strict=True)),
        attempts=sums.attempts,
        running_attempts=sums.running,
        unknown_attempts=sums.unknown,
        inexact_attempts=sums.inexact,
        gpu_seconds=_seconds(sums.gpu, 1),
        cpu_core_seconds=_seconds(sums.cpu, 1000),
        memory_gib_seconds=_seconds(sums.memory, 1 << 30),
        failed_gpu_seconds=_seconds(sums.lost_failed, 1),
        interrupted_gpu_seconds=_seconds(sums.lost_interrupted, 1),
        unknown_losses=sums.unknown_loss,
        installation_cpu_core_seconds=_seconds(sums.installation_cpu, 1000),
        installation_memory_gib_seconds=_seconds(sums.installation_memory, 1 << 30),
    )


def _seconds(micros: int, unit: int) -> float:
    return round(micros / (unit * _MICROS), 3)


def as_csv(by: Sequence[str], rows: Sequence[UsageRow]) -> str:
    """A table with a header, lines ended by CRLF (RFC 4180).

    A value that a spreadsheet would take for a formula gets an apostrophe in front.
    """
    groups = {"user", "queue", "month", "label"}
    fields = [n for n in UsageRow.model_fields if n not in groups]
    text = io.StringIO()
    table = csv.writer(text)
    table.writerow([*by, *(UsageRow.model_fields[name].alias for name in fields)])
    for row in rows:
        names = (_harmless(getattr(row, name) or "") for name in by)
        table.writerow([*names, *(getattr(row, name) for name in fields)])
    return text.getvalue()


def _harmless(value: str) -> str:
    return f"'{value}" if value.startswith(_FORMULA) else value
