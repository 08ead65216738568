"""Limits of users, teams and keys: what is spent, and who waits for it."""
