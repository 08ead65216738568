"""Packages of sessions: how their installation ends, and what a session that waits for it is."""
