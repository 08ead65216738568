"""What the bot says about runs, word for word."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from trainyard_api.phase import Phase
from trainyard_bot.gateway.views import Failure, Progress, Run, Wait
from trainyard_bot.text import sessions as run_messages
from trainyard_bot.text.formats import MESSAGE_LIMIT, Moment, length, plain

NOW = datetime(2026, 7, 1, 12, 0, tzinfo=UTC)
AT = Moment(NOW, ZoneInfo("Europe/Vienna"))


def later(**delta: float) -> datetime:
    return NOW + timedelta(**delta)


QUEUED = Run(
    uid="u1",
    name="iris-1",
    phase="Queued",
    gpus=2,
    priority=5,
    queue="fast",
    message="Waits for <GPUs>.",
    wait=Wait(
        position=3,
        sessions_ahead=2,
        gpus_ahead=4,
        reason="WaitingForGPUs",
        earliest=later(minutes=20),
        latest=later(minutes=50),
    ),
)
RUNNING = Run(
    uid="u2",
    name="iris-2",
    phase="Running",
    gpus=1,
    attempt=2,
    message="All workers run.",
    progress=Progress(
        percent=62.4,
        epoch=31,
        epochs=50,
        step=12_400,
        total_steps=20_000,
        steps_per_second=48.53,
        eta_seconds=250,
        checkpoint_step=12_000,
        last_step=NOW,
    ),
    metrics=(("train/loss", "0.23456"), ("val/accuracy", "0.9")),
)
SUCCEEDED = Run(
    uid="u3",
    name="iris-3",
    phase="Succeeded",
    started=later(hours=-2, minutes=-5),
    ended=later(minutes=-1),
    metrics=(("val/loss", "0.1"),),
    model="iris",
    model_version=4,
    message="Trained to the end.",
)
FAILED = Run(
    uid="u4",
    name="iris-4",
    phase="Failed",
    gpus=8,
    ended=later(days=-1),
    message="Failed.",
    failure=Failure(
        kind="OutOfMemory",
        attempt=1,
        message="The worker used more than <2Gi>.",
        hint="Give it more memory & try again.",
        exit_code=137,
        last_lines=("step 7 loss=<nan>", "Killed"),
    ),
)

WORD_FOR_WORD: dict[str, tuple[Run, str]] = {
    "queued": (
        QUEUED,
        "🕒 <b>iris-1</b>\n"
        "Queued · 2 GPUs · priority 5\n"
        "Place 3 in queue fast (2 runs with 4 GPUs ahead)\n"
        "Starts about 14:20 (in 20m00s), 14:50 at the latest\n"
        "Waits for: WaitingForGPUs\n"
        "<i>Waits for &lt;GPUs&gt;.</i>",
    ),
    "queued, next, start known only roughly": (
        replace(QUEUED, priority=0, message="", gpus=0,
                wait=Wait(position=1, sessions_ahead=0, gpus_ahead=0, earliest=NOW)),
        "🕒 <b>iris-1</b>\nQueued · CPU\nPlace 1 in queue fast\nStarts now",
    ),
    "queued behind one run": (
        replace(QUEUED, priority=0, message="", wait=Wait(position=2, sessions_ahead=1)),
        "🕒 <b>iris-1</b>\nQueued · 2 GPUs\nPlace 2 in queue fast (1 run ahead)",
    ),
    "queued behind one GPU": (
        replace(QUEUED, priority=-1, message="", gpus=1, wait=Wait(position=2, gpus_ahead=1)),
        "🕒 <b>iris-1</b>\nQueued · 1 GPU · priority -1\nPlace 2 in queue fast (1 GPU ahead)",
    ),
    "pending, nothing known": (
        Run(uid="u", name="a", phase="Pending", message="Upload the dataset; it starts by itself."),
        "⏳ <b>a</b>\nPending · CPU\n<i>Upload the dataset; it starts by itself.</i>",
    ),
    "suspended": (
        Run(uid="u", name="a", phase="Suspended", attempt=1,
            progress=Progress(percent=10, step=5, checkpoint_step=5)),
        "⏸ <b>a</b>\nSuspended · CPU\n█░░░░░░░░░ 10 %\nstep 5\nLast checkpoint: step 5",
    ),
    "suspended and back in line": (
        Run(uid="u", name="a", phase="Suspended", wait=Wait(position=4),
            progress=Progress(percent=10)),
        "⏸ <b>a</b>\nSuspended · CPU\nPlace 4 in queue default",
    ),
    "starting": (
        Run(uid="u", name="a", phase="Starting", message="Its images are being pulled."),
        "🚀 <b>a</b>\nStarting · CPU\n<i>Its images are being pulled.</i>",
    ),
    "running": (
        RUNNING,
        "🏃 <b>iris-2</b>\n"
        "Running · 1 GPU · attempt 2\n"
        "██████░░░░ 62 %\n"
        "epoch 31/50 · step 12,400/20,000\n"
        "4m10s left, done about 14:04 · 48.5 steps/s\n"
        "Last checkpoint: step 12,000\n"
        "<code>train/loss</code> 0.2346\n"
        "<code>val/accuracy</code> 0.9",
    ),
    "running, own program": (
        replace(RUNNING, attempt=1, progress=Progress(step=7), metrics=()),
        "🏃 <b>iris-2</b>\nRunning · 1 GPU\nstep 7",
    ),
    "running, a rate only": (
        replace(RUNNING, attempt=None, progress=Progress(epoch=1000, steps_per_second=0.5), metrics=()),
        "🏃 <b>iris-2</b>\nRunning · 1 GPU\nepoch 1,000\n0.5 steps/s",
    ),
    "running, nothing reported": (
        replace(RUNNING, progress=None),
        "🏃 <b>iris-2</b>\nRunning · 1 GPU · attempt 2\n"
        "<code>train/loss</code> 0.2346\n<code>val/accuracy</code> 0.9",
    ),
    "after a failed attempt": (
        replace(RUNNING, progress=None, metrics=(), failure=Failure(kind="NodeLost")),
        "🏃 <b>iris-2</b>\nRunning · 1 GPU · attempt 2\n<b>NodeLost</b>",
    ),
    "succeeded": (
        SUCCEEDED,
        "✅ <b>iris-3</b>\n"
        "Succeeded · CPU\n"
        "Ended 13:59 after 2h04m\n"
        "<code>val/loss</code> 0.1\n"
        "Model <code>iris</code> version 4\n"
        "<i>Trained to the end.</i>",
    ),
    "succeeded, little known": (
        replace(SUCCEEDED, started=None, metrics=(), model_version=None, message=""),
        "✅ <b>iris-3</b>\nSucceeded · CPU\nEnded 13:59\nModel <code>iris</code>",
    ),
    "failed": (
        FAILED,
        "❌ <b>iris-4</b>\n"
        "Failed · 8 GPUs\n"
        "Ended 30 Jun 14:00\n"
        "<b>OutOfMemory</b> (exit code 137)\n"
        "The worker used more than &lt;2Gi&gt;.\n"
        "💡 Give it more memory &amp; try again.\n"
        "<pre>step 7 loss=&lt;nan&gt;\nKilled</pre>",
    ),
    "stopped": (Run(uid="u", name="a", phase="Stopped"), "⏹ <b>a</b>\nStopped · CPU"),
    "stopping": (Run(uid="u", name="a", phase="Stopping"), "⏹ <b>a</b>\nStopping · CPU"),
    "suspending": (Run(uid="u", name="a", phase="Suspending"), "⏸ <b>a</b>\nSuspending · CPU"),
    "cancelled": (Run(uid="u", name="a", phase="Cancelled"), "🚫 <b>a</b>\nCancelled · CPU"),
    "a phase of a newer gateway": (
        Run(uid="u", name="a", phase="Shrinking"), "❔ <b>a</b>\nShrinking · CPU",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("run", "text"), WORD_FOR_WORD.values(), ids=WORD_FOR_WORD)
def test_run(run: Run, text: str) -> None:
    assert run_messages.run(run, AT) == text


def test_a_pending_run_waits_like_a_queued_one() -> None:
    pending = run_messages.run(replace(QUEUED, phase="Pending"), AT).splitlines()

    assert pending[2:] == run_messages.run(QUEUED, AT).splitlines()[2:]
    assert pending[2].startswith("Place 3 in queue fast")


def test_every_phase_has_its_sign() -> None:
    assert set(run_messages.ICONS) == {str(phase) for phase in Phase}


@pytest.mark.parametrize(
    ("earliest", "latest", "line"),
    [
        (None, later(minutes=5), None),
        (later(seconds=-1), None, "Starts now"),
        (NOW, NOW, "Starts now"),
        (later(minutes=-5), NOW, "Starts now"),
        (NOW, later(minutes=5), "Starts now, 14:05 at the latest"),
        (later(seconds=1), None, "Starts about 14:00 (in 1s)"),
        (later(minutes=5), later(minutes=5, seconds=3), "Starts about 14:05 (in 5m00s)"),
        (later(minutes=5), later(minutes=-1), "Starts about 14:05 (in 5m00s)"),
        (
            later(hours=1),
            later(hours=12),
            "Starts about 15:00 (in 1h00m), 02 Jul 02:00 at the latest",
        ),
    ],
)
def test_start(earliest: datetime | None, latest: datetime | None, line: str | None) -> None:
    run = Run(uid="u", name="a", phase="Queued", wait=Wait(earliest=earliest, latest=latest))

    assert run_messages.run(run, AT).splitlines()[2:] == ([line] if line else [])


NOTICES: dict[str, tuple[str, Run, str]] = {
    "finished": ("finished", SUCCEEDED, "🎉 <b>iris-3</b> is done.\n" + WORD_FOR_WORD["succeeded"][1]),
    "failed": ("failed", FAILED, "🆘 <b>iris-4</b> failed.\n" + WORD_FOR_WORD["failed"][1]),
    "ended": (
        "ended",
        Run(uid="u", name="a", phase="Stopped"),
        "🏁 <b>a</b> has ended.\n⏹ <b>a</b>\nStopped · CPU",
    ),
    "soon": (
        "soon",
        QUEUED,
        "🔔 <b>iris-1</b> starts soon: about 14:20 (in 20m00s), 14:50 at the latest.",
    ),
    "soon, time unknown": (
        "soon", replace(QUEUED, wait=Wait()), "🔔 <b>iris-1</b> starts soon: any minute.",
    ),
    "soon, nothing known": (
        "soon", replace(QUEUED, wait=None), "🔔 <b>iris-1</b> starts soon: any minute.",
    ),
    "stalled": (
        "stalled",
        replace(RUNNING, progress=Progress(last_step=later(minutes=-12))),
        "🐌 <b>iris-2</b> has made no step for 12m00s. It has no stall time-out, so nothing happens by itself:"
        " look at /logs, or /stop it.",
    ),
    "stalled with a time-out": (
        "stalled",
        replace(RUNNING, progress=None, stall_timeout_seconds=1800),
        "🐌 <b>iris-2</b> has made no step. It is restarted after 30m00s without a step.",
    ),
    "restarted": (
        "restarted",
        RUNNING,
        "🐌 <b>iris-2</b> made no step for too long; it is restarted from its last checkpoint.",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("kind", "run", "text"), NOTICES.values(), ids=NOTICES)
def test_notice(kind: str, run: Run, text: str) -> None:
    assert run_messages.notice(kind, run, AT) == text


def test_sessions() -> None:
    assert run_messages.sessions([RUNNING, QUEUED, SUCCEEDED, FAILED], 7, AT) == (
        "<b>7 runs</b>\n"
        "🏃 <code>iris-2</code> Running · 62 % · 4m10s left\n"
        "🕒 <code>iris-1</code> Queued · place 3\n"
        "✅ <code>iris-3</code> Succeeded · 13:59\n"
        "❌ <code>iris-4</code> Failed · 30 Jun 14:00\n"
        "… and 3 more"
    )


def test_sessions_says_of_the_dead_only_when_they_ended() -> None:
    dead = replace(RUNNING, phase="Shrunk", progress=Progress(percent=50), wait=Wait(position=1))
    stopped = replace(dead, phase="Stopped")

    assert run_messages.sessions([dead, stopped], 2, AT) == (
        "<b>2 runs</b>\n"
        "❔ <code>iris-2</code> Shrunk · 50 % · place 1\n"
        "⏹ <code>iris-2</code> Stopped"
    )
    unknown = replace(RUNNING, progress=Progress(eta_seconds=5), wait=Wait())
    assert run_messages.sessions([unknown], 1, AT) == (
        "<b>1 run</b>\n🏃 <code>iris-2</code> Running"
    )


def test_no_sessions() -> None:
    assert run_messages.sessions([], 0, AT) == "No run to show. /train starts one."


@pytest.mark.parametrize(("number", "lines"), [(30, 31), (31, 32), (32, 32)])
def test_long_lists_are_cut_and_counted(number: int, lines: int) -> None:
    runs = [replace(QUEUED, wait=None)] * number
    for text in (run_messages.sessions(runs, number, AT), run_messages.queue(runs, AT)):
        shown = text.splitlines()
        assert len(shown) == lines
        assert (shown[-1] == f"… and {number - 30} more") == (number > 30)


def test_queue() -> None:
    cpu = Run(uid="u", name="cpu", phase="Queued")
    one = replace(QUEUED, gpus=1, priority=0, wait=Wait(position=1))

    assert run_messages.queue([one, QUEUED, cpu], AT) == (
        "<b>3 runs waiting</b>\n"
        "1. <code>iris-1</code> 1 GPU · start unknown\n"
        "3. <code>iris-1</code> 2 GPUs · priority 5 · starts about 14:20 (in 20m00s), 14:50 at the latest\n"
        "• <code>cpu</code> CPU · start unknown"
    )
    assert run_messages.queue([replace(one, wait=Wait())], AT) == (
        "<b>1 run waiting</b>\n• <code>iris-1</code> 1 GPU · start unknown"
    )
    assert run_messages.queue([], AT) == (
        "Nobody waits: the next run starts as soon as its GPUs are free."
    )


def test_metrics() -> None:
    assert run_messages.metrics(RUNNING, RUNNING.metrics) == (
        "<b>iris-2</b> Running\n<code>train/loss</code> 0.2346\n<code>val/accuracy</code> 0.9"
    )
    assert run_messages.metrics(RUNNING, []) == "<b>iris-2</b> has reported no metrics yet."
    many = run_messages.metrics(RUNNING, [("m", "1")] * 12).splitlines()
    assert len(many) == 12
    assert many[-1] == "… and 2 more"
    assert len(run_messages.metrics(RUNNING, [("m", "1")] * 10).splitlines()) == 11


def test_logs() -> None:
    assert run_messages.logs(RUNNING, ["a<b"]) == ["<b>iris-2</b>, last 1 line\n<pre>a&lt;b</pre>"]
    assert run_messages.logs(RUNNING, []) == ["<b>iris-2</b> has written no log lines yet."]
    assert run_messages.log_caption(RUNNING, 1200) == "<b>iris-2</b>, last 1,200 lines"
    pages = run_messages.logs(RUNNING, ["x" * 99] * 50)
    assert len(pages) == 2
    assert pages[0].startswith("<b>iris-2</b>, last 50 lines\n<pre>xxx")


HOSTILE = "<b>&</pre>" * 200


def test_whatever_comes_from_outside_is_escaped_and_fits() -> None:
    failure = Failure(HOSTILE, 1, HOSTILE, HOSTILE, 1, (HOSTILE,) * 20)
    run = replace(
        FAILED, name=HOSTILE[:48], message=HOSTILE, failure=failure, metrics=((HOSTILE, HOSTILE),) * 9,
        model=HOSTILE[:128], phase="Failed",
    )  # fmt: skip
    waiting = replace(
        run, phase="Queued", failure=None, queue=HOSTILE[:63], wait=Wait(1, 1, 1, HOSTILE)
    )
    for text in (
        run_messages.run(run, AT),
        run_messages.run(waiting, AT),
        run_messages.notice("failed", run, AT),
        run_messages.sessions([run] * 40, 40, AT),
        run_messages.queue([waiting] * 40, AT),
        run_messages.metrics(run, run.metrics),
    ):
        assert length(plain(text)) <= MESSAGE_LIMIT
        tags = text.count("<b>"), text.count("</b>"), text.count("<pre>"), text.count("</pre>")
        assert tags[0] == tags[1]
        assert tags[2] == tags[3] <= 1
        assert "&</pre>" not in text


def test_the_last_lines_are_kept_where_not_all_fit() -> None:
    lines = tuple(f"{number} " + "x" * 200 for number in range(20))
    shown = run_messages.run(replace(FAILED, failure=Failure("X", last_lines=lines)), AT)
    block = shown.partition("<pre>")[2].partition("</pre>")[0].splitlines()

    assert [line.split()[0] for line in block] == ["13", "14", "15", "16", "17", "18", "19"]
    assert all(len(line) == 160 and line.endswith("…") for line in block)


def test_last_lines_that_fit_exactly_are_all_kept() -> None:
    lines = ("y" * 149,) * 8
    shown = run_messages.run(replace(FAILED, failure=Failure("X", last_lines=lines)), AT)
    assert shown.count("y" * 149) == 8
    shown = run_messages.run(
        replace(FAILED, failure=Failure("X", last_lines=("y" * 150, *lines[1:]))), AT
    )
    assert shown.count("y" * 149) == 7


@pytest.mark.parametrize(
    ("run", "limit", "kept"),
    [
        (replace(RUNNING, progress=None, metrics=(("m" * 61, "x" * 30),)), 60, "m" * 59 + "…"),
        (replace(FAILED, failure=Failure("k" * 65)), 64, "k" * 63 + "…"),
        (replace(FAILED, failure=Failure("k", message="e" * 601)), 600, "e" * 599 + "…"),
        (replace(FAILED, failure=Failure("k", hint="h" * 601)), 600, "h" * 599 + "…"),
        (replace(QUEUED, message="q" * 601), 600, "q" * 599 + "…"),
        (replace(QUEUED, wait=Wait(reason="r" * 201)), 200, "r" * 199 + "…"),
    ],
    ids=["metric", "kind", "failure", "hint", "message", "reason"],
)
def test_long_texts_are_cut(run: Run, limit: int, kept: str) -> None:
    assert len(kept) == limit
    assert kept in run_messages.run(run, AT)
