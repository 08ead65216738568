"""Fixed sentences, errors, confirmations and the form, word for word."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from bot_objects import session

from trainyard_bot.gateway.errors import Problem, ProblemKind
from trainyard_bot.text import answers, problems
from trainyard_bot.text.formats import MESSAGE_LIMIT, length, plain
from trainyard_bot.updates.commands import USAGES
from trainyard_bot.updates.fields import ParseError

MIB = 2**20

PROBLEMS: dict[str, tuple[Problem, str]] = {
    "401": (
        Problem(ProblemKind.UNAUTHORIZED),
        "⚠️ The gateway does not accept my API key. Ask an administrator for a valid key.",
    ),
    "403": (
        Problem(ProblemKind.FORBIDDEN),
        "⚠️ My API key may not do this. Ask an administrator for a key with that right.",
    ),
    "404": (
        Problem(ProblemKind.NOT_FOUND, "no session <x>"),
        "⚠️ It does not exist. /sessions, /models and /datasets show what there is.\n"
        "<i>no session &lt;x&gt;</i>",
    ),
    "409": (
        Problem(ProblemKind.CONFLICT, "It is already over."),
        "⚠️ This cannot be done in its present state.\n<i>It is already over.</i>",
    ),
    "422": (
        Problem(ProblemKind.INVALID, "2 fields", (("training.epochs", "must be <= 100000"), ("dataset", "is missing"))),
        "⚠️ The gateway does not accept this.\n<i>2 fields</i>\n"
        "• <code>training.epochs</code>: must be &lt;= 100000\n"
        "• <code>dataset</code>: is missing",
    ),
    "429": (
        Problem(ProblemKind.TOO_MANY_REQUESTS, retry_after=90),
        "⚠️ The gateway gets too many requests from me. Try again in 1m30s.",
    ),
    "429, time unknown": (
        Problem(ProblemKind.TOO_MANY_REQUESTS),
        "⚠️ The gateway gets too many requests from me. Try again in a minute.",
    ),
    "500": (
        Problem(ProblemKind.SERVER_ERROR),
        "⚠️ The gateway failed. Try again, and tell an administrator if it happens again.",
    ),
    "503": (
        Problem(ProblemKind.UNAVAILABLE, retry_after=5),
        "⚠️ The gateway is not ready right now. Try again in 5s.",
    ),
    "time-out": (
        Problem(ProblemKind.TIMEOUT),
        "⚠️ The gateway did not answer in time. Try again in a minute.",
    ),
    "no answer to a write": (
        Problem(ProblemKind.UNKNOWN_OUTCOME),
        "⚠️ The gateway did not answer. It may still have done it: look before you repeat.",
    ),
    "no connection": (
        Problem(ProblemKind.UNREACHABLE),
        "⚠️ I cannot reach the gateway. It may be restarting; try again in a minute.",
    ),
    "not JSON": (
        Problem(ProblemKind.NOT_THE_GATEWAY),
        "⚠️ Something answered that is not the gateway (not JSON). Is there a proxy in between?",
    ),
    "another 4xx": (Problem(ProblemKind.OTHER), "⚠️ The gateway refused this."),
}  # fmt: skip


@pytest.mark.parametrize(("error", "text"), PROBLEMS.values(), ids=PROBLEMS)
def test_problem(error: Problem, text: str) -> None:
    assert problems.problem(error) == text


OPERATIONS = {
    "train": "I could not open the form.",
    "form": "I could not fill in the form.",
    "submit": "I could not start the session.",
    "status": "I could not show the session.",
    "sessions": "I could not list the sessions.",
    "queue": "I could not show the queue.",
    "metrics": "I could not show the metrics.",
    "logs": "I could not show the log lines.",
    "stop": "I could not stop the session.",
    "cancel": "I could not cancel the session.",
    "suspend": "I could not suspend the session.",
    "resume": "I could not resume the session.",
    "raise": "I could not raise the session's priority.",
    "models": "I could not show the models.",
    "file": "I could not fetch the model's file.",
    "delete": "I could not delete the model.",
    "datasets": "I could not show the datasets.",
    "system": "I could not show the nodes and GPUs.",
}


@pytest.mark.parametrize(("operation", "sentence"), OPERATIONS.items(), ids=OPERATIONS)
def test_a_problem_says_what_was_tried(operation: str, sentence: str) -> None:
    text = problems.problem(Problem(ProblemKind.CONFLICT, "It is <over>."), operation)

    assert text == (
        f"⚠️ {sentence} This cannot be done in its present state.\n<i>It is &lt;over&gt;.</i>"
    )


def test_every_operation_is_in_the_table() -> None:
    assert OPERATIONS.keys() == problems.OPERATIONS.keys()


def test_every_kind_of_problem_is_in_the_table() -> None:
    assert {error.kind for error, _ in PROBLEMS.values()} == set(problems.PROBLEMS)


def test_a_long_problem_is_cut() -> None:
    fields = tuple((f"f{n}" + "n" * 120, "t" * 300) for n in range(12))
    text = problems.problem(Problem(ProblemKind.INVALID, "d" * 700, fields))
    lines = text.splitlines()

    assert lines[1] == "<i>" + "d" * 599 + "…</i>"
    assert lines[2] == "• <code>f0" + "n" * 97 + "…</code>: " + "t" * 199 + "…"
    assert len(lines) == 2 + 8
    assert length(plain(text)) <= MESSAGE_LIMIT


def test_fixed_sentences() -> None:
    assert {
        name: getattr(answers, name)
        for name in ("EXPIRED", "FORM_EXPIRED", "FORM_CLOSED", "NOTHING_TO_CANCEL", "NO_SESSIONS", "HINT",
                     "NOT_FOUND", "UNCHANGED")
    } == {
        "EXPIRED": "This button is too old. Send the command again.",
        "FORM_EXPIRED": "This form is no longer open. /train opens a new one.",
        "FORM_CLOSED": "Form closed; nothing was started.",
        "NOTHING_TO_CANCEL": "No form is open, and no session is waiting or suspended.",
        "NO_SESSIONS": "No session to show. /train starts one.",
        "HINT": "I understand commands; /help lists them.",
        "NOT_FOUND": "It no longer exists.",
        "UNCHANGED": "Nothing was changed.",
    }  # fmt: skip


def test_welcome() -> None:
    assert answers.welcome("yard<bot", -7) == (
        "👋 I am <b>yard&lt;bot</b>. I start, show and stop training sessions.\n"
        "/train starts one, /sessions lists them, /help lists all commands.\n"
        "<i>This is chat -7.</i>"
    )


def test_help() -> None:
    assert answers.help_text() == (
        "/start – say hello and show what I can do\n"
        "/help – list the commands\n"
        "/train [dataset] [field=value …] – start a session, step by step or in one line\n"
        "/status [session] – one session, kept up to date until it ends\n"
        "/sessions [all|phase] – sessions that have not ended, all, or those in a phase\n"
        "/queue – waiting sessions in order, and when each may start\n"
        "/metrics [session] [metric …] – latest values and the curve as a picture\n"
        "/logs [session] [lines] – the last log lines\n"
        "/stop [session] – stop a session; asks first\n"
        "/cancel [session] – cancel a waiting or suspended session, or close the form\n"
        "/models [name] – trained models; one of them with its versions and file\n"
        "/datasets [name] – datasets; one of them with its columns\n"
        "/system – nodes, GPUs and their use"
    )
    assert len(USAGES) == 13


def test_parse_error() -> None:
    assert problems.parse_error(ParseError("No <that>.")) == "🤔 No &lt;that&gt;."
    assert (
        problems.parse_error(ParseError("No.", "/logs [a]"))
        == "🤔 No.\nUsage: <code>/logs [a]</code>"
    )
    assert problems.parse_error(ParseError("x" * 601)) == "🤔 " + "x" * 599 + "…"


def test_fault() -> None:
    assert problems.fault("a1<") == (
        "💥 I failed because of an error of my own. An administrator finds it in my log as <code>a1&lt;</code>."
    )


RAN = {"start_time": datetime(2026, 7, 1, 12, 0, tzinfo=UTC)}


@pytest.mark.parametrize(
    ("operation", "status", "text"),
    [
        ("stop", RAN, "Stop <b>a&lt;b</b>? It saves a checkpoint first. A stopped session cannot be resumed."),
        ("cancel", {}, "Cancel <b>a&lt;b</b>? It has not run yet."),
        ("cancel", RAN, "Cancel <b>a&lt;b</b>? Its checkpoints are kept, but it cannot be resumed."),
    ],
    ids=["stop", "cancel before it ran", "cancel after it ran"],
)  # fmt: skip
def test_confirm_end(operation: str, status: dict[str, datetime], text: str) -> None:
    assert answers.confirm_end(session("Running", "a<b", **status), operation) == text


def test_confirm_delete() -> None:
    assert answers.confirm_delete("m&", 2) == (
        "Delete model <b>m&amp;</b> with 2 versions? This cannot be undone."
    )
    assert "with 1 version?" in answers.confirm_delete("m", 1)


@pytest.mark.parametrize(
    ("action", "text"),
    [
        ("stop", "⏹ <b>a&lt;</b> is stopping."),
        ("suspend", "⏸ <b>a&lt;</b> is being suspended."),
        ("resume", "▶️ <b>a&lt;</b> is back in the queue."),
        ("cancel", "🚫 <b>a&lt;</b> is cancelled."),
        ("delete", "🗑 Model <b>a&lt;</b> is deleted."),
        ("raise", "⏫ <b>a&lt;</b> has a higher priority now."),
    ],
)
def test_done(action: str, text: str) -> None:
    assert answers.done(action, "a<") == text


def test_short_answers() -> None:
    assert (
        answers.already_ended(session("Failed", "a<b"))
        == "<b>a&lt;b</b> has already ended (Failed)."
    )
    assert answers.not_cancellable(session("Running", "a<b")) == (
        "<b>a&lt;b</b> can no longer be cancelled (Running). /stop stops it."
    )
    assert answers.choose("logs") == (
        "Which session? Tap one, or write <code>/logs [session] [lines]</code>."
    )
    assert answers.accepted() == "✅ The gateway accepts this."
    assert answers.submitted("a<") == "📝 <b>a&lt;</b> is submitted."
    assert answers.model_file("m<", "") == "📦 <b>m&lt;</b>"
    assert answers.model_file("m", "f<0") == "📦 <b>m</b>\nSHA-256 <code>f&lt;0</code>"
    assert answers.too_big("m<", 60 * MIB) == (
        "<b>m&lt;</b> has 60 MiB; I can send at most 50 MiB. "
        "Use the command line: <code>trainyard models get m&lt;</code>"
    )


def test_form() -> None:
    assert answers.form([], "Which <one>?") == "📝 <b>New session</b>\n\nWhich &lt;one&gt;?"
    assert answers.form([("dataset", "a&b"), ("target", "t" * 129)], "Go?") == (
        "📝 <b>New session</b>\n"
        "dataset: <code>a&amp;b</code>\n"
        f"target: <code>{'t' * 127}…</code>\n\n"
        "Go?"
    )
