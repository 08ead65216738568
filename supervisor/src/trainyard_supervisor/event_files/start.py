"""What follows the event files of an attempt, by its settings."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from trainyard_supervisor.event_files.feed import EventFeed
from trainyard_supervisor.event_files.sending import EventStream
from trainyard_supervisor.metric_sources import Source
from trainyard_supervisor.reports import Reports
from trainyard_supervisor.resume.start import code_copied
from trainyard_supervisor.settings import Settings

if TYPE_CHECKING:
    from trainyard_supervisor.event_files.follower import Session


def event_feed(given: Settings, reports: Reports, warn: Callable[[str], None]) -> EventFeed | None:
    """What follows the event files below the run folder; None where nothing does.

    Worker 0 does for all: workers share the run folder, and two would send each value twice.
    """
    attempt = given.attempt
    if attempt is None or given.worker or not given.follows_event_files:
        return None
    number, started = attempt.number, time.time()

    def session() -> Session:
        # Imported where there are event files: it takes memory that the others need not.
        from trainyard_supervisor.event_files.follower import Session

        return Session(
            number,
            code_copied(given.run_dir),
            started,
            lambda name: reports.sources.claim(name, Source.EVENT_FILES),
            reports.mask.in_text,
            lambda name: reports.sources.claim(name, Source.TABLES),
        )

    stream = EventStream(given.run_dir, attempt, warn)
    stream.attribute(code_copied(given.run_dir))
    return EventFeed(given.run_dir, stream, session, reports.program_reports)
