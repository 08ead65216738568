"""Attempts of a session: what they are now, how they ended and why."""
