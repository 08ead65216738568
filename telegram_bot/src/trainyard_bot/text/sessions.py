"""What the bot writes about sessions: one session, lists, the queue, metrics, logs. Pure.

`answers` lists the guarantees.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Final

from trainyard.models import QueueEntry, Session
from trainyard_api import timestamps
from trainyard_api.interruptions import interruptions
from trainyard_api.phase import WAITING, Phase
from trainyard_api.session.failure import Failure
from trainyard_api.session.progress import Progress
from trainyard_api.session.queue_status import EstimatedStart
from trainyard_bot.text import formats, preparation
from trainyard_bot.text.answers import NO_SESSIONS
from trainyard_bot.text.formats import (
    LIST_LIMIT,
    LocalTime,
    aware,
    count,
    duration,
    inline,
    integer,
    metric_lines,
    name_of,
    percent,
    with_rest,
)

ICONS: Final[Mapping[str, str]] = MappingProxyType(
    {
        Phase.PENDING: "⏳",
        Phase.QUEUED: "🕒",
        Phase.STARTING: "🚀",
        Phase.RUNNING: "🏃",
        Phase.SUSPENDING: "⏸",
        Phase.SUSPENDED: "⏸",
        Phase.STOPPING: "⏹",
        Phase.SUCCEEDED: "✅",
        Phase.FAILED: "❌",
        Phase.STOPPED: "⏹",
        Phase.CANCELLED: "🚫",
    }
)
_UNKNOWN_ICON: Final = "❔"
"""For a phase of a newer gateway."""

OUTPUTS_SHOWN: Final = 5
_LOG_TAIL_LIMIT: Final = 1200
"""UTF-16 code units of the last log lines of a failed session."""


def session(shown: Session, local: LocalTime) -> str:
    """The message of one session, edited while the session changes."""
    status = shown.status
    parts = [_title(shown)]
    if shown.phase in WAITING or (status.queue and shown.phase == Phase.SUSPENDED):
        parts += preparation.lines(shown, local) + _queue_position(shown, local)
    elif not shown.finished:
        parts += _progress(shown, local)
    else:
        parts += _outcome(shown, local)
    if interrupted := interruptions(status):
        parts.append(f"Interrupted {inline(interrupted, 300)}")
    if status.message and not status.failure and shown.phase != Phase.RUNNING:
        parts.append(f"<i>{inline(status.message)}</i>")
    if status.failure:
        parts += _failure(status.failure)
    return "\n".join(parts)


def gpus(shown: Session) -> str:
    """`2 GPUs` of all workers, or `CPU`."""
    return _gpus(shown.spec.resources.gpus * shown.spec.workers)


def _gpus(number: int) -> str:
    return count(number, "GPU") if number else "CPU"


def _icon(shown: Session) -> str:
    if preparation.is_preparing(shown):
        return preparation.ICON
    return ICONS.get(shown.phase, _UNKNOWN_ICON)


def _title(shown: Session) -> str:
    about = [inline(shown.phase, 64), gpus(shown)]
    attempt = shown.status.attempt
    if attempt is not None and attempt > 1:
        about.append(f"attempt {integer(attempt)}")
    if shown.spec.priority:
        about.append(f"priority {shown.spec.priority}")
    return f"{_icon(shown)} <b>{name_of(shown.name)}</b>\n{' · '.join(about)}"


def _queue_position(shown: Session, local: LocalTime) -> list[str]:
    queue = shown.status.queue
    if queue is None:
        return []
    lines = []
    if queue.position is not None:
        ahead = []
        if queue.ahead and queue.ahead.sessions:
            ahead.append(count(queue.ahead.sessions, "session"))
        if queue.ahead and queue.ahead.gpus:
            ahead.append(count(queue.ahead.gpus, "GPU"))
        after = f" ({' with '.join(ahead)} ahead)" if ahead else ""
        name = name_of(shown.spec.queue)
        lines.append(f"Position {integer(queue.position)} in queue {name}{after}")
    when = start_interval(queue.estimated_start, local)
    if when:
        lines.append(f"Starts {when}")
    reason = queue.message or queue.reason
    if reason:
        lines.append(f"Waits for: {inline(reason, 200)}")
    return lines


def start_interval(start: EstimatedStart | None, local: LocalTime) -> str:
    """`from 14:20 (in 20m00s), 14:50 at the latest`, or `now`; empty if the start is unknown."""
    if start is None or start.earliest is None:
        return ""
    away = local.until(start.earliest)
    earliest = local.clock(start.earliest)
    only = f"about {earliest} (in {duration(away)})" if away > 0 else "now"
    if start.latest is None or local.until(start.latest) <= 0:
        return only
    latest = local.clock(start.latest)
    if latest == earliest:
        return only
    first = f"from {earliest} (in {duration(away)})" if away > 0 else "at any time"
    return f"{first}, {latest} at the latest"


def _progress(shown: Session, local: LocalTime) -> list[str]:
    progress = shown.status.progress
    lines = []
    if progress is not None:
        if progress.percent is not None:
            lines.append(f"{formats.bar(progress.percent)} {percent(progress.percent)}")
        lines += [line for line in (_steps(progress), _pace(progress, local)) if line]
        if progress.last_checkpoint is not None:
            lines.append(f"Last checkpoint: step {integer(progress.last_checkpoint.step)}")
    return lines + metric_lines(_latest(shown))


def _latest(shown: Session) -> list[tuple[str, str]]:
    return [(metric.name, metric.value) for metric in shown.status.metrics or ()]


def _steps(progress: Progress) -> str:
    done = []
    if progress.epoch is not None:
        done.append(f"epoch {integer(progress.epoch)}{_of(progress.epochs)}")
    if progress.step is not None:
        done.append(f"step {integer(progress.step)}{_of(progress.total_steps)}")
    return " · ".join(done)


def _pace(progress: Progress, local: LocalTime) -> str:
    pace = []
    if progress.eta_seconds is not None:
        end = local.clock_in(progress.eta_seconds)
        pace.append(f"{duration(progress.eta_seconds)} left, done about {end}")
    if progress.steps_per_second is not None:
        pace.append(f"{progress.steps_per_second:.3g} steps/s")
    return " · ".join(pace)


def _of(total: int | None) -> str:
    return "" if total is None else f"/{integer(total)}"


def _outcome(shown: Session, local: LocalTime) -> list[str]:
    status = shown.status
    lines = []
    if status.completion_time is not None:
        took = ""
        if status.start_time is not None:
            seconds = (aware(status.completion_time) - aware(status.start_time)).total_seconds()
            took = f" after {duration(seconds)}"
        lines.append(f"Ended {local.clock(status.completion_time)}{took}")
    lines += metric_lines(_latest(shown))
    if status.model:
        name, version = name_of(status.model.name), integer(status.model.version)
        lines.append(f"Model <code>{name}</code> version {version}")
    return lines + _outputs(shown)


def _outputs(shown: Session) -> list[str]:
    """The folders that are registered, at most `OUTPUTS_SHOWN`."""
    found = shown.status.outputs or []
    lines = [
        f"Output <code>{name_of(one.name)}</code> version {integer(one.version)}, "
        f"{count(one.files or 0, 'file')}, {formats.size(one.size_bytes or 0)}"
        for one in found[:OUTPUTS_SHOWN]
    ]
    rest = len(found) - OUTPUTS_SHOWN
    return [*lines, f"… and {integer(rest)} more"] if rest > 0 else lines


def _failure(failure: Failure) -> list[str]:
    code = f" (exit code {integer(failure.exit_code)})" if failure.exit_code is not None else ""
    lines = [f"<b>{inline(str(failure.failure_class), 64)}</b>{code}"]
    message = failure.message or failure.reason
    if message:
        lines.append(inline(message))
    if failure.hint:
        lines.append(f"💡 {inline(failure.hint)}")
    if failure.last_log_lines:
        lines.append(f"<pre>{_tail(failure.last_log_lines)}</pre>")
    return lines


def _tail(log_lines: Sequence[str]) -> str:
    """As many of the last lines as fit in `_LOG_TAIL_LIMIT`, escaped."""
    kept: list[str] = []
    space = _LOG_TAIL_LIMIT
    for line in reversed(log_lines):
        shown = formats.escape(formats.one_line(line, 160))
        space -= formats.length(shown) + 1
        if space < 0:
            break
        kept.append(shown)
    return "\n".join(reversed(kept))


def sessions(listed: Sequence[Session], total: int, local: LocalTime) -> str:
    """The list of sessions, one line each; `total` also counts those that are not in `listed`."""
    if not listed:
        return NO_SESSIONS
    lines = [f"<b>{count(total, 'session')}</b>"]
    lines += [_list_line(one, local) for one in listed[:LIST_LIMIT]]
    return with_rest(lines, total - min(len(listed), LIST_LIMIT))


def _list_line(shown: Session, local: LocalTime) -> str:
    status = shown.status
    about = [inline(shown.phase, 64)]
    if preparation.is_preparing(shown):
        about.append(preparation.IN_A_LIST)
    if status.progress and status.progress.percent is not None and not shown.finished:
        about.append(percent(status.progress.percent))
        if status.progress.eta_seconds is not None:
            about.append(f"{duration(status.progress.eta_seconds)} left")
    if status.queue and status.queue.position is not None and not shown.finished:
        about.append(f"position {integer(status.queue.position)}")
    if status.completion_time is not None:
        about.append(local.clock(status.completion_time))
    return f"{_icon(shown)} <code>{name_of(shown.name)}</code> {' · '.join(about)}"


def queue(waiting: Sequence[QueueEntry], local: LocalTime) -> str:
    """The waiting sessions in order."""
    if not waiting:
        return "No session waits: the next one starts as soon as its GPUs are free."
    lines = [f"<b>{count(len(waiting), 'session')} waiting</b>"]
    lines += [_queue_line(entry, local) for entry in waiting[:LIST_LIMIT]]
    return with_rest(lines, len(waiting) - LIST_LIMIT)


def _queue_line(entry: QueueEntry, local: LocalTime) -> str:
    place = "•" if entry.position is None else f"{integer(entry.position)}."
    about = [_gpus(entry.gpus)]
    if entry.priority:
        about.append(f"priority {integer(entry.priority)}")
    start = entry.estimated_start or {}
    when = start_interval(
        EstimatedStart(
            earliest=timestamps.parse(start.get("earliest")),
            latest=timestamps.parse(start.get("latest")),
        ),
        local,
    )
    about.append(f"starts {when}" if when else "start unknown")
    return f"{place} <code>{name_of(entry.name)}</code> {' · '.join(about)}"


def metrics(shown: Session, values: Sequence[tuple[str, str]]) -> str:
    """The latest value of each metric, as (name, value); short enough for a caption."""
    if not values:
        return f"<b>{name_of(shown.name)}</b> has reported no metrics yet."
    lines = [f"<b>{name_of(shown.name)}</b> {inline(shown.phase)}", *metric_lines(values, limit=10)]
    return with_rest(lines, len(values) - 10)


def logs(shown: Session, lines: Sequence[str]) -> Iterator[str]:
    """The log lines as messages, in order; they are rendered only as they are taken."""
    if lines:
        yield from formats.pages(lines, log_caption(shown, len(lines)))
    else:
        yield f"<b>{name_of(shown.name)}</b> has written no log lines yet."


def log_caption(shown: Session, number: int) -> str:
    """The line above `number` log lines, or the caption of their file."""
    return f"<b>{name_of(shown.name)}</b>, last {count(number, 'line')}"
