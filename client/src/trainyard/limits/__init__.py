"""Limits of users, teams and keys."""
