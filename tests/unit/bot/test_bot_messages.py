"""Fixed sentences, errors, models, datasets and nodes, word for word."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from trainyard_bot.gateway.views import Dataset, Gpu, Model, Node, Problem, Run, System
from trainyard_bot.text import common as messages
from trainyard_bot.text import registry as stock_messages
from trainyard_bot.text.formats import MESSAGE_LIMIT, Moment, length, plain
from trainyard_bot.updates.commands import USAGES, Mistake

NOW = datetime(2026, 7, 1, 12, 0, tzinfo=UTC)
AT = Moment(NOW, ZoneInfo("Europe/Vienna"))
MIB = 2**20

PROBLEMS: dict[str, tuple[Problem, str]] = {
    "401": (
        Problem("unauthorized"),
        "⚠️ The gateway does not accept my API key. Ask an administrator for a valid key.",
    ),
    "403": (
        Problem("forbidden"),
        "⚠️ My API key may not do this. Ask an administrator for a key with that right.",
    ),
    "404": (
        Problem("not_found", "no session <x>"),
        "⚠️ There is no such thing, or it is gone. /sessions, /models and /datasets show what is there.\n"
        "<i>no session &lt;x&gt;</i>",
    ),
    "409": (
        Problem("conflict", "It is already over."),
        "⚠️ This cannot be done in its present state.\n<i>It is already over.</i>",
    ),
    "422": (
        Problem("invalid", "2 fields", (("training.epochs", "must be <= 100000"), ("dataset", "is missing"))),
        "⚠️ The gateway does not accept this.\n<i>2 fields</i>\n"
        "• <code>training.epochs</code>: must be &lt;= 100000\n"
        "• <code>dataset</code>: is missing",
    ),
    "429": (
        Problem("too_many", retry_after=90),
        "⚠️ The gateway gets too many requests from me. Try again in 1m30s.",
    ),
    "429, time unknown": (
        Problem("too_many"),
        "⚠️ The gateway gets too many requests from me. Try again in a minute.",
    ),
    "500": (
        Problem("server"),
        "⚠️ The gateway failed at this; the fault is on its side. Try again, and tell an administrator if it stays.",
    ),
    "503": (
        Problem("unavailable", retry_after=5),
        "⚠️ The gateway is not ready right now. Try again in 5s.",
    ),
    "time-out": (
        Problem("timeout"),
        "⚠️ The gateway did not answer in time. Try again in a minute.",
    ),
    "no answer to a write": (
        Problem("unsure"),
        "⚠️ The gateway did not answer. It may still have done it: look before you repeat.",
    ),
    "no connection": (
        Problem("unreachable"),
        "⚠️ I cannot reach the gateway. It may be restarting; try again in a minute.",
    ),
    "not JSON": (
        Problem("garbled"),
        "⚠️ Something answered that is not the gateway (not JSON). Is there a proxy in between?",
    ),
    "another 4xx": (Problem("other"), "⚠️ The gateway refused this."),
}  # fmt: skip


@pytest.mark.parametrize(("error", "text"), PROBLEMS.values(), ids=PROBLEMS)
def test_problem(error: Problem, text: str) -> None:
    assert messages.problem(error) == text


ATTEMPTS = {
    "train": "I could not open the form.",
    "form": "I could not fill in the form.",
    "submit": "I could not start the run.",
    "status": "I could not show the run.",
    "sessions": "I could not list the runs.",
    "queue": "I could not show the queue.",
    "metrics": "I could not show the metrics.",
    "logs": "I could not show the log lines.",
    "stop": "I could not stop the run.",
    "cancel": "I could not take the run out of the queue.",
    "suspend": "I could not pause the run.",
    "resume": "I could not let the run go on.",
    "raise": "I could not raise the run's priority.",
    "models": "I could not show the models.",
    "file": "I could not fetch the model's file.",
    "delete": "I could not delete the model.",
    "datasets": "I could not show the datasets.",
    "system": "I could not show the nodes and GPUs.",
}


@pytest.mark.parametrize(("attempt", "sentence"), ATTEMPTS.items(), ids=ATTEMPTS)
def test_a_problem_says_what_was_tried(attempt: str, sentence: str) -> None:
    text = messages.problem(Problem("conflict", "It is <over>."), attempt)

    assert text == (
        f"⚠️ {sentence} This cannot be done in its present state.\n<i>It is &lt;over&gt;.</i>"
    )


def test_every_attempt_is_in_the_table() -> None:
    assert ATTEMPTS.keys() == messages.ATTEMPTS.keys()


def test_every_kind_of_problem_is_in_the_table() -> None:
    assert {error.kind for error, _ in PROBLEMS.values()} == set(messages.PROBLEMS)


def test_a_long_problem_is_cut() -> None:
    fields = tuple((f"f{n}" + "n" * 120, "t" * 300) for n in range(12))
    text = messages.problem(Problem("invalid", "d" * 700, fields))
    lines = text.splitlines()

    assert lines[1] == "<i>" + "d" * 599 + "…</i>"
    assert lines[2] == "• <code>f0" + "n" * 97 + "…</code>: " + "t" * 199 + "…"
    assert len(lines) == 2 + 8
    assert length(plain(text)) <= MESSAGE_LIMIT


def test_fixed_sentences() -> None:
    assert {
        name: getattr(messages, name)
        for name in ("EXPIRED", "FORM_EXPIRED", "FORM_LEFT", "NOTHING_TO_CANCEL", "NO_RUNS", "HINT",
                     "GONE", "KEPT")
    } == {
        "EXPIRED": "This button is too old. Send the command again.",
        "FORM_EXPIRED": "This form is no longer open. /train starts a new one.",
        "FORM_LEFT": "Form closed; nothing was started.",
        "NOTHING_TO_CANCEL": "No form is open and no run is waiting.",
        "NO_RUNS": "No run to show. /train starts one.",
        "HINT": "I understand commands; /help lists them.",
        "GONE": "It is no longer there.",
        "KEPT": "Nothing was changed.",
    }  # fmt: skip


def test_welcome() -> None:
    assert messages.welcome("yard<bot", -7) == (
        "👋 I am <b>yard&lt;bot</b>. I start, show and stop training runs.\n"
        "/train starts one, /sessions shows what runs, /help lists everything.\n"
        "<i>This is chat -7.</i>"
    )


def test_help() -> None:
    assert messages.help_text() == (
        "/start – say hello and show what I can do\n"
        "/help – list the commands\n"
        "/train [dataset] [field=value …] – start a training, step by step or in one line\n"
        "/status [session] – one run, kept up to date while it runs\n"
        "/sessions [all|phase] – runs that are not over; all of them; or those in a phase\n"
        "/queue – who waits, in which order, and until when\n"
        "/metrics [session] [metric …] – latest values and the curve as a picture\n"
        "/logs [session] [lines] – the last log lines\n"
        "/stop [session] – stop a run; asks again first\n"
        "/cancel [session] – take a waiting run out of the queue, or leave the form\n"
        "/models [name] – trained models; one of them with its versions and file\n"
        "/datasets [name] – datasets; one of them with its columns\n"
        "/system – nodes, GPUs and how busy they are"
    )
    assert len(USAGES) == 13


def test_mistake() -> None:
    assert messages.mistake(Mistake("No <that>.")) == "🤔 No &lt;that&gt;."
    assert messages.mistake(Mistake("No.", "/logs [a]")) == "🤔 No.\nUsage: <code>/logs [a]</code>"
    assert messages.mistake(Mistake("x" * 601)) == "🤔 " + "x" * 599 + "…"


def test_fault() -> None:
    assert messages.fault("a1<") == (
        "💥 Something went wrong in me. An administrator finds it in my log as <code>a1&lt;</code>."
    )


def run(phase: str) -> Run:
    return Run(uid="u", name="a<b", phase=phase)


@pytest.mark.parametrize(
    ("phase", "text"),
    [
        ("Queued", "Take <b>a&lt;b</b> out of the queue? It has not run yet."),
        ("Pending", "Take <b>a&lt;b</b> out of the queue? It has not run yet."),
        ("Running", "Stop <b>a&lt;b</b>? It saves a checkpoint first; a stopped run does not go on."),
        ("Suspended", "Stop <b>a&lt;b</b>? It saves a checkpoint first; a stopped run does not go on."),
    ],
)  # fmt: skip
def test_confirm_stop(phase: str, text: str) -> None:
    assert messages.confirm_stop(run(phase)) == text


def test_confirm_delete() -> None:
    assert messages.confirm_delete("m&", 2) == (
        "Delete model <b>m&amp;</b> with 2 versions? This cannot be undone."
    )
    assert "with 1 version?" in messages.confirm_delete("m", 1)


@pytest.mark.parametrize(
    ("action", "text"),
    [
        ("stop", "⏹ <b>a&lt;</b> is stopping."),
        ("suspend", "⏸ <b>a&lt;</b> saves a checkpoint and pauses."),
        ("resume", "▶️ <b>a&lt;</b> goes back to the queue."),
        ("cancel", "🚫 <b>a&lt;</b> is out of the queue."),
        ("delete", "🗑 Model <b>a&lt;</b> is deleted."),
        ("raise", "⏫ <b>a&lt;</b> now goes before others."),
    ],
)
def test_done(action: str, text: str) -> None:
    assert messages.done(action, "a<") == text


def test_short_answers() -> None:
    assert messages.already_over(run("Failed")) == "<b>a&lt;b</b> is already over (Failed)."
    assert messages.already_runs(run("Running")) == (
        "<b>a&lt;b</b> no longer waits (Running). /stop stops it."
    )
    assert messages.choose("logs") == (
        "Which run? Tap one, or write <code>/logs [session] [lines]</code>."
    )
    assert messages.checked() == "✅ The gateway accepts this."
    assert messages.started("a<") == "📝 <b>a&lt;</b> is handed in."
    assert messages.model_file("m<", "") == "📦 <b>m&lt;</b>"
    assert messages.model_file("m", "f<0") == "📦 <b>m</b>\nSHA-256 <code>f&lt;0</code>"
    assert messages.too_big("m<", 60 * MIB) == (
        "<b>m&lt;</b> has 60 MiB; I can send at most 50 MiB. "
        "Use the command line: <code>trainyard models get m&lt;</code>"
    )


def test_form() -> None:
    assert messages.form([], "Which <one>?") == "📝 <b>New training</b>\n\nWhich &lt;one&gt;?"
    assert messages.form([("dataset", "a&b"), ("target", "t" * 129)], "Go?") == (
        "📝 <b>New training</b>\n"
        "dataset: <code>a&amp;b</code>\n"
        f"target: <code>{'t' * 127}…</code>\n\n"
        "Go?"
    )


MODEL = Model(
    name="iris<",
    version=3,
    versions=3,
    size_bytes=2 * MIB,
    created=NOW,
    sha256="ab<",
    session="iris-1",
    metrics=(("val/loss", "0.1"),),
)


def test_models() -> None:
    assert stock_messages.models([MODEL, Model("bare")], AT) == (
        "<b>2 models</b>\n"
        "📦 <code>iris&lt;</code> version 3 · 2.0 MiB · 14:00\n"
        "📦 <code>bare</code>"
    )
    assert stock_messages.models([], AT) == "No models yet: a run that succeeds leaves one here."


def test_model() -> None:
    assert stock_messages.model(MODEL, AT) == (
        "📦 <b>iris&lt;</b>\n"
        "version 3 · 2.0 MiB · 14:00\n"
        "3 versions\n"
        "From run <code>iris-1</code>\n"
        "SHA-256 <code>ab&lt;</code>\n"
        "<code>val/loss</code> 0.1"
    )
    assert stock_messages.model(Model("bare"), AT) == "📦 <b>bare</b>"
    assert stock_messages.model(Model("m", version=0, size_bytes=0, versions=2), AT) == (
        "📦 <b>m</b>\nversion 0 · 0 B\n2 versions"
    )


DATASET = Dataset(
    name="iris<",
    format="csv",
    samples=1500,
    size_bytes=3 * MIB,
    created=NOW,
    dimensions=(1500, 5),
    columns=(("a<", "float64"), ("c" * 70, "t" * 40)),
)


def test_datasets() -> None:
    assert stock_messages.datasets([DATASET, Dataset("bare")], AT) == (
        "<b>2 datasets</b>\n"
        "🗂 <code>iris&lt;</code> csv · 1,500 samples · 3.0 MiB · 14:00\n"
        "🗂 <code>bare</code>"
    )
    assert stock_messages.datasets([], AT) == (
        "No datasets yet. Upload one with the command line: trainyard datasets put FILE"
    )


def test_dataset() -> None:
    assert stock_messages.dataset(DATASET, AT) == (
        "🗂 <b>iris&lt;</b>\n"
        "csv · 1,500 samples · 3.0 MiB · 14:00\n"
        "Dimensions 1,500 × 5\n"
        "<code>a&lt;</code> float64\n"
        f"<code>{'c' * 59}…</code> {'t' * 29}…"
    )
    assert stock_messages.dataset(Dataset("bare"), AT) == "🗂 <b>bare</b>"
    assert stock_messages.dataset(Dataset("d", samples=1, size_bytes=0), AT) == (
        "🗂 <b>d</b>\n1 sample · 0 B"
    )


@pytest.mark.parametrize(("number", "lines"), [(30, 31), (31, 32), (33, 32)])
def test_long_lists_are_cut_and_counted(number: int, lines: int) -> None:
    wide = Dataset("d", columns=(("c", "t"),) * number)
    for text in (
        stock_messages.models([Model("m")] * number, AT),
        stock_messages.datasets([Dataset("d")] * number, AT),
        stock_messages.dataset(wide, AT),
    ):
        shown = text.splitlines()
        assert len(shown) == lines
        assert (shown[-1] == f"… and {number - 30} more") == (number > 30)


def test_long_names_are_kept_up_to_the_longest_that_exist() -> None:
    for length_of_name, shown in ((128, "n" * 128), (129, "n" * 127 + "…")):
        assert f">{shown}<" in stock_messages.models([Model("n" * length_of_name)], AT)
        assert f">{shown}<" in stock_messages.datasets([Dataset("n" * length_of_name)], AT)


GIB = 2**30
MACHINE = System(cpu_percent=12.6, memory=(3 * GIB, 16 * GIB), disk=(40 * GIB, 100 * GIB))


def test_system() -> None:
    nodes = (Node("node<1", True, 3, 4), Node("tiny", True, 0, 1), Node("gone<", False, 0, 8))
    view = replace(
        MACHINE, nodes=nodes, gpus_used=3, gpus_total=5, gpus=(Gpu("H<200", 99.5, 70 * GIB, 140 * GIB),)
    )  # fmt: skip

    assert stock_messages.system(view) == (
        "🖥 <b>GPUs in use: 3 of 5</b>\n"
        "<code>node&lt;1</code> 3 of 4 GPUs\n"
        "<code>tiny</code> 0 of 1 GPU\n"
        "⚠️ <code>gone&lt;</code> is not ready\n"
        "<b>Machine of the gateway</b>\n"
        "CPU 13 % · memory 3.0 GiB of 16 GiB · disk 40 GiB of 100 GiB\n"
        "H&lt;200 100 % · 70 GiB of 140 GiB"
    )


def test_a_large_system_is_cut_and_counted() -> None:
    node, gpu = Node("n", True, 0, 1), Gpu("g", 0, 0, 1)

    def shown(nodes: int, gpus: int) -> list[str]:
        view = replace(MACHINE, nodes=(node,) * nodes, gpus=(gpu,) * gpus)
        return stock_messages.system(view).splitlines()

    assert len(shown(30, 16)) == 1 + 30 + 2 + 16
    assert len(shown(30, 17)) == 1 + 30 + 2 + 16
    assert shown(31, 0)[31] == "… and 1 more node"
    assert shown(33, 0)[31] == "… and 3 more nodes"
    node, gpu = Node("n" * 101, True, 0, 1), Gpu("g" * 41, 0, 0, 1)
    assert shown(1, 1)[1] == f"<code>{'n' * 99}…</code> 0 of 1 GPU"
    assert shown(1, 1)[-1] == f"{'g' * 39}… 0 % · 0 B of 1 B"
