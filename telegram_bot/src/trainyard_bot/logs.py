"""Logging: JSON lines on stderr, each one redacted."""

from __future__ import annotations

import json
import logging
import sys
from types import TracebackType
from typing import Any

import structlog

from trainyard_api.visible_text import visible_json
from trainyard_bot.redaction import RedactingFormatter, Redactor

QUIET = ("httpx", "httpcore", "telegram", "apscheduler", "matplotlib", "asyncio")
"""Loggers of libraries: the HTTP client's would write each URL, and with it the token, at INFO."""


def configure(level: str, redactor: Redactor) -> None:
    """Send every log record, and every uncaught exception, to stderr as one redacted JSON line."""
    shared: list[Any] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.stdlib.ExtraAdder(),
    ]
    inner = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(serializer=_as_json),
        ],
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(RedactingFormatter(inner, redactor))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for name in QUIET:
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))
    logging.captureWarnings(capture=True)
    sys.excepthook = _log_uncaught


def _as_json(event: Any, **options: Any) -> str:
    return visible_json(json.dumps(event, ensure_ascii=False, **options))


def _log_uncaught(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    if issubclass(kind, KeyboardInterrupt):
        return
    logging.getLogger("trainyard_bot").critical("uncaught", exc_info=(kind, error, trace))
