"""Notices about sessions: receivers and what was sent to them."""
