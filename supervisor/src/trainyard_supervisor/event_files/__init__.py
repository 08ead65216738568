"""Follows the event files and tables that a program writes, and reports their scalars."""
