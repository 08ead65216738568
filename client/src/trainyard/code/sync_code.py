"""The blocking client's part for bundles of code: `AsyncClient.code`.

Generated from code/async_code.py by `make manifests`; do not edit.
"""

from __future__ import annotations

from pathlib import Path

from trainyard import transfer
from trainyard.code import bundle as bundles
from trainyard.code import calls
from trainyard.code.answers import CodeBundle, CodeLimits
from trainyard.code.bundle import Bundle, Limits
from trainyard.code.pack import Unpacker
from trainyard.code.restore import Restore
from trainyard.code.send import send
from trainyard.concurrency import in_thread
from trainyard.sync_connection import Connection
from trainyard.transfer import Progress
from trainyard_api.code import CodeManifest


class Code:
    """Bundles of one gateway. Methods raise the errors of `trainyard.errors`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def limits(self) -> CodeLimits:
        """What the gateway takes of one bundle."""
        return self._connection.send(calls.limits())

    def read(self, folder: Path) -> Bundle:
        """A folder as a bundle, within the gateway's limits. Sends nothing of it.

        Raises `trainyard.code.refusals.CannotBundle` with what stands in the way.
        """
        found = self.limits()
        limits = Limits(found.max_bytes, found.max_files)
        return in_thread(bundles.bundle, folder, limits)

    def push(self, bundle: Bundle, progress: Progress = transfer.no_progress) -> CodeBundle:
        """Send what the gateway lacks of a bundle; a bundle that is there costs one request."""
        return self._connection.follow(send(bundle, progress))

    def manifest(self, bundle: str) -> CodeManifest:
        """What is in a bundle. Raises NotFound."""
        return (self._connection.send(calls.manifest(bundle))).manifest

    def restore(self, bundle: str, folder: Path) -> CodeManifest:
        """Write a bundle into a folder that is new or empty; returns what is in it.

        Raises NotFound, and `trainyard.code.refusals.CannotRestore` if it cannot be written.
        """
        manifest = self.manifest(bundle)
        restored = in_thread(Restore, bundle, manifest, folder)
        try:
            unpacker = Unpacker(restored.take)
            self._connection.receive(calls.contents(bundle), unpacker.feed)
            unpacker.finish()
            in_thread(restored.finish)
        finally:
            in_thread(restored.abandon)
        return manifest
