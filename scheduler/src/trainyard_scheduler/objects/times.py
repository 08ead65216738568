"""Times as the API server writes them (RFC 3339, UTC) and as the core counts them (seconds since the epoch)."""

from __future__ import annotations

from datetime import UTC, datetime


def seconds(text: object) -> float | None:
    """Seconds since the epoch, None for what is not a time."""
    if not isinstance(text, str):
        return None
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError:
        return None
    return parsed.timestamp() if parsed.tzinfo else None


def text(moment: float) -> str:
    """A moment in whole seconds, as Kubernetes writes times."""
    return datetime.fromtimestamp(int(moment), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def precise(moment: float) -> str:
    """A moment in microseconds."""
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
