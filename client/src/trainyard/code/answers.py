"""What the gateway says of bundles."""

from __future__ import annotations

from trainyard_api.code import CodeEntry, CodeManifest
from trainyard_api.model import OpenModel


class CodeLimits(OpenModel):
    """What the gateway takes of one bundle."""

    max_bytes: int
    """Bytes of all files together."""
    max_files: int
    """Files, links and empty folders together."""


class CodeBundle(OpenModel):
    """A bundle, and what it lacks."""

    bundle: str
    """Its name: the hash of its manifest."""
    files: int
    """Number of files."""
    size_bytes: int
    """Bytes of all files."""
    missing: list[str] = []
    """Hashes of contents that the gateway lacks; none once the bundle is there."""


class BundleManifest(OpenModel):
    """What is in a bundle."""

    entries: list[CodeEntry]
    """Files, links and empty folders."""

    @property
    def manifest(self) -> CodeManifest:
        """The same as the manifest that has a name."""
        return CodeManifest(entries=self.entries)


class ReceivedContents(OpenModel):
    """Contents that the gateway has stored."""

    received: list[str]
    """Their hashes, as they came."""
