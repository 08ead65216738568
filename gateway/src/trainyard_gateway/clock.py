"""Times as text: RFC 3339 in UTC, so that text order is time order."""

from __future__ import annotations

from datetime import UTC, datetime


def now() -> str:
    """This moment, to the microsecond."""
    return text(datetime.now(UTC))


def text(time: datetime) -> str:
    """A time in UTC; one without a zone is taken as UTC."""
    aware = time if time.tzinfo else time.replace(tzinfo=UTC)
    return aware.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
