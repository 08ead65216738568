"""Rows of users and teams, and whose objects are."""
