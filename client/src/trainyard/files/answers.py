"""What the gateway says of a session's files."""

from __future__ import annotations

from trainyard.models.page import Page
from trainyard_api.files.names import from_address
from trainyard_api.model import OpenModel


class RunFile(OpenModel):
    """Something in a folder of a session."""

    name: str
    """Its name for people."""
    path: str
    """Its path below the session's folder, percent-encoded."""
    kind: str
    """`folder`, `file`, `link`, or `other`: a pipe, a socket or a device."""
    size_bytes: int = 0
    """Bytes of a file."""
    modified: str = ""
    etag: str = ""
    """The ETag of a file; another one means that its content may be another."""
    target: str | None = None
    """Where a link leads; links are not followed."""

    @property
    def place(self) -> str:
        """Its path as the client's methods take it, with any bytes in its name."""
        return from_address(self.path)


class RunFolder(Page):
    """A folder of a session by name, or the one thing that is at the path."""

    session: str
    kind: str
    """What is at the path itself."""
    files: list[RunFile]
    total: int = 0
    """Number of entries of the folder."""
    live: bool = True
    """Whether the session has not ended: its program may write."""
