"""What goes wrong with a backup."""

from __future__ import annotations


class BackupError(Exception):
    """The backup or restore did not happen; the message says what to do."""
