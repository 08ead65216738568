"""Fixed sentences, errors, confirmations and the form, as HTML for the Bot API. Pure.

`sessions` renders sessions and the queue, `registry` renders models, datasets and nodes.

Guarantees of the three modules:

- Names, log lines and error details are escaped and cut; the only tags are b, i, code and pre.
- Every function but `sessions.logs` gives one message within `formats.MESSAGE_LIMIT`.
- An unknown value is left out; nothing is guessed.
"""

from __future__ import annotations

from collections.abc import Sequence
from types import MappingProxyType
from typing import Final

from trainyard.models import Session
from trainyard_bot.gateway.errors import Problem, ProblemKind
from trainyard_bot.text import formats
from trainyard_bot.text.formats import count, duration, escape, inline
from trainyard_bot.updates.commands import USAGES, usage_line
from trainyard_bot.updates.fields import ParseError

PROBLEMS: Final = MappingProxyType(
    {
        ProblemKind.UNAUTHORIZED: "The gateway does not accept my API key. "
        "Ask an administrator for a valid key.",
        ProblemKind.FORBIDDEN: "My API key may not do this. "
        "Ask an administrator for a key with that right.",
        ProblemKind.NOT_FOUND: "It does not exist. "
        "/sessions, /models and /datasets show what there is.",
        ProblemKind.CONFLICT: "This cannot be done in its present state.",
        ProblemKind.INVALID: "The gateway does not accept this.",
        ProblemKind.TOO_MANY_REQUESTS: "The gateway gets too many requests from me. "
        "Try again in {wait}.",
        ProblemKind.SERVER_ERROR: "The gateway failed. "
        "Try again, and tell an administrator if it happens again.",
        ProblemKind.UNAVAILABLE: "The gateway is not ready right now. Try again in {wait}.",
        ProblemKind.TIMEOUT: "The gateway did not answer in time. Try again in a minute.",
        ProblemKind.UNKNOWN_OUTCOME: "The gateway did not answer. "
        "It may still have done it: look before you repeat.",
        ProblemKind.UNREACHABLE: "I cannot reach the gateway. "
        "It may be restarting; try again in a minute.",
        ProblemKind.NOT_THE_GATEWAY: "Something answered that is not the gateway (not JSON). "
        "Is there a proxy in between?",
        ProblemKind.OTHER: "The gateway refused this.",
    }
)
"""One sentence for each kind of problem: what happened, and what to do."""

OPERATIONS: Final = MappingProxyType(
    {
        "train": "open the form",
        "form": "fill in the form",
        "submit": "start the session",
        "status": "show the session",
        "sessions": "list the sessions",
        "queue": "show the queue",
        "metrics": "show the metrics",
        "logs": "show the log lines",
        "stop": "stop the session",
        "cancel": "cancel the session",
        "suspend": "suspend the session",
        "resume": "resume the session",
        "raise": "raise the session's priority",
        "models": "show the models",
        "file": "fetch the model's file",
        "delete": "delete the model",
        "datasets": "show the datasets",
        "system": "show the nodes and GPUs",
    }
)
"""What was asked for, as written before a problem: several commands can be in progress."""

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


def parse_error(error: ParseError) -> str:
    """The answer to a text that was not understood."""
    usage = f"\nUsage: <code>{escape(error.usage)}</code>" if error.usage else ""
    return f"🤔 {inline(error.sentence)}{usage}"


def problem(found: Problem, operation: str = "") -> str:
    """A failed call: which of `OPERATIONS`, what happened, what to do, the gateway's sentence."""
    wait = duration(found.retry_after) if found.retry_after else "a minute"
    failed = f"I could not {OPERATIONS[operation]}. " if operation else ""
    lines = ["⚠️ " + failed + PROBLEMS[found.kind].format(wait=wait)]
    if found.detail:
        lines.append(f"<i>{inline(found.detail)}</i>")
    lines += [
        f"• <code>{inline(name, 100)}</code>: {inline(text, 200)}"
        for name, text in found.fields[:8]
    ]
    return "\n".join(lines)


def fault(error_id: str) -> str:
    """The answer when the bot itself failed: an id that is also in the log, and no traceback."""
    return (
        "💥 I failed because of an error of my own. "
        f"An administrator finds it in my log as <code>{escape(error_id)}</code>."
    )


def confirm_end(session: Session, operation: str) -> str:
    """The question before `stop` or `cancel`."""
    name = f"<b>{inline(session.name)}</b>"
    if operation == "stop":
        return f"Stop {name}? It saves a checkpoint first. A stopped session cannot be resumed."
    if session.status.start_time is None:
        return f"Cancel {name}? It has not run yet."
    return f"Cancel {name}? Its checkpoints are kept, but it cannot be resumed."


def confirm_delete(name: str, versions: int) -> str:
    """The question before a model is deleted."""
    what = f"model <b>{inline(name)}</b> with {count(versions, 'version')}"
    return f"Delete {what}? This cannot be undone."


def done(operation: str, name: str) -> str:
    """After `stop`, `suspend`, `resume`, `cancel`, `delete` or `raise` of `name`."""
    return _DONE[operation].format(f"<b>{inline(name)}</b>")


def already_ended(session: Session) -> str:
    """The answer to stop or cancel of a session that has ended."""
    return f"<b>{inline(session.name)}</b> has already ended ({inline(session.phase)})."


def not_cancellable(session: Session) -> str:
    """The answer to cancel of a session that holds its GPUs."""
    name, phase = inline(session.name), inline(session.phase)
    return f"<b>{name}</b> can no longer be cancelled ({phase}). /stop stops it."


def choose(command: str) -> str:
    """The answer to a command that needs a session if several could be meant."""
    return f"Which session? Tap one, or write <code>{escape(usage_line(command))}</code>."


def submitted(name: str) -> str:
    """After the form was sent."""
    return f"📝 <b>{inline(name)}</b> is submitted."


def model_file(name: str, sha256: str) -> str:
    """The caption of a model's file."""
    check = f"\nSHA-256 <code>{inline(sha256)}</code>" if sha256 else ""
    return f"📦 <b>{inline(name)}</b>{check}"


def too_big(name: str, size_bytes: int) -> str:
    """The answer if a model's file is larger than the Bot API carries."""
    return (
        f"<b>{inline(name)}</b> has {formats.size(size_bytes)}; I can send at most 50 MiB. "
        f"Use the command line: <code>trainyard models get {inline(name)}</code>"
    )


def accepted() -> str:
    """Below a complete form that the gateway would accept."""
    return "✅ The gateway accepts this."


def form(fields: Sequence[tuple[str, str]], question: str) -> str:
    """The form: what is filled in, as (field, value), and the next question."""
    filled = "".join(f"\n{escape(key)}: <code>{inline(text, 128)}</code>" for key, text in fields)
    return f"📝 <b>New session</b>{filled}\n\n{escape(question)}"
