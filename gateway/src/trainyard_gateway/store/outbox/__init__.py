"""Rows of receivers of notices, and of the outbox."""
