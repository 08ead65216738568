"""Sums of the ledger: who used how many GPUs, and for how long."""

from __future__ import annotations

from trainyard.models.page import Page
from trainyard_api.model import OpenModel


class UsageGroup(OpenModel):
    """What one group held. Seconds are those within the asked time."""

    user: str | None = None
    """Absent unless grouped by it, like the next three; empty for sessions without a user."""
    queue: str | None = None
    month: str | None = None
    """In UTC, such as 2026-11."""
    label: str | None = None
    """Value of the label; empty for sessions without it."""
    attempts: int = 0
    running_attempts: int = 0
    """Attempts that are under way; they count until now."""
    unknown_attempts: int = 0
    """Attempts that are not in the sums, or only in part: without a record of their times."""
    inexact_attempts: int = 0
    """Attempts that ended when they were found gone, not by a time of Kubernetes."""
    gpu_seconds: float = 0
    cpu_core_seconds: float = 0
    memory_gib_seconds: float = 0
    failed_gpu_seconds: float = 0
    """GPU-seconds of failed attempts after their last durable checkpoint; part of gpu_seconds."""
    interrupted_gpu_seconds: float = 0
    """The same of attempts that were preempted, or disrupted by the cluster."""
    unknown_losses: int = 0
    """Such attempts without any checkpoint: how much they lost is not known."""
    installation_cpu_core_seconds: float = 0
    """Of installations of packages; in no other sum."""
    installation_memory_gib_seconds: float = 0


class UsagePage(Page):
    """One page of groups, in the order of their values."""

    since: str
    until: str
    usage: list[UsageGroup]
