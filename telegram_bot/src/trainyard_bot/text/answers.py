"""Fixed sentences, confirmations and the form, as HTML for the Bot API. Pure.

`problems` says what failed, `sessions` and `notices` show sessions and the queue, `registry` shows
models, datasets and nodes.

Guarantees of these modules:

- Names, log lines and error details are escaped and cut; the only tags are b, i, code and pre.
- Every function but `sessions.logs` gives one message within `formats.MESSAGE_LIMIT`.
- An unknown value is left out; nothing is guessed.
"""

from __future__ import annotations

from collections.abc import Sequence
from types import MappingProxyType
from typing import Final

from trainyard.models import Session
from trainyard_bot.text import formats
from trainyard_bot.text.formats import count, escape, inline, name_of
from trainyard_bot.updates.commands import USAGES, usage_line

EXPIRED: Final = "This button is too old. Send the command again."
FORM_EXPIRED: Final = "This form is no longer open. /train opens a new one."
FORM_CLOSED: Final = "Form closed; nothing was started."
NOTHING_TO_CANCEL: Final = "No form is open, and no session is waiting or suspended."
NO_SESSIONS: Final = "No session to show. /train starts one."
HINT: Final = "I understand commands; /help lists them."
NOT_FOUND: Final = "It no longer exists."
UNCHANGED: Final = "Nothing was changed."

_DONE: Final = MappingProxyType(
    {
        "stop": "⏹ {} is stopping.",
        "suspend": "⏸ {} is being suspended.",
        "resume": "▶️ {} is back in the queue.",
        "cancel": "🚫 {} is cancelled.",
        "delete": "🗑 Model {} is deleted.",
        "raise": "⏫ {} has a higher priority now.",
    }
)


def welcome(bot_name: str, chat_id: int) -> str:
    """The answer to /start."""
    return (
        f"👋 I am <b>{escape(bot_name)}</b>. I start, show and stop training sessions.\n"
        "/train starts one, /sessions lists them, /help lists all commands.\n"
        f"<i>This is chat {chat_id}.</i>"
    )


def help_text() -> str:
    """The answer to /help: every command with its arguments."""
    return "\n".join(
        f"{escape(usage_line(name))} – {escape(usage.does)}" for name, usage in USAGES.items()
    )


def confirm_end(session: Session, operation: str) -> str:
    """The question before `stop` or `cancel`."""
    name = f"<b>{name_of(session.name)}</b>"
    if operation == "stop":
        return f"Stop {name}? It saves a checkpoint first. A stopped session cannot be resumed."
    if session.status.start_time is None:
        return f"Cancel {name}? It has not run yet."
    return f"Cancel {name}? Its checkpoints are kept, but it cannot be resumed."


def confirm_delete(name: str, versions: int) -> str:
    """The question before a model is deleted."""
    what = f"model <b>{name_of(name)}</b> with {count(versions, 'version')}"
    return f"Delete {what}? This cannot be undone."


def done(operation: str, name: str) -> str:
    """After `stop`, `suspend`, `resume`, `cancel`, `delete` or `raise` of `name`."""
    return _DONE[operation].format(f"<b>{name_of(name)}</b>")


def already_ended(session: Session) -> str:
    """The answer to stop or cancel of a session that has ended."""
    return f"<b>{name_of(session.name)}</b> has already ended ({inline(session.phase)})."


def not_cancellable(session: Session) -> str:
    """The answer to cancel of a session that holds its GPUs."""
    name, phase = name_of(session.name), inline(session.phase)
    return f"<b>{name}</b> can no longer be cancelled ({phase}). /stop stops it."


def choose(command: str) -> str:
    """The answer to a command that needs a session if several could be meant."""
    return f"Which session? Tap one, or write <code>{escape(usage_line(command))}</code>."


def submitted(name: str) -> str:
    """After the form was sent."""
    return f"📝 <b>{name_of(name)}</b> is submitted."


def model_file(name: str, sha256: str) -> str:
    """The caption of a model's file."""
    check = f"\nSHA-256 <code>{inline(sha256)}</code>" if sha256 else ""
    return f"📦 <b>{name_of(name)}</b>{check}"


def too_big(name: str, size_bytes: int) -> str:
    """The answer if a model's file is larger than the Bot API carries."""
    return (
        f"<b>{name_of(name)}</b> has {formats.size(size_bytes)}; I can send at most 50 MiB. "
        f"Use the command line: <code>trainyard models get {name_of(name)}</code>"
    )


def is_folder(name: str, files: int) -> str:
    """The answer if a model is no single file."""
    return (
        f"<b>{name_of(name)}</b> is a folder of {count(files, 'file')}; I send single files only. "
        f"Use the command line: <code>trainyard models get {name_of(name)}</code>"
    )


def accepted() -> str:
    """Below a complete form that the gateway would accept."""
    return "✅ The gateway accepts this."


def form(fields: Sequence[tuple[str, str]], question: str) -> str:
    """The form: what is filled in, as (field, value), and the next question."""
    filled = "".join(f"\n{escape(key)}: <code>{inline(text, 128)}</code>" for key, text in fields)
    return f"📝 <b>New session</b>{filled}\n\n{escape(question)}"
