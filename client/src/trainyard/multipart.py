"""Uploads large files in parts, and resumes uploads that broke off.

`send` yields requests and receives their responses; both clients carry them out. Guarantees:

- A part that the gateway has is not sent again, not even by another process: `UploadState` keeps
  the upload's id by gateway, name, size and hash.
- Each part is compared by its hash. A file that changes meanwhile is not registered.
- A lost response does no harm: if the upload is gone, `send` looks whether the file is registered.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import time
from collections.abc import AsyncIterator, Callable, Generator, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Generic, Protocol, TypeVar

from trainyard import calls, errors, models
from trainyard import choices as choices_json
from trainyard.calls import Call
from trainyard.choices import Choices
from trainyard.transfer import CHUNK, Progress, hash_of

T = TypeVar("T", models.Dataset, models.Model)

PART_BYTES: Final = 16 << 20
"""Files larger than this go up in parts of this size."""
MOST_PARTS: Final = 10_000
KEPT_SECONDS: Final = 8 * 24 * 3600
"""The gateway expires an unfinished upload after a week."""


@dataclass(frozen=True, slots=True)
class Kind(Generic[T]):
    """What differs between datasets and models."""

    plural: str
    complete: Callable[[str], Call[T]]
    registered: Callable[[str], Call[T]]
    immutable: bool
    """Whether a name keeps its content; otherwise the file becomes the next version."""


DATASETS: Final = Kind("datasets", calls.complete_dataset, calls.dataset, immutable=True)
MODELS: Final = Kind("models", calls.complete_model, calls.newest_model, immutable=False)


class Part:
    """A part of a file; may be read more than once."""

    def __init__(self, path: Path, offset: int, size: int, on_sent: Callable[[int], None]) -> None:
        self._path, self._offset, self.size, self._on_sent = path, offset, size, on_sent
        self.sha256 = ""
        """Hash of the bytes that were read last, in hex."""

    def chunks(self) -> Iterator[bytes]:
        """The bytes. Raises HashMismatch if the file has become shorter."""
        digest, sent = hashlib.sha256(), 0
        with self._path.open("rb") as file:
            file.seek(self._offset)
            while sent < self.size:
                chunk = file.read(min(CHUNK, self.size - sent))
                if not chunk:
                    raise _changed(self._path)
                digest.update(chunk)
                yield chunk
                sent += len(chunk)
                self._on_sent(sent)
        self.sha256 = digest.hexdigest()

    async def async_chunks(self) -> AsyncIterator[bytes]:
        """The bytes, for the asynchronous client."""
        for chunk in self.chunks():
            yield chunk


class Body(Protocol):
    """The body of a request; may be read more than once."""

    size: int

    def chunks(self) -> Iterator[bytes]:
        """The bytes."""
        ...

    def async_chunks(self) -> AsyncIterator[bytes]:
        """The bytes, for the asynchronous client."""
        ...


@dataclass(frozen=True, slots=True)
class Request:
    """One request of an upload."""

    call: Call[Any]
    part: Body | None = None
    """The body, such as a part of the file."""
    slow: bool = False
    """Whether the gateway reads the whole file before it responds."""


class UploadState:
    """Ids of unfinished uploads, one small file each; without a writable folder none is kept."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def read(self, name: str) -> str | None:
        """The id under this name; None if there is none."""
        try:
            return (self._folder / name).read_text().strip() or None
        except OSError:
            return None

    def write(self, name: str, upload: str) -> None:
        """Keep an id, and remove those that the gateway has expired."""
        with contextlib.suppress(OSError):
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            for old in self._folder.iterdir():
                if old.stat().st_mtime < time.time() - KEPT_SECONDS:
                    old.unlink(missing_ok=True)
            (self._folder / name).write_text(f"{upload}\n")

    def remove(self, name: str) -> None:
        """Remove an id."""
        with contextlib.suppress(OSError):
            (self._folder / name).unlink()


def upload_state_folder(env: Mapping[str, str] = os.environ) -> Path:
    """`$XDG_STATE_HOME/trainyard/uploads`; default: below `~/.local/state` (XDG Base Directory)."""
    given = env.get("XDG_STATE_HOME", "")
    base = Path(given) if Path(given).is_absolute() else Path.home() / ".local" / "state"
    return base / "trainyard" / "uploads"


class MultipartUpload:
    """A file that is sent in parts. Creating it reads the file once, for its hash."""

    def __init__(
        self,
        path: Path,
        progress: Progress,
        part_bytes: int = PART_BYTES,
        choices: Choices = choices_json.NONE,
    ) -> None:
        self.path, self._progress, self.choices = path, progress, choices
        self._stamp = _stamp(path)
        self.size = path.stat().st_size
        self.sha256 = hash_of(path)
        self.part_bytes = max(part_bytes, -(-self.size // MOST_PARTS))
        self._reported = 0

    @property
    def unchanged(self) -> bool:
        """Whether the file is still the one that was hashed."""
        return _stamp(self.path) == self._stamp

    def state_name(self, gateway: str, kind: str, name: str) -> str:
        """The name under which `UploadState` keeps this upload's id."""
        identity = f"{gateway}\n{kind}\n{name}\n{self.path.name}\n{self.size}\n{self.sha256}"
        identity += choices_json.text(self.choices)
        return hashlib.sha256(identity.encode()).hexdigest()

    def part(self, upload: models.FileUpload, number: int, done: int) -> Part:
        """Part `number` (from 1); `done` bytes of the file are with the gateway already."""
        offset = (number - 1) * upload.part_bytes
        size = min(upload.part_bytes, self.size - offset)
        return Part(self.path, offset, size, lambda sent: self.report(done + sent))

    def report(self, done: int) -> None:
        """Report progress in bytes; a part that is sent again does not lower it."""
        self._reported = max(self._reported, done)
        self._progress(self._reported, self.size)

    def done(self, upload: models.FileUpload) -> int:
        """Bytes that the gateway has."""
        full, last = upload.part_bytes, self.size - (upload.parts - 1) * upload.part_bytes
        return self.size - sum(last if n == upload.parts else full for n in upload.missing)


def send(
    kind: Kind[T], gateway: str, name: str, file: MultipartUpload, state: UploadState
) -> Generator[Request, Any, T]:
    """Upload a file in parts, or resume its upload; the generator's value is what was registered.

    `gateway` is its URL. The caller throws a request's error into the generator. Raises
    HashMismatch if other content arrived or the file changed, Conflict if a dataset of that name
    has other content.
    """
    known = file.state_name(gateway, kind.plural, name)
    if kind.immutable and (found := (yield from _registered(kind, name, file))) is not None:
        return found
    upload = yield from _unfinished(kind, state.read(known))
    if upload is None:
        # Perhaps the upload was completed, and only the response was lost.
        if state.read(known) and (found := (yield from _registered(kind, name, file))) is not None:
            state.remove(known)
            return found
        upload = yield Request(
            calls.begin_upload(
                kind.plural, name, file.path.name, file.size, file.part_bytes, file.choices
            )
        )
        state.write(known, upload.id)
    found = yield from _finish(kind, name, upload, file, lambda: state.remove(known))
    state.remove(known)
    if found.sha256 != file.sha256:
        raise errors.HashMismatch(
            f"{file.path.name} has the hash {file.sha256}, but the gateway has {found.sha256}"
        )
    return found


def _finish(
    kind: Kind[T],
    name: str,
    upload: models.FileUpload,
    file: MultipartUpload,
    forget: Callable[[], None],
) -> Generator[Request, Any, T]:
    """Send the missing parts and complete the upload."""
    try:
        yield from _send_missing(kind, upload, file)
        found: T = yield Request(kind.complete(upload.id), slow=True)
    except errors.NotFound:
        # The upload is gone: completed by another process, or by a call whose response was lost?
        registered = yield from _registered(kind, name, file)
        if registered is None:
            raise
        return registered
    except (errors.BadRequest, errors.Conflict, errors.Invalid, errors.HashMismatch):
        # Sending the file again would not help.
        forget()
        with contextlib.suppress(errors.TrainyardError):
            yield Request(calls.drop_upload(kind.plural, upload.id))
        raise
    return found


def _unfinished(
    kind: Kind[T], upload: str | None
) -> Generator[Request, Any, models.FileUpload | None]:
    if upload is None:
        return None
    try:
        found: models.FileUpload = yield Request(calls.upload_info(kind.plural, upload))
    except errors.NotFound:
        return None
    return found


def _send_missing(
    kind: Kind[T], upload: models.FileUpload, file: MultipartUpload
) -> Generator[Request, Any, None]:
    done = file.done(upload)
    file.report(done)
    for number in upload.missing:
        part = file.part(upload, number, done)
        response = yield Request(calls.put_part(kind.plural, upload.id, number), part)
        if response.sha256 != part.sha256:
            raise errors.HashMismatch(
                f"part {number} of {file.path.name} was damaged on the way; send the file again"
            )
        done += part.size
    if not file.unchanged:
        raise _changed(file.path)


def _registered(
    kind: Kind[T], name: str, file: MultipartUpload
) -> Generator[Request, Any, T | None]:
    """The entry with this name and content; None if there is none, or the key may not read it."""
    try:
        found: T = yield Request(kind.registered(name))
    except (errors.NotFound, errors.NotPermitted):
        return None
    if found.sha256 == file.sha256:
        _require_choices(found, file.choices)
        return found
    if kind.immutable:
        detail = f"there is a dataset {name!r} with other content; choose another name or delete it"
        raise errors.Conflict(409, {"title": "Conflict", "detail": detail})
    return None


def _require_choices(found: models.Dataset | models.Model, wanted: Choices) -> None:
    """Raise Conflict for a dataset with the same content that is read in another way."""
    if (
        wanted
        and isinstance(found, models.Dataset)
        and choices_json.fields(found.details.choices) != wanted
    ):
        detail = f"the dataset {found.name!r} is there with other choices; correct its schema"
        raise errors.Conflict(409, {"title": "Conflict", "detail": detail})


def _stamp(path: Path) -> tuple[int, int, int]:
    found = path.stat()
    return found.st_size, found.st_mtime_ns, found.st_ino


def _changed(path: Path) -> errors.HashMismatch:
    return errors.HashMismatch(
        f"{path.name} changed while it was sent; send it again when it is complete"
    )
