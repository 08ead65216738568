"""Uploads and downloads of files in chunks, with their hash.

Guarantees:

- UploadState does not grow with the size of the file.
- A download gets its final name only when it is complete and has the hash that the gateway named.
- A download that broke off is continued, also by another process, if the gateway still has the same
  file (`If-Range`, RFC 9110 §13.1.5); otherwise it starts over.
"""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Final

import httpx

from trainyard import errors

CHUNK: Final = 1 << 20
TIMEOUT: Final = httpx.Timeout(30.0, connect=5.0, read=600.0)
"""The gateway reads the whole dataset before it responds."""

Progress = Callable[[int, int | None], None]
"""Called with bytes done and bytes in all, None while unknown."""


def no_progress(done: int, total: int | None) -> None:
    """Ignore the progress."""


class Upload:
    """A file that is hashed while it is sent."""

    def __init__(self, path: Path, progress: Progress = no_progress) -> None:
        self._path, self._progress = path, progress
        self._digest = hashlib.sha256()
        self.size = path.stat().st_size

    @property
    def headers(self) -> dict[str, str]:
        """Content-Length and Content-Type of the file."""
        return {"Content-Length": str(self.size), "Content-Type": "application/octet-stream"}

    def chunks(self) -> Iterator[bytes]:
        """The file in chunks of 1 MiB."""
        sent = 0
        for chunk in _chunks(self._path):
            self._digest.update(chunk)
            yield chunk
            sent += len(chunk)
            self._progress(sent, self.size)

    async def async_chunks(self) -> AsyncIterator[bytes]:
        """The file in chunks of 1 MiB, for the asynchronous client."""
        for chunk in self.chunks():
            yield chunk

    def verify(self, sha256: str) -> None:
        """Raise HashMismatch unless the gateway has what was sent; `sha256` in hex."""
        sent = self._digest.hexdigest()
        if sha256 != sent:
            raise errors.HashMismatch(
                f"{self._path.name} was sent with the hash {sent}, but the gateway has {sha256}"
            )


class Download:
    """A file that is written as `NAME.part` until it is complete and its hash is right."""

    def __init__(self, target: Path, progress: Progress = no_progress) -> None:
        self.target, self._progress = target, progress
        self._part = target.with_name(f"{target.name}.part")
        self._tag = target.with_name(f"{target.name}.part-tag")
        self._digest = hashlib.sha256()
        self._total: int | None = None
        self._expected: str | None = None
        self.size = 0
        if self._part.exists() and self._tag.exists():
            for chunk in _chunks(self._part):
                self._digest.update(chunk)
                self.size += len(chunk)
        else:
            self.reset()

    def headers(self) -> dict[str, str]:
        """Headers that ask for the missing rest, if the gateway still has the same file.

        What came with a weak tag, or none, cannot be continued: it is removed.
        """
        if self.size and not self._tag.exists():
            self.reset()
        if not self.size:
            return {}
        return {"Range": f"bytes={self.size}-", "If-Range": self._tag.read_text()}

    def starts_over(self, response: httpx.Response) -> bool:
        """Whether the gateway's file has no such rest; then what was downloaded is removed."""
        if response.status_code != httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE or not self.size:
            return False
        self.reset()
        return True

    def begin(self, response: httpx.Response) -> None:
        """Read the headers of a successful response; start over if it holds the whole file.

        Raises BadAnswer for a response without a hash, such as a web page.
        """
        self._expected = response.headers.get("X-Content-SHA256")
        if self._expected is None:
            raise errors.BadAnswer(
                f"this is not a Trainyard gateway: {self.target.name} came without its hash"
            )
        self.start(response)

    def start(self, response: httpx.Response) -> None:
        """Continue behind what is here, if the response holds the rest; else start over."""
        if response.status_code != httpx.codes.PARTIAL_CONTENT:
            self.reset()
        tag = response.headers.get("ETag", "")
        # Only a strong tag says that the bytes are the same (RFC 9110 §13.1.5).
        if tag and not tag.startswith("W/"):
            self._tag.write_text(tag)
        length = response.headers.get("Content-Length", "")
        self._total = self.size + int(length) if length.isdigit() else None
        self._progress(self.size, self._total)

    def add(self, chunk: bytes) -> None:
        """Append a chunk to the file and the hash."""
        with self._part.open("ab") as file:
            file.write(chunk)
        self._digest.update(chunk)
        self.size += len(chunk)
        self._progress(self.size, self._total)

    def finish(self) -> Path:
        """Check the hash and give the file its name. Raises HashMismatch, and removes the file."""
        found, expected = self._digest.hexdigest(), self._expected
        if found != expected:
            self.reset()
            raise errors.HashMismatch(f"{self.target.name} has the hash {found}, not {expected}")
        return self.keep()

    def keep(self) -> Path:
        """Give the file its name."""
        self._part.touch()  # an empty file has no chunk
        self._part.replace(self.target)
        self._tag.unlink(missing_ok=True)
        return self.target

    def reset(self) -> None:
        """Remove what was downloaded."""
        self._part.unlink(missing_ok=True)
        self._tag.unlink(missing_ok=True)
        self._digest, self.size = hashlib.sha256(), 0


def hash_of(path: Path) -> str:
    """SHA-256 of a file, in hex."""
    digest = hashlib.sha256()
    for chunk in _chunks(path):
        digest.update(chunk)
    return digest.hexdigest()


def _chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            yield chunk
