"""What the bot says about runs: one run, lists, the queue, notices. Pure; see `messages` for the guarantees."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Final

from trainyard_bot.gateway.views import Progress, Run
from trainyard_bot.text import formats
from trainyard_bot.text.common import NO_RUNS
from trainyard_bot.text.formats import (
    DETAIL_LIMIT,
    LIST_LIMIT,
    Moment,
    clip,
    count,
    duration,
    escape,
    metric_lines,
    with_rest,
)

ICONS: Final = MappingProxyType(
    {
        "Pending": "⏳",
        "Queued": "🕒",
        "Starting": "🚀",
        "Running": "🏃",
        "Suspending": "⏸",
        "Suspended": "⏸",
        "Stopping": "⏹",
        "Succeeded": "✅",
        "Failed": "❌",
        "Stopped": "⏹",
        "Cancelled": "🚫",
    }
)


def run(view: Run, at: Moment) -> str:
    """The message of one run, edited as it goes."""
    parts = [_title(view)]
    if view.phase in ("Pending", "Queued") or (view.wait and view.phase == "Suspended"):
        parts += _waiting(view, at)
    elif not view.over:
        parts += _progress(view, at)
    else:
        parts += _ending(view, at)
    if view.message and not view.failure and view.phase != "Running":
        parts.append(f"<i>{escape(clip(view.message, DETAIL_LIMIT))}</i>")
    if view.failure:
        parts += _failure(view)
    return "\n".join(parts)


def _title(view: Run) -> str:
    gpus = count(view.gpus, "GPU") if view.gpus else "CPU"
    about = [view.phase, gpus]
    if view.attempt is not None and view.attempt > 1:
        about.append(f"attempt {view.attempt}")
    if view.priority:
        about.append(f"priority {view.priority}")
    return f"{ICONS.get(view.phase, '❔')} <b>{escape(view.name)}</b>\n{escape(' · '.join(about))}"


def _waiting(view: Run, at: Moment) -> list[str]:
    wait = view.wait
    if wait is None:
        return []
    lines = []
    if wait.position is not None:
        ahead = []
        if wait.sessions_ahead:
            ahead.append(count(wait.sessions_ahead, "run"))
        if wait.gpus_ahead:
            ahead.append(count(wait.gpus_ahead, "GPU"))
        after = f" ({' with '.join(ahead)} ahead)" if ahead else ""
        lines.append(f"Place {wait.position} in queue {escape(view.queue)}{after}")
    when = _start_interval(wait.earliest, wait.latest, at)
    if when:
        lines.append(f"Starts {when}")
    if wait.reason:
        lines.append(f"Waits for: {escape(clip(wait.reason, 200))}")
    return lines


def _start_interval(earliest: datetime | None, latest: datetime | None, at: Moment) -> str:
    if earliest is None:
        return ""
    away = (earliest - at.now).total_seconds()
    first = f"about {at.clock(earliest)} (in {duration(away)})" if away > 0 else "now"
    if latest is None or latest <= at.now or at.clock(latest) == at.clock(earliest):
        return first
    return f"{first}, {at.clock(latest)} at the latest"


def _progress(view: Run, at: Moment) -> list[str]:
    progress = view.progress
    if progress is None:
        return metric_lines(view.metrics)
    lines = []
    if progress.percent is not None:
        lines.append(f"{formats.bar(progress.percent)} {progress.percent:.0f} %")
    lines += [line for line in (_done(progress), _pace(progress, at)) if line]
    if progress.checkpoint_step is not None:
        lines.append(f"Last checkpoint: step {progress.checkpoint_step:,}")
    return lines + metric_lines(view.metrics)


def _done(progress: Progress) -> str:
    done = []
    if progress.epoch is not None:
        done.append(f"epoch {progress.epoch:,}{_of(progress.epochs)}")
    if progress.step is not None:
        done.append(f"step {progress.step:,}{_of(progress.total_steps)}")
    return " · ".join(done)


def _pace(progress: Progress, at: Moment) -> str:
    pace = []
    if progress.eta_seconds is not None:
        end = at.clock(at.now + timedelta(seconds=progress.eta_seconds))
        pace.append(f"{duration(progress.eta_seconds)} left, done about {end}")
    if progress.steps_per_second is not None:
        pace.append(f"{progress.steps_per_second:.3g} steps/s")
    return " · ".join(pace)


def _of(total: int | None) -> str:
    return "" if total is None else f"/{total:,}"


def _ending(view: Run, at: Moment) -> list[str]:
    lines = []
    if view.ended is not None:
        took = ""
        if view.started is not None:
            took = f" after {duration((view.ended - view.started).total_seconds())}"
        lines.append(f"Ended {at.clock(view.ended)}{took}")
    lines += metric_lines(view.metrics)
    if view.model:
        version = f" version {view.model_version}" if view.model_version is not None else ""
        lines.append(f"Model <code>{escape(view.model)}</code>{version}")
    return lines


def _failure(view: Run) -> list[str]:
    failure = view.failure
    if failure is None:
        return []
    code = f" (exit code {failure.exit_code})" if failure.exit_code is not None else ""
    lines = [f"<b>{escape(clip(failure.kind, 64))}</b>{code}"]
    if failure.message:
        lines.append(escape(clip(failure.message, DETAIL_LIMIT)))
    if failure.hint:
        lines.append(f"💡 {escape(clip(failure.hint, DETAIL_LIMIT))}")
    if failure.last_lines:
        lines.append(f"<pre>{_tail(failure.last_lines)}</pre>")
    return lines


def _tail(last_lines: Sequence[str], limit: int = 1200) -> str:
    """As many of the last lines as fit in `limit`, escaped."""
    kept: list[str] = []
    for line in reversed(last_lines):
        shown = escape(clip(line, 160))
        limit -= formats.length(shown) + 1
        if limit < 0:
            break
        kept.append(shown)
    return "\n".join(reversed(kept))


def notice(kind: str, view: Run, at: Moment) -> str:
    """What is sent unasked: `finished`, `failed`, `ended` (stopped or cancelled), `soon`, `stalled`, `restarted`."""
    name = f"<b>{escape(view.name)}</b>"
    if kind == "soon":
        when = _start_interval(view.wait.earliest, view.wait.latest, at) if view.wait else ""
        return f"🔔 {name} starts soon: {when or 'any minute'}."
    if kind == "stalled":
        return _stalled(view, at)
    if kind == "restarted":
        return f"🐌 {name} made no step for too long; it is restarted from its last checkpoint."
    headline = {
        "finished": "🎉 {} is done.",
        "failed": "🆘 {} failed.",
        "ended": "🏁 {} has ended.",
    }
    return headline[kind].format(name) + "\n" + run(view, at)


def _stalled(view: Run, at: Moment) -> str:
    last = view.progress.last_step if view.progress else None
    since = f" for {duration((at.now - last).total_seconds())}" if last else ""
    if view.stall_timeout_seconds:
        what_then = f"It is restarted after {duration(view.stall_timeout_seconds)} without a step."
    else:
        what_then = (
            "It has no stall time-out, so nothing happens by itself: look at /logs, or /stop it."
        )
    return f"🐌 <b>{escape(view.name)}</b> has made no step{since}. {what_then}"


def sessions(views: Sequence[Run], total: int, at: Moment) -> str:
    """The list of runs, newest first, one or two lines each; `total` counts those not shown too."""
    if not views:
        return NO_RUNS
    lines = [f"<b>{count(total, 'run')}</b>"]
    lines += [_session_line(view, at) for view in views[:LIST_LIMIT]]
    return with_rest(lines, total - min(len(views), LIST_LIMIT))


def _session_line(view: Run, at: Moment) -> str:
    about = [view.phase]
    if view.progress and view.progress.percent is not None and not view.over:
        about.append(f"{view.progress.percent:.0f} %")
        if view.progress.eta_seconds is not None:
            about.append(f"{duration(view.progress.eta_seconds)} left")
    if view.wait and view.wait.position is not None and not view.over:
        about.append(f"place {view.wait.position}")
    if view.ended is not None:
        about.append(at.clock(view.ended))
    return f"{ICONS.get(view.phase, '❔')} <code>{escape(view.name)}</code> {escape(' · '.join(about))}"


def queue(views: Sequence[Run], at: Moment) -> str:
    """Who waits, in order."""
    if not views:
        return "Nobody waits: the next run starts as soon as its GPUs are free."
    lines = [f"<b>{count(len(views), 'run')} waiting</b>"]
    for view in views[:LIST_LIMIT]:
        wait = view.wait
        place = f"{wait.position}." if wait and wait.position is not None else "•"
        about = [count(view.gpus, "GPU") if view.gpus else "CPU"]
        if view.priority:
            about.append(f"priority {view.priority}")
        when = _start_interval(wait.earliest, wait.latest, at) if wait else ""
        about.append(f"starts {when}" if when else "start unknown")
        lines.append(f"{place} <code>{escape(view.name)}</code> {escape(' · '.join(about))}")
    return with_rest(lines, len(views) - LIST_LIMIT)


def metrics(view: Run, values: Sequence[tuple[str, str]]) -> str:
    """The latest value of each metric; short enough for a caption."""
    if not values:
        return f"<b>{escape(view.name)}</b> has reported no metrics yet."
    lines = [f"<b>{escape(view.name)}</b> {escape(view.phase)}", *metric_lines(values, limit=10)]
    return with_rest(lines, len(values) - 10)


def logs(view: Run, lines: Sequence[str]) -> list[str]:
    """The log lines as messages, in order; more than the caller wants to send belong in a file."""
    if not lines:
        return [f"<b>{escape(view.name)}</b> has written no log lines yet."]
    return formats.pages(list(lines), log_caption(view, len(lines)))


def log_caption(view: Run, number: int) -> str:
    """What stands above the log lines, or below their file."""
    return f"<b>{escape(view.name)}</b>, last {count(number, 'line')}"
