"""Hot queries, each of which must use an index on both databases."""

from __future__ import annotations

QUERIES = {
    "chart": "SELECT * FROM metrics WHERE series_id = 1 AND step BETWEEN 1 AND 2 ORDER BY step",
    "epochs": "SELECT * FROM metrics WHERE series_id = 1 AND epoch IS NOT NULL ORDER BY step",
    "summaries": "SELECT * FROM rollups WHERE series_id = 1 AND level = 2 AND first_step > 3",
    "last summary of a level": "SELECT * FROM rollups WHERE series_id = 1 AND level = 2 ORDER BY first_step DESC LIMIT 1",
    "streams with their highest sequence": "SELECT *, (SELECT max(sequence) FROM batches WHERE stream_id = streams.id),"
    " (SELECT max(sequence) FROM arrivals WHERE stream_id = streams.id) FROM streams WHERE session_uid IN ('a')",
    "series of a session": "SELECT * FROM series WHERE session_uid = 'a' ORDER BY name",
    "log lines": "SELECT * FROM logs WHERE session_uid = 'a' AND id > 5 ORDER BY id LIMIT 9",
    "applied batch by sequence": "SELECT * FROM batches WHERE stream_id = 1 AND sequence = 2",
    "inbox entry by sequence": "SELECT * FROM arrivals WHERE stream_id = 1 AND sequence = 2",
    "deleted sessions": "SELECT * FROM sessions WHERE deleted = TRUE ORDER BY created DESC, uid DESC LIMIT 9",
    "session by name": "SELECT * FROM sessions WHERE name = 'a' ORDER BY created DESC LIMIT 1",
    "newest version of a model": "SELECT * FROM models WHERE name = 'a' ORDER BY version DESC LIMIT 1",
    "model of session": "SELECT * FROM models WHERE session_uid = 'a'",
}
"""Queries by purpose."""
