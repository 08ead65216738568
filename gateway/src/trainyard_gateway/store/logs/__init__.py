"""Log lines of sessions, and the limit of their bytes."""
