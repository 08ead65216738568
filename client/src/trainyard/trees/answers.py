"""What the gateway says of the files of a version of a model."""

from __future__ import annotations

from trainyard.models.page import Page
from trainyard_api.code import CodeEntry
from trainyard_api.files.names import from_address
from trainyard_api.model import OpenModel


class VersionFile(OpenModel):
    """A file, a link or an empty folder of a version."""

    name: str
    """Its path for people."""
    path: str
    """Its path in the version, percent-encoded."""
    kind: str
    """`file`, `link` or `folder` (an empty one)."""
    size_bytes: int = 0
    """Bytes of a file."""
    sha256: str | None = None
    """Hash of a file."""
    executable: bool = False
    """Whether a file may be executed."""
    target: str | None = None
    """Where a link leads, relative to its folder."""
    flags: list[str] = []
    """`pickle`: it runs code when Python loads it."""

    @property
    def place(self) -> str:
        """Its path as the client's methods take it."""
        return from_address(self.path)

    @property
    def entry(self) -> CodeEntry:
        """The same as the list of files has it, which is hashed. Raises ValueError."""
        if self.kind == "file":
            return CodeEntry(
                path=self.place,
                sha256=self.sha256,
                size=self.size_bytes,
                executable=self.executable,
            )
        if self.kind == "link":
            return CodeEntry(path=self.place, target=self.target)
        return CodeEntry(path=self.place, folder=True)


class VersionFiles(Page):
    """Files, links and empty folders of a version, by path."""

    name: str
    version: int
    kind: str
    """`file` or `tree`."""
    sha256: str
    """Hash of the version: that of its file, or of the list of its files."""
    files: list[VersionFile]
