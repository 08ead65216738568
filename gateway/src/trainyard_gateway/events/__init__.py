"""Event streams of sessions (server-sent events)."""
