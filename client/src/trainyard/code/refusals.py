"""Why a folder does not become a bundle, or a bundle no folder."""

from __future__ import annotations

from trainyard.errors import TrainyardError


class CannotBundle(TrainyardError):
    """The folder cannot be sent as it is; the message says what to do."""


class CannotRestore(TrainyardError):
    """The bundle cannot be written to that folder; the message says what to do."""
