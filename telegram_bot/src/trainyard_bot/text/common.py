"""Every sentence that the bot says, as HTML for the Bot API. Pure: frozen values and a time in, text out.

`run_messages` renders runs and the queue, `stock_messages` models, datasets and nodes; the fixed sentences are here.

Guarantees:

- Whatever came from outside (names, log lines, error details) is escaped; the only tags are b, i, code and pre.
- Every function but `run_messages.logs` gives one message within `formats.MESSAGE_LIMIT`.
- Unknown values are left out; nothing is guessed.
"""

from __future__ import annotations

from collections.abc import Sequence
from types import MappingProxyType
from typing import Final

from trainyard_bot.gateway.views import Problem, Run
from trainyard_bot.text import formats
from trainyard_bot.text.formats import DETAIL_LIMIT, clip, count, duration, escape
from trainyard_bot.updates.commands import USAGES, Mistake, usage_line

PROBLEMS: Final = MappingProxyType(
    {
        "unauthorized": "The gateway does not accept my API key. Ask an administrator for a valid key.",
        "forbidden": "My API key may not do this. Ask an administrator for a key with that right.",
        "not_found": "There is no such thing, or it is gone. /sessions, /models and /datasets show what is there.",
        "conflict": "This cannot be done in its present state.",
        "invalid": "The gateway does not accept this.",
        "too_many": "The gateway gets too many requests from me. Try again in {wait}.",
        "server": "The gateway failed at this; the fault is on its side. Try again, and tell an administrator if it stays.",
        "unavailable": "The gateway is not ready right now. Try again in {wait}.",
        "timeout": "The gateway did not answer in time. Try again in a minute.",
        "unsure": "The gateway did not answer. It may still have done it: look before you repeat.",
        "unreachable": "I cannot reach the gateway. It may be restarting; try again in a minute.",
        "garbled": "Something answered that is not the gateway (not JSON). Is there a proxy in between?",
        "other": "The gateway refused this.",
    }
)
"""One sentence for each kind of gateway error: what happened, and what to do."""
ATTEMPTS: Final = MappingProxyType(
    {
        "train": "open the form",
        "form": "fill in the form",
        "submit": "start the run",
        "status": "show the run",
        "sessions": "list the runs",
        "queue": "show the queue",
        "metrics": "show the metrics",
        "logs": "show the log lines",
        "stop": "stop the run",
        "cancel": "take the run out of the queue",
        "suspend": "pause the run",
        "resume": "let the run go on",
        "raise": "raise the run's priority",
        "models": "show the models",
        "file": "fetch the model's file",
        "delete": "delete the model",
        "datasets": "show the datasets",
        "system": "show the nodes and GPUs",
    }
)
"""What a person asked for, as it stands in front of a gateway error: several commands may be under way at once."""
EXPIRED: Final = "This button is too old. Send the command again."
FORM_EXPIRED: Final = "This form is no longer open. /train starts a new one."
FORM_LEFT: Final = "Form closed; nothing was started."
NOTHING_TO_CANCEL: Final = "No form is open and no run is waiting."
NO_RUNS: Final = "No run to show. /train starts one."
HINT: Final = "I understand commands; /help lists them."
GONE: Final = "It is no longer there."
KEPT: Final = "Nothing was changed."


def welcome(bot_name: str, chat_id: int) -> str:
    """The answer to /start."""
    return (
        f"👋 I am <b>{escape(bot_name)}</b>. I start, show and stop training runs.\n"
        "/train starts one, /sessions shows what runs, /help lists everything.\n"
        f"<i>This is chat {chat_id}.</i>"
    )


def help_text() -> str:
    """The answer to /help: every command with its arguments."""
    return "\n".join(
        f"{escape(usage_line(name))} – {escape(usage.does)}" for name, usage in USAGES.items()
    )


def mistake(problem: Mistake) -> str:
    """A command or an answer that was not understood."""
    usage = f"\nUsage: <code>{escape(problem.usage)}</code>" if problem.usage else ""
    return f"🤔 {escape(clip(problem.sentence, DETAIL_LIMIT))}{usage}"


def problem(error: Problem, attempt: str = "") -> str:
    """A gateway error: which of `ATTEMPTS` failed, what happened and what to do, then what the gateway said about it."""
    wait = duration(error.retry_after) if error.retry_after else "a minute"
    failed = f"I could not {ATTEMPTS[attempt]}. " if attempt else ""
    lines = ["⚠️ " + failed + PROBLEMS[error.kind].format(wait=wait)]
    if error.detail:
        lines.append(f"<i>{escape(clip(error.detail, DETAIL_LIMIT))}</i>")
    lines += [
        f"• <code>{escape(clip(name, 100))}</code>: {escape(clip(text, 200))}"
        for name, text in error.fields[:8]
    ]
    return "\n".join(lines)


def fault(short_id: str) -> str:
    """Our own mistake: an id that is also in the log, no traceback."""
    return f"💥 Something went wrong in me. An administrator finds it in my log as <code>{escape(short_id)}</code>."


def confirm_stop(view: Run) -> str:
    """Before a run is stopped."""
    name = f"<b>{escape(view.name)}</b>"
    if view.phase in ("Pending", "Queued"):
        return f"Take {name} out of the queue? It has not run yet."
    return f"Stop {name}? It saves a checkpoint first; a stopped run does not go on."


def confirm_delete(name: str, versions: int) -> str:
    """Before a model is deleted."""
    return f"Delete model <b>{escape(name)}</b> with {count(versions, 'version')}? This cannot be undone."


def done(action: str, name: str) -> str:
    """After `stop`, `suspend`, `resume`, `cancel`, `delete` or `raise`."""
    said = {
        "stop": "⏹ {} is stopping.",
        "suspend": "⏸ {} saves a checkpoint and pauses.",
        "resume": "▶️ {} goes back to the queue.",
        "cancel": "🚫 {} is out of the queue.",
        "delete": "🗑 Model {} is deleted.",
        "raise": "⏫ {} now goes before others.",
    }
    return said[action].format(f"<b>{escape(name)}</b>")


def already_over(view: Run) -> str:
    """Stop or cancel of a run that has ended."""
    return f"<b>{escape(view.name)}</b> is already over ({escape(view.phase)})."


def already_runs(view: Run) -> str:
    """Cancel of a run that holds its GPUs."""
    return f"<b>{escape(view.name)}</b> no longer waits ({escape(view.phase)}). /stop stops it."


def choose(command: str) -> str:
    """When a command needs a run and several could be meant."""
    return f"Which run? Tap one, or write <code>{escape(usage_line(command))}</code>."


def started(name: str) -> str:
    """After the form was handed in."""
    return f"📝 <b>{escape(name)}</b> is handed in."


def model_file(name: str, sha256: str) -> str:
    """The caption of a model's file."""
    check = f"\nSHA-256 <code>{escape(sha256)}</code>" if sha256 else ""
    return f"📦 <b>{escape(name)}</b>{check}"


def too_big(name: str, size_bytes: int) -> str:
    """A model file that the Bot API does not carry."""
    return (
        f"<b>{escape(name)}</b> has {formats.size(size_bytes)}; I can send at most 50 MiB. "
        f"Use the command line: <code>trainyard models get {escape(name)}</code>"
    )


def checked() -> str:
    """Below a complete form that the gateway would accept."""
    return "✅ The gateway accepts this."


def form(fields: Sequence[tuple[str, str]], question: str) -> str:
    """The submit form: what is filled in, and the next question."""
    filled = "\n".join(
        f"{escape(key)}: <code>{escape(clip(text, 128))}</code>" for key, text in fields
    )
    return (
        f"📝 <b>New training</b>\n{filled}\n\n{escape(question)}"
        if filled
        else (f"📝 <b>New training</b>\n\n{escape(question)}")
    )
