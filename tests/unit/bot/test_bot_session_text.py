"""What the bot writes about sessions and the queue, and its notices, word for word."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from bot_objects import changed, entry, session

from trainyard.models import Session
from trainyard_api.phase import Phase
from trainyard_bot.text import notices, sessions
from trainyard_bot.text.formats import MESSAGE_LIMIT, LocalTime, length, plain
from trainyard_bot.text.notices import NoticeKind

NOW = datetime(2026, 7, 1, 12, 0, tzinfo=UTC)
AT = LocalTime(NOW, ZoneInfo("Europe/Vienna"))


def later(**delta: float) -> datetime:
    return NOW + timedelta(**delta)


FAST: dict[str, Any] = {"queue": "fast"}
QUEUED = session(
    "Queued",
    "iris-1",
    spec={**FAST, "resources": {"gpus": 1}, "workers": 2, "priority": 5},
    message="Waits for <GPUs>.",
    queue={
        "position": 3,
        "ahead": {"sessions": 2, "gpus": 4},
        "reason": "WaitingForGPUs",
        "estimated_start": {"earliest": later(minutes=20), "latest": later(minutes=50)},
    },
)
ONE_GPU: dict[str, Any] = {"resources": {"gpus": 1}}
PROGRESS = {
    "percent": 62.4,
    "epoch": 31,
    "epochs": 50,
    "step": 12_400,
    "total_steps": 20_000,
    "steps_per_second": 48.53,
    "eta_seconds": 250,
    "last_checkpoint": {"step": 12_000},
    "last_step_time": NOW,
}
METRICS = [{"name": "train/loss", "value": "0.23456"}, {"name": "val/accuracy", "value": "0.9"}]
RUNNING = session(
    "Running",
    "iris-2",
    spec=ONE_GPU,
    attempt=2,
    message="All workers run.",
    progress=PROGRESS,
    metrics=METRICS,
)
BARE = changed(RUNNING, progress=None, metrics=None)
SUCCEEDED = session(
    "Succeeded",
    "iris-3",
    start_time=later(hours=-2, minutes=-5),
    completion_time=later(minutes=-1),
    metrics=[{"name": "val/loss", "value": "0.1"}],
    model={"name": "iris", "version": 4, "sha256": "ab"},
    message="Trained to the end.",
)
FAILED = session(
    "Failed",
    "iris-4",
    spec={"resources": {"gpus": 8}},
    completion_time=later(days=-1),
    message="Failed.",
    failure={
        "failure_class": "OutOfMemory",
        "attempt": 1,
        "message": "The worker used more than <2Gi>.",
        "hint": "Give it more memory & try again.",
        "exit_code": 137,
        "last_log_lines": ["step 7 loss=<nan>", "Killed"],
    },
)
WAITING_HEAD = {"spec": {**FAST, "resources": {"gpus": 2}}}

PREPARES: dict[str, Any] = {
    "conditions": [
        {
            "type": "Admitted",
            "status": "False",
            "reason": "PreparingEnvironment",
            "last_transition_time": NOW,
        }
    ]
}
PREPARING = session(
    "Pending",
    spec={**ONE_GPU, "code": {"bundle": "a" * 64}, "packages": {"file": "gpu/reqs<1>.txt"}},
    message="Its packages are being installed.",
    **PREPARES,
)

WORD_FOR_WORD: dict[str, tuple[Session, str]] = {
    "queued": (
        QUEUED,
        "🕒 <b>iris-1</b>\n"
        "Queued · 2 GPUs · priority 5\n"
        "Position 3 in queue fast (2 sessions with 4 GPUs ahead)\n"
        "Starts from 14:20 (in 20m00s), 14:50 at the latest\n"
        "Waits for: WaitingForGPUs\n"
        "<i>Waits for &lt;GPUs&gt;.</i>",
    ),
    "pending while its packages are installed": (
        PREPARING,
        "📦 <b>a</b>\nPending · 1 GPU\n"
        "Installs the packages of gpu/reqs&lt;1&gt;.txt before it waits for GPUs: /logs\n"
        "<i>Its packages are being installed.</i>",
    ),
    "pending until its packages are installed again": (
        session("Pending", spec={"packages": {"requirements": ["einops"]}}, **PREPARES,
                environment_build={"failures": 2, "retry_time": later(minutes=4)}),
        "📦 <b>a</b>\nPending · CPU\n"
        "Installs 1 package with dependencies before it waits for GPUs: /logs\n"
        "Next try about 14:04 after 2 failures",
    ),
    "queued after its packages were installed": (
        changed(session("Queued", spec={"packages": {"requirements": ["einops"]}}), **PREPARES),
        "🕒 <b>a</b>\nQueued · CPU",
    ),
    "queued again after evictions": (
        session("Queued", attempt=3, preemptions=2, disruption={
            "attempt": 2, "reason": "<EvictionByEvictionAPI>"}),
        "🕒 <b>a</b>\nQueued · CPU · attempt 3\n"
        "Interrupted 2 times by other sessions or the cluster, not counted as failures; "
        "attempt 2 was disrupted (&lt;EvictionByEvictionAPI&gt;)",
    ),
    "queued, with a sentence on why": (
        session("Queued", queue={"reason": "WaitingForGPUs", "message": "No <GPU> is free."}),
        "🕒 <b>a</b>\nQueued · CPU\nWaits for: No &lt;GPU&gt; is free.",
    ),
    "queued, next, start known only roughly": (
        session("Queued", spec=FAST, queue={
            "position": 1, "ahead": {"sessions": 0, "gpus": 0}, "estimated_start": {"earliest": NOW}}),
        "🕒 <b>a</b>\nQueued · CPU\nPosition 1 in queue fast\nStarts now",
    ),
    "queued behind one session": (
        session("Queued", **WAITING_HEAD, queue={"position": 2, "ahead": {"sessions": 1}}),
        "🕒 <b>a</b>\nQueued · 2 GPUs\nPosition 2 in queue fast (1 session ahead)",
    ),
    "queued behind one GPU": (
        session("Queued", spec={**FAST, **ONE_GPU, "priority": -1}, queue={"position": 2, "ahead": {"gpus": 1}}),
        "🕒 <b>a</b>\nQueued · 1 GPU · priority -1\nPosition 2 in queue fast (1 GPU ahead)",
    ),
    "pending, nothing known": (
        session("Pending", message="Upload the dataset; it starts by itself."),
        "⏳ <b>a</b>\nPending · CPU\n<i>Upload the dataset; it starts by itself.</i>",
    ),
    "suspended": (
        session("Suspended", attempt=1, progress={"percent": 10, "step": 5, "last_checkpoint": {"step": 5}}),
        "⏸ <b>a</b>\nSuspended · CPU\n█░░░░░░░░░ 10 %\nstep 5\nLast checkpoint: step 5",
    ),
    "suspended and back in the queue": (
        session("Suspended", queue={"position": 4}, progress={"percent": 10}),
        "⏸ <b>a</b>\nSuspended · CPU\nPosition 4 in queue default",
    ),
    "starting": (
        session("Starting", message="Its images are being pulled."),
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
        changed(RUNNING, attempt=1, progress={"step": 7}, metrics=None),
        "🏃 <b>iris-2</b>\nRunning · 1 GPU\nstep 7",
    ),
    "running, a rate only": (
        changed(RUNNING, attempt=None, progress={"epoch": 1000, "steps_per_second": 0.5}, metrics=None),
        "🏃 <b>iris-2</b>\nRunning · 1 GPU\nepoch 1,000\n0.5 steps/s",
    ),
    "running, metrics only": (
        changed(RUNNING, progress=None),
        "🏃 <b>iris-2</b>\nRunning · 1 GPU · attempt 2\n"
        "<code>train/loss</code> 0.2346\n<code>val/accuracy</code> 0.9",
    ),
    "after a failed attempt": (
        changed(BARE, failure={"failure_class": "NodeLost"}),
        "🏃 <b>iris-2</b>\nRunning · 1 GPU · attempt 2\n<b>NodeLost</b>",
    ),
    "after a failed attempt, the reason only": (
        changed(BARE, failure={"failure_class": "NodeLost", "reason": "NodeNotReady"}),
        "🏃 <b>iris-2</b>\nRunning · 1 GPU · attempt 2\n<b>NodeLost</b>\nNodeNotReady",
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
        changed(SUCCEEDED, start_time=None, metrics=None, model=None, message=None),
        "✅ <b>iris-3</b>\nSucceeded · CPU\nEnded 13:59",
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
    "stopped": (session("Stopped"), "⏹ <b>a</b>\nStopped · CPU"),
    "stopping": (session("Stopping"), "⏹ <b>a</b>\nStopping · CPU"),
    "suspending": (session("Suspending"), "⏸ <b>a</b>\nSuspending · CPU"),
    "cancelled": (session("Cancelled"), "🚫 <b>a</b>\nCancelled · CPU"),
    "a phase of a newer gateway": (session("Shrinking"), "❔ <b>a</b>\nShrinking · CPU"),
}  # fmt: skip


@pytest.mark.parametrize(("shown", "text"), WORD_FOR_WORD.values(), ids=WORD_FOR_WORD)
def test_session(shown: Session, text: str) -> None:
    assert sessions.session(shown, AT) == text


def test_a_pending_session_waits_like_a_queued_one() -> None:
    as_pending = QUEUED.model_copy(update={"phase": "Pending"})
    pending = sessions.session(as_pending, AT).splitlines()

    assert pending[2:] == sessions.session(QUEUED, AT).splitlines()[2:]
    assert pending[2].startswith("Position 3 in queue fast")


def test_every_phase_has_its_sign() -> None:
    assert set(sessions.ICONS) == set(Phase)


STARTS: dict[str, tuple[datetime | None, datetime | None, str | None]] = {
    "unknown": (None, later(minutes=5), None),
    "just past": (later(seconds=-1), None, "Starts now"),
    "now": (NOW, NOW, "Starts now"),
    "long past": (later(minutes=-5), NOW, "Starts now"),
    "now or later": (NOW, later(minutes=5), "Starts at any time, 14:05 at the latest"),
    "in a second": (later(seconds=1), None, "Starts about 14:00 (in 1s)"),
    "the same minute": (later(minutes=5), later(minutes=5, seconds=3), "Starts about 14:05 (in 5m00s)"),
    "a latest time that is past": (later(minutes=5), later(minutes=-1), "Starts about 14:05 (in 5m00s)"),
    "tomorrow": (later(hours=1), later(hours=12), "Starts from 15:00 (in 1h00m), 02 Jul 02:00 at the latest"),
}  # fmt: skip


@pytest.mark.parametrize(("earliest", "latest", "line"), STARTS.values(), ids=STARTS)
def test_start(earliest: datetime | None, latest: datetime | None, line: str | None) -> None:
    start = {"earliest": earliest, "latest": latest}
    shown = sessions.session(session("Queued", queue={"estimated_start": start}), AT)

    assert shown.splitlines()[2:] == ([line] if line else [])


NOTICES: dict[str, tuple[NoticeKind, Session, str]] = {
    "succeeded": (
        NoticeKind.SUCCEEDED, SUCCEEDED, "🎉 <b>iris-3</b> is done.\n" + WORD_FOR_WORD["succeeded"][1],
    ),
    "failed": (NoticeKind.FAILED, FAILED, "🆘 <b>iris-4</b> failed.\n" + WORD_FOR_WORD["failed"][1]),
    "ended": (NoticeKind.ENDED, session("Stopped"), "🏁 <b>a</b> has ended.\n⏹ <b>a</b>\nStopped · CPU"),
    "soon": (
        NoticeKind.SOON,
        QUEUED,
        "🔔 <b>iris-1</b> starts soon: from 14:20 (in 20m00s), 14:50 at the latest.",
    ),
    "soon, time unknown": (
        NoticeKind.SOON, session("Queued", queue={}), "🔔 <b>a</b> starts soon: any minute.",
    ),
    "soon, nothing known": (NoticeKind.SOON, session("Queued"), "🔔 <b>a</b> starts soon: any minute."),
    "stalled": (
        NoticeKind.STALLED,
        changed(RUNNING, progress={"last_step_time": later(minutes=-12)}),
        "🐌 <b>iris-2</b> has made no step for 12m00s. It has no stallTimeoutSeconds, so it is not restarted:"
        " look at /logs, or /stop it.",
    ),
    "stalled with a time-out": (
        NoticeKind.STALLED,
        session("Running", spec={"stall_timeout_seconds": 1800}),
        "🐌 <b>a</b> has made no step. It is restarted after 30m00s without a step.",
    ),
    "restarted": (
        NoticeKind.RESTARTED,
        RUNNING,
        "🐌 <b>iris-2</b> made no step for too long. It restarts from its last checkpoint.",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("kind", "shown", "text"), NOTICES.values(), ids=NOTICES)
def test_notice(kind: NoticeKind, shown: Session, text: str) -> None:
    assert notices.notice(kind, shown, AT) == text


def test_sessions() -> None:
    assert sessions.sessions([RUNNING, QUEUED, SUCCEEDED, FAILED], 7, AT) == (
        "<b>7 sessions</b>\n"
        "🏃 <code>iris-2</code> Running · 62 % · 4m10s left\n"
        "🕒 <code>iris-1</code> Queued · position 3\n"
        "✅ <code>iris-3</code> Succeeded · 13:59\n"
        "❌ <code>iris-4</code> Failed · 30 Jun 14:00\n"
        "… and 3 more"
    )


def test_the_list_says_of_an_ended_session_only_when_it_ended() -> None:
    known = {"progress": {"percent": 50}, "queue": {"position": 1}}

    assert sessions.sessions([session("Shrunk", **known), session("Stopped", **known)], 2, AT) == (
        "<b>2 sessions</b>\n❔ <code>a</code> Shrunk · 50 % · position 1\n⏹ <code>a</code> Stopped"
    )
    unknown = session("Running", progress={"eta_seconds": 5}, queue={})
    assert sessions.sessions([unknown], 1, AT) == "<b>1 session</b>\n🏃 <code>a</code> Running"


def test_a_session_whose_packages_are_installed_in_a_list() -> None:
    assert sessions.sessions([PREPARING], 1, AT) == (
        "<b>1 session</b>\n📦 <code>a</code> Pending · installs packages"
    )


def test_no_sessions() -> None:
    assert sessions.sessions([], 0, AT) == "No session to show. /train starts one."


@pytest.mark.parametrize(("number", "lines"), [(30, 31), (31, 32), (32, 32)])
def test_long_lists_are_cut_and_counted(number: int, lines: int) -> None:
    for text in (
        sessions.sessions([session("Queued")] * number, number, AT),
        sessions.queue([entry("a")] * number, AT),
    ):
        shown = text.splitlines()
        assert len(shown) == lines
        assert (shown[-1] == f"… and {number - 30} more") == (number > 30)


def test_queue() -> None:
    known = {"earliest": "2026-07-01T12:20:00Z", "latest": "2026-07-01T12:50:00.5Z"}
    third = entry("iris-1", position=3, gpus=2, priority=5, estimated_start=known)

    assert sessions.queue([entry("one", position=1, gpus=1), third, entry("cpu")], AT) == (
        "<b>3 sessions waiting</b>\n"
        "1. <code>one</code> 1 GPU · start unknown\n"
        "3. <code>iris-1</code> 2 GPUs · priority 5 · starts from 14:20 (in 20m00s), 14:50 at the latest\n"
        "• <code>cpu</code> CPU · start unknown"
    )
    assert sessions.queue([entry("one", gpus=1, estimated_start={"earliest": 7})], AT) == (
        "<b>1 session waiting</b>\n• <code>one</code> 1 GPU · start unknown"
    )
    assert sessions.queue([], AT) == (
        "No session waits: the next one starts as soon as its GPUs are free."
    )


def test_metrics() -> None:
    values = [("train/loss", "0.23456"), ("val/accuracy", "0.9")]
    assert sessions.metrics(RUNNING, values) == (
        "<b>iris-2</b> Running\n<code>train/loss</code> 0.2346\n<code>val/accuracy</code> 0.9"
    )
    assert sessions.metrics(RUNNING, []) == "<b>iris-2</b> has reported no metrics yet."
    many = sessions.metrics(RUNNING, [("m", "1")] * 12).splitlines()
    assert len(many) == 12
    assert many[-1] == "… and 2 more"
    assert len(sessions.metrics(RUNNING, [("m", "1")] * 10).splitlines()) == 11


def logs(*lines: str) -> list[str]:
    return list(sessions.logs(RUNNING, lines))


def test_logs() -> None:
    assert logs("a<b") == ["<b>iris-2</b>, last 1 line\n<pre>a&lt;b</pre>"]
    assert logs() == ["<b>iris-2</b> has written no log lines yet."]
    assert sessions.log_caption(RUNNING, 1200) == "<b>iris-2</b>, last 1,200 lines"
    pages = logs(*["x" * 99] * 50)
    assert len(pages) == 2
    assert pages[0].startswith("<b>iris-2</b>, last 50 lines\n<pre>xxx")


HOSTILE = "<b>&</pre>" * 200


def test_whatever_comes_from_outside_is_escaped_and_fits() -> None:
    failure = {
        "failure_class": HOSTILE[:64], "attempt": 1, "message": HOSTILE, "hint": HOSTILE[:1024],
        "exit_code": 1, "last_log_lines": [HOSTILE[:512]] * 20,
    }  # fmt: skip
    metrics = [{"name": HOSTILE[:128], "value": HOSTILE[:32]}] * 9
    name = HOSTILE[:48]
    failed = session(
        "Failed", name, message=HOSTILE[:1024], failure=failure, metrics=metrics,
        model={"name": HOSTILE[:128], "version": 1, "sha256": "ab"},
    )  # fmt: skip
    queue = {"position": 1, "ahead": {"sessions": 1, "gpus": 1}, "message": HOSTILE[:1024]}
    waiting = session("Queued", name, message=HOSTILE[:1024], metrics=metrics, queue=queue)
    for text in (
        sessions.session(failed, AT),
        sessions.session(waiting, AT),
        notices.notice(NoticeKind.FAILED, failed, AT),
        sessions.sessions([failed] * 40, 40, AT),
        sessions.queue([entry(name)] * 40, AT),
        sessions.metrics(failed, [(HOSTILE, HOSTILE)] * 9),
    ):
        assert length(plain(text)) <= MESSAGE_LIMIT
        tags = text.count("<b>"), text.count("</b>"), text.count("<pre>"), text.count("</pre>")
        assert tags[0] == tags[1]
        assert tags[2] == tags[3] <= 1
        assert "&</pre>" not in text


def with_last_lines(*lines: str) -> str:
    failure = {"failure_class": "X", "last_log_lines": lines}
    return sessions.session(session("Failed", failure=failure), AT)


def test_the_last_lines_are_kept_where_not_all_fit() -> None:
    shown = with_last_lines(*(f"{number} " + "x" * 200 for number in range(20)))
    block = shown.partition("<pre>")[2].partition("</pre>")[0].splitlines()

    assert [line.split()[0] for line in block] == ["13", "14", "15", "16", "17", "18", "19"]
    assert all(len(line) == 160 and line.endswith("…") for line in block)


def test_last_lines_that_fit_exactly_are_all_kept() -> None:
    assert with_last_lines(*["y" * 149] * 8).count("y" * 149) == 8
    assert with_last_lines("y" * 150, *["y" * 149] * 7).count("y" * 149) == 7


CUT: dict[str, tuple[Session, str]] = {
    "metric": (changed(BARE, metrics=[{"name": "m" * 61, "value": "x" * 30}]), "m" * 59 + "…"),
    "failure": (changed(FAILED, failure={"failure_class": "k", "message": "e" * 601}), "e" * 599 + "…"),
    "hint": (changed(FAILED, failure={"failure_class": "k", "hint": "h" * 601}), "h" * 599 + "…"),
    "message": (session("Queued", message="q" * 601), "q" * 599 + "…"),
    "reason": (session("Queued", queue={"message": "r" * 201}), "r" * 199 + "…"),
}  # fmt: skip


@pytest.mark.parametrize(("shown", "kept"), CUT.values(), ids=CUT)
def test_long_texts_are_cut(shown: Session, kept: str) -> None:
    text = sessions.session(shown, AT)

    assert kept in text
    assert kept[0] * len(kept) not in text


def test_outputs_are_named_and_bounded() -> None:
    outputs = [
        {"name": f"o{n}<", "version": n, "sha256": "0", "files": 2, "size_bytes": 1024}
        for n in range(1, 9)
    ]
    shown = sessions.session(changed(SUCCEEDED, outputs=outputs), AT).splitlines()

    assert "Output <code>o1&lt;</code> version 1, 2 files, 1.0 KiB" in shown
    assert "… and 3 more" in shown
    assert sum(line.startswith("Output ") for line in shown) == 5
