"""What the bot says when something fails: in the gateway, in a command, in the bot itself. Pure.

`answers` lists the guarantees.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

from trainyard_bot.gateway.errors import Problem, ProblemKind
from trainyard_bot.text.formats import duration, escape, inline
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


def parse_error(error: ParseError) -> str:
    """The answer to a text that was not understood."""
    usage = f"\nUsage: <code>{escape(error.usage)}</code>" if error.usage else ""
    hint = f" {escape(error.hint)}" if error.hint else ""
    return f"🤔 {inline(error.sentence)}{hint}{usage}"


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
