"""Large files on their way to the gateway, part by part.

`send` says what to send next and takes what came back; both clients follow it. Guarantees:

- What the gateway has is not sent again, also by another process: the id of an upload is remembered by gateway, name, size and hash.
- Each part is compared by hash; a file that changes while it is sent is given up and registered nowhere.
- An answer that is lost does no harm: whoever finds the upload gone looks whether the file is registered.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import time
from collections.abc import AsyncIterator, Callable, Generator, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Generic, TypeVar

from trainyard import calls, errors, models
from trainyard.calls import Call
from trainyard.transfer import CHUNK, Progress, hash_of

T = TypeVar("T", models.Dataset, models.Model)

PART_BYTES: Final = 16 << 20
"""Files larger than this go up in parts of this size."""
MOST_PARTS: Final = 10_000
KEPT_SECONDS: Final = 8 * 24 * 3600
"""The gateway forgets an upload that nobody completes after a week."""


@dataclass(frozen=True, slots=True)
class Kind(Generic[T]):
    """What differs between datasets and models."""

    plural: str
    complete: Callable[[str], Call[T]]
    registered: Callable[[str], Call[T]]
    taken_once: bool
    """Whether a name has one content forever; else the file becomes the next version."""


DATASETS: Final = Kind("datasets", calls.complete_dataset, calls.dataset, taken_once=True)
MODELS: Final = Kind("models", calls.complete_model, calls.newest_model, taken_once=False)


class Part:
    """A part of a file; may be read again."""

    def __init__(self, path: Path, offset: int, size: int, told: Callable[[int], None]) -> None:
        self._path, self._offset, self.size, self._told = path, offset, size, told
        self.sha256 = ""
        """Hash of what was read last."""

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
                self._told(sent)
        self.sha256 = digest.hexdigest()

    async def async_chunks(self) -> AsyncIterator[bytes]:
        """The bytes, for the asynchronous client."""
        for chunk in self.chunks():
            yield chunk


@dataclass(frozen=True, slots=True)
class Request:
    """What to send next."""

    call: Call[Any]
    piece: Part | None = None
    """The body, if it is part of a file."""
    patient: bool = False
    """Whether the gateway reads the whole file before it answers."""


class UploadState:
    """Which uploads were begun, in one small file each. A folder that cannot be written is one without memory."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def recall(self, name: str) -> str | None:
        """The id under this name."""
        try:
            return (self._folder / name).read_text().strip() or None
        except OSError:
            return None

    def keep(self, name: str, upload: str) -> None:
        """Remember an id, and forget those that the gateway has forgotten too."""
        with contextlib.suppress(OSError):
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            for old in self._folder.iterdir():
                if old.stat().st_mtime < time.time() - KEPT_SECONDS:
                    old.unlink(missing_ok=True)
            (self._folder / name).write_text(f"{upload}\n")

    def forget(self, name: str) -> None:
        """Drop an id."""
        with contextlib.suppress(OSError):
            (self._folder / name).unlink()


def upload_state_folder(env: Mapping[str, str] = os.environ) -> Path:
    """`$XDG_STATE_HOME/trainyard/uploads`, by default below `~/.local/state` (XDG Base Directory Specification)."""
    given = env.get("XDG_STATE_HOME", "")
    base = Path(given) if Path(given).is_absolute() else Path.home() / ".local" / "state"
    return base / "trainyard" / "uploads"


class MultipartUpload:
    """A file of which parts are sent. Reads it through once, for its hash."""

    def __init__(self, path: Path, progress: Progress, part_bytes: int = PART_BYTES) -> None:
        self.path, self._progress = path, progress
        self._stamp = _stamp(path)
        self.size = path.stat().st_size
        self.sha256 = hash_of(path)
        self.part_bytes = max(part_bytes, -(-self.size // MOST_PARTS))
        self._seen = 0

    @property
    def unchanged(self) -> bool:
        """Whether the file is still the one that was hashed."""
        return _stamp(self.path) == self._stamp

    def piece(self, upload: models.FileUpload, number: int, done: int) -> Part:
        """Part `number`; `done` bytes are with the gateway already."""
        offset = (number - 1) * upload.part_bytes
        size = min(upload.part_bytes, self.size - offset)
        return Part(self.path, offset, size, lambda sent: self.tell(done + sent))

    def tell(self, done: int) -> None:
        """Tell the progress; a part that is sent again does not take it back."""
        self._seen = max(self._seen, done)
        self._progress(self._seen, self.size)

    def done(self, upload: models.FileUpload) -> int:
        """Bytes that the gateway has."""
        full, last = upload.part_bytes, self.size - (upload.parts - 1) * upload.part_bytes
        return self.size - sum(last if n == upload.parts else full for n in upload.missing)


def send(
    kind: Kind[T], gateway: str, name: str, file: MultipartUpload, memory: UploadState
) -> Generator[Request, Any, T]:
    """Send a file in parts, going on with an upload that was cut off; the value is what was registered.

    `gateway`: its URL. Errors of a step are to be thrown in. Raises HashMismatch if another file arrived or the file changed,
    Conflict if a dataset of that name has another content.
    """
    known = hashlib.sha256(
        f"{gateway}\n{kind.plural}\n{name}\n{file.path.name}\n{file.size}\n{file.sha256}".encode()
    ).hexdigest()
    if kind.taken_once and (found := (yield from _registered(kind, name, file))) is not None:
        return found
    upload = yield from _remembered(kind, memory.recall(known))
    if upload is None:
        if (
            memory.recall(known)
            and (found := (yield from _registered(kind, name, file))) is not None
        ):
            memory.forget(known)  # completed, but the answer was lost
            return found
        upload = yield Request(
            calls.begin_upload(kind.plural, name, file.path.name, file.size, file.part_bytes)
        )
        memory.keep(known, upload.id)
    try:
        yield from _fill(kind, upload, file)
        found = yield Request(kind.complete(upload.id), patient=True)
    except errors.NotFound:
        # The upload is gone: completed, by another process or by a call whose answer was lost?
        registered = yield from _registered(kind, name, file)
        if registered is None:
            raise
        found = registered
    except (errors.BadRequest, errors.Conflict, errors.Invalid, errors.HashMismatch):
        # Nothing that is sent again mends these.
        memory.forget(known)
        with contextlib.suppress(errors.TrainyardError):
            yield Request(calls.drop_upload(kind.plural, upload.id))
        raise
    memory.forget(known)
    if found.sha256 != file.sha256:
        raise errors.HashMismatch(
            f"{file.path.name} has the hash {file.sha256}, but the gateway has {found.sha256}"
        )
    return found


def _remembered(
    kind: Kind[T], upload: str | None
) -> Generator[Request, Any, models.FileUpload | None]:
    if upload is None:
        return None
    try:
        found: models.FileUpload = yield Request(calls.upload_info(kind.plural, upload))
    except errors.NotFound:
        return None
    return found


def _fill(
    kind: Kind[T], upload: models.FileUpload, file: MultipartUpload
) -> Generator[Request, Any, None]:
    done = file.done(upload)
    file.tell(done)
    for number in upload.missing:
        piece = file.piece(upload, number, done)
        answer = yield Request(calls.put_part(kind.plural, upload.id, number), piece)
        if answer.sha256 != piece.sha256:
            raise errors.HashMismatch(
                f"part {number} of {file.path.name} arrived as something else; send the file again"
            )
        done += piece.size
    if not file.unchanged:
        raise _changed(file.path)


def _registered(
    kind: Kind[T], name: str, file: MultipartUpload
) -> Generator[Request, Any, T | None]:
    """What is registered with this name and this content; None where there is none or the key may not look."""
    try:
        found: T = yield Request(kind.registered(name))
    except (errors.NotFound, errors.NotPermitted):
        return None
    if found.sha256 == file.sha256:
        return found
    if kind.taken_once:
        detail = f"there is a dataset {name!r} with other content; choose another name or delete it"
        raise errors.Conflict(409, {"title": "Conflict", "detail": detail})
    return None


def _stamp(path: Path) -> tuple[int, int, int]:
    found = path.stat()
    return found.st_size, found.st_mtime_ns, found.st_ino


def _changed(path: Path) -> errors.HashMismatch:
    return errors.HashMismatch(
        f"{path.name} changed while it was sent; send it again when it is complete"
    )
