"""Every command with its summary. A command's module is imported when the command runs.

`trainyard --help` and the completion of names therefore import nothing that talks to the gateway.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperCommand
from typer.main import get_command, get_group


@dataclass(frozen=True, slots=True)
class Entry:
    """One command, or one group of commands."""

    name: str
    panel: str
    """Heading in `--help`."""
    module: str
    """Module below `trainyard.cli.commands`."""
    attribute: str
    """The command's function, or the group's `typer.Typer`."""
    summary: str
    """The first line of its help."""
    context_settings: Mapping[str, Any] = field(default_factory=dict)


ENTRIES: tuple[Entry, ...] = (
    Entry("login", "Set up", "login", "login", "Check URL and API key, and remember both."),
    Entry("logout", "Set up", "login", "logout", "Forget URL and API key."),
    Entry(
        "doctor",
        "Set up",
        "doctor",
        "doctor",
        "Check gateway, key, clock, disk and GPUs; with kubectl also the cluster.",
    ),
    Entry(
        "system",
        "Set up",
        "system",
        "system",
        "Show the usage of the gateway's machine and of the cluster's nodes.",
    ),
    Entry("run", "Train", "run", "run", "Send this folder and start the program in it, as it is."),
    Entry("submit", "Train", "submit", "submit", "Start a training session."),
    Entry("ls", "Train", "sessions", "ls", "List sessions, newest first."),
    Entry("status", "Train", "sessions", "status", "Show one session: where it stands, and why."),
    Entry(
        "watch",
        "Train",
        "watch",
        "watch",
        "Follow a session to its end: percent, epoch, loss with trend, time left.",
    ),
    Entry("logs", "Train", "logs", "logs", "Show what a session printed."),
    Entry(
        "metrics",
        "Train",
        "metrics",
        "metrics",
        "Show the newest values; with --plot, --png or --csv the curves.",
    ),
    Entry(
        "tensorboard",
        "Train",
        "trackers.tensorboard",
        "tensorboard",
        "Start your TensorBoard on the event files of sessions.",
    ),
    Entry(
        "queue",
        "Train",
        "queue",
        "queue",
        "Show the waiting sessions in queue order, and why each one waits.",
    ),
    Entry(
        "queues",
        "Train",
        "queues",
        "queues",
        "List the queues: quota, share by weight, GPUs that their sessions hold, and who waits.",
    ),
    Entry(
        "estimate",
        "Train",
        "estimate",
        "estimate",
        "Tell whether and when a session would start, without starting it.",
    ),
    Entry("stop", "Steer", "sessions", "stop", "Save a checkpoint and end; final."),
    Entry("suspend", "Steer", "sessions", "suspend", "Save a checkpoint and release the GPUs."),
    Entry("resume", "Steer", "sessions", "resume", "Put a suspended session back into its queue."),
    Entry(
        "priority",
        "Steer",
        "sessions",
        "priority",
        "Change the priority, also while the session waits or runs.",
        # A negative priority is not an option.
        context_settings={"ignore_unknown_options": True},
    ),
    Entry(
        "cancel",
        "Steer",
        "sessions",
        "cancel",
        "Remove a waiting or suspended session from its queue.",
    ),
    Entry(
        "runs",
        "Train",
        "runs",
        "runs",
        "List runs, also those that programs elsewhere report by MLflow; with an id show one.",
    ),
    Entry(
        "usage",
        "Train",
        "ledger.usage",
        "usage",
        "Sum the GPU hours of sessions, also of deleted ones, and what was lost of them.",
    ),
    Entry("models", "Keep", "models", "app", "List, download, upload, verify and delete models."),
    Entry(
        "datasets",
        "Keep",
        "datasets",
        "app",
        "Upload, list, download, describe and correct datasets.",
    ),
    Entry(
        "files",
        "Keep",
        "folders.files",
        "app",
        "List and download what a session has left in its folder.",
    ),
    Entry(
        "notices",
        "Set up",
        "access.notices",
        "app",
        "Have notices about sessions sent to webhooks and services, and see what was sent.",
    ),
    Entry("import", "Keep", "trackers.imports", "app", "Bring runs of other trackers here."),
    Entry("code", "Keep", "folders.code", "app", "Send folders with programs, and get them back."),
    Entry(
        "uploads",
        "Keep",
        "datasets",
        "uploads",
        "List and delete uploads that are not complete.",
    ),
    Entry(
        "keys", "Set up", "access.keys", "app", "Make, list and revoke API keys (administrators)."
    ),
    Entry(
        "users", "Set up", "access.users", "app", "Make, change and remove users (administrators)."
    ),
    Entry(
        "teams", "Set up", "access.teams", "app", "Make, list and remove teams (administrators)."
    ),
    Entry(
        "share",
        "Keep",
        "access.share",
        "share",
        "Show whose a session, dataset or model is, and change who sees it.",
    ),
    Entry(
        "logins",
        "Set up",
        "access.logins",
        "app",
        "List and end logins by single sign-on (administrators).",
    ),
    Entry(
        "audit",
        "Set up",
        "access.audit",
        "audit",
        "Show who created, changed and deleted what, newest first (administrators).",
    ),
    Entry(
        "limits",
        "Set up",
        "access.limits",
        "app",
        "GPUs at once and GPU-hours of users, teams and keys.",
    ),
)


class LazyCommand(TyperCommand):
    """Stands for a command in lists; `load` imports it."""

    def __init__(self, entry: Entry) -> None:
        super().__init__(entry.name, help=entry.summary, rich_help_panel=entry.panel)
        self._entry = entry

    def load(self) -> Any:
        """The command itself."""
        entry = self._entry
        module = import_module(f"trainyard.cli.commands.{entry.module}")
        found = getattr(module, entry.attribute)
        if isinstance(found, typer.Typer):
            group = get_group(found)
            group.name = entry.name
            return group
        app = typer.Typer(add_completion=False, rich_markup_mode="rich")
        settings = dict(entry.context_settings) or None
        app.command(entry.name, context_settings=settings)(found)
        return get_command(app)


def commands() -> dict[str, LazyCommand]:
    """All commands by name, in the order of `--help`."""
    return {entry.name: LazyCommand(entry) for entry in ENTRIES}
