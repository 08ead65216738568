"""Runs: those of sessions, and those that programs elsewhere report by MLflow."""

from __future__ import annotations

from trainyard.models.curves import Value
from trainyard.models.page import Page
from trainyard_api.model import OpenModel


class Run(OpenModel):
    """A run as a list shows it."""

    id: str
    """The id of MLflow's protocol."""
    kind: str
    """`session`, `program` (another run of a session's program) or `local` (without a session)."""
    name: str
    experiment: str
    status: str
    """SCHEDULED, RUNNING, FINISHED, FAILED or KILLED."""
    session: str | None = None
    session_uid: str | None = None
    parent: str | None = None
    """Id of the run that it is nested in."""
    user: str | None = None
    key: str | None = None
    """Name of the API key by which a local run was reported."""
    start_time: str
    end_time: str | None = None


class RunDetails(Run):
    """A run with what was logged to it."""

    params: dict[str, str] = {}
    tags: dict[str, str] = {}
    metrics: list[Value] = []
    """The newest value of each metric, by name."""


class Runs(Page):
    """One page of runs, newest first."""

    runs: list[Run]
