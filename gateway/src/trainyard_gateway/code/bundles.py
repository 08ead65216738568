"""Bundles of code: takes contents, makes bundles of them, and gives both back."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from pydantic import ValidationError

from trainyard_api.code import CodeManifest, bundle_name, largest, problem
from trainyard_api.files.paths import shown
from trainyard_api.model import OpenModel, field_errors
from trainyard_gateway.code.allowance import Allowance
from trainyard_gateway.code.folders import CodeFolders, is_name
from trainyard_gateway.code.pack import HEADER, PackBounds, PackReader
from trainyard_gateway.errors import (
    MOST_ERRORS,
    BadRequest,
    NotFound,
    OutOfSpace,
    TooLarge,
    Unprocessable,
)
from trainyard_gateway.files.file_store import CHUNK, FileStore

_AT_ONCE = 2
"""Manifests that are read at a time; one may take 100 MiB of memory."""


class CodeLimits(OpenModel):
    """What is taken of one bundle."""

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
    """Hashes of the contents to send before the manifest is sent again; none once the bundle is
    there."""


class ReceivedContents(OpenModel):
    """Contents that are on the volume."""

    received: list[str]
    """Their hashes, in the order of the body."""


@dataclass(frozen=True, slots=True)
class CodeBounds:
    """What may be kept of code; None bounds nothing."""

    limits: CodeLimits
    key_bytes_per_day: int
    all_bytes: int | None = None
    """Bytes of all contents together."""


class CodeBundles:
    """The bundles of this gateway."""

    def __init__(self, folders: CodeFolders, volume: FileStore, bounds: CodeBounds) -> None:
        """`volume` knows the reserve of free space."""
        self.folders, self._volume, self._bounds = folders, volume, bounds
        self._allowance = Allowance(bounds.key_bytes_per_day, time.monotonic)
        self._reading = asyncio.Semaphore(_AT_ONCE)
        self.kept_bytes = 0
        """Bytes of all contents, as the last sweep has counted them, with those received since."""

    @property
    def limits(self) -> CodeLimits:
        """What is taken of one bundle."""
        return self._bounds.limits

    async def offer(
        self,
        body: bytes,
        held: Callable[[Sequence[str]], Awaitable[AbstractSet[str]]] | None = None,
    ) -> tuple[CodeBundle, bool]:
        """A manifest: the bundle, and whether it is there; without it, what is missing.

        `held`: which contents the caller has sent; others are missing, although they may be there:
        who knows only the hash of a content does not get it. Default: all of them. Raises
        Unprocessable and TooLarge.
        """
        async with self._reading:
            manifest = await asyncio.to_thread(self._parsed, body)
            hashes = list(manifest.sizes())
            own = set(hashes) if held is None else await held(hashes)
            return await asyncio.to_thread(self._offer, manifest, own)

    def _parsed(self, body: bytes) -> CodeManifest:
        manifest = parse(body)
        require_limits(manifest, self.limits)
        return manifest

    def _offer(self, manifest: CodeManifest, own: AbstractSet[str]) -> tuple[CodeBundle, bool]:
        text = manifest.text()
        name, sizes = bundle_name(text), manifest.sizes()
        found = CodeBundle(bundle=name, files=len(manifest.files), size_bytes=manifest.size_bytes)
        if own >= sizes.keys() and self.folders.has_bundle(name):
            return found, True
        missing = [h for h, size in sizes.items() if h not in own or not self.folders.has(h, size)]
        if not missing and self.folders.add_bundle(name, text, sizes):
            return found, True
        self._volume.require(sum(sizes[h] for h in missing))
        return found.model_copy(update={"missing": missing}), False

    async def receive(
        self,
        chunks: AsyncIterator[bytes],
        key: str,
        declared: int | None,
        sha256: str | None = None,
    ) -> ReceivedContents:
        """Take contents: a pack, or with `sha256` one content of `declared` bytes.

        Raises BadRequest, TooLarge, TooManyRequests and OutOfSpace.
        """
        self._admit(key, declared or 0)
        reader = PackReader(self.folders, PackBounds(self.limits.max_bytes, self.limits.max_bytes))
        try:
            if sha256 is not None:
                await asyncio.to_thread(reader.begin, *_announced(sha256, declared))
            async for chunk in chunks:
                self._volume.require(len(chunk))
                await asyncio.to_thread(reader.feed, chunk)
            received = await asyncio.to_thread(reader.finish)
            if not received:
                raise BadRequest("the body holds no content; send a pack of at least one")
        finally:
            await asyncio.shield(asyncio.to_thread(reader.abandon))
        self.kept_bytes += reader.total
        if declared is None:
            self._allowance.spend(key, reader.total)
        return ReceivedContents(received=received)

    def _admit(self, key: str, count: int) -> None:
        self._volume.require(count)
        most = self._bounds.all_bytes
        if most is not None and self.kept_bytes + count > most:
            raise OutOfSpace(
                f"the code of all sessions takes {self.kept_bytes} of the {most} bytes that "
                "codeMaxTotalBytes allows; delete sessions, or ask your administrator"
            )
        self._allowance.spend(key, count)

    async def manifest(self, bundle: str) -> bytes:
        """The manifest of a bundle in its canonical form. Raises NotFound."""
        found = None
        if is_name(bundle):
            found = await asyncio.to_thread(self.folders.manifest, bundle)
        if found is None:
            raise missing_bundle(bundle)
        return found

    async def has(self, bundle: str) -> bool:
        """Whether a bundle is there; it then counts as used now."""
        return is_name(bundle) and await asyncio.to_thread(self.folders.has_bundle, bundle)

    async def contents(self, bundle: str) -> AsyncIterator[bytes]:
        """The contents of a bundle as a pack. Raises NotFound before the first bytes."""
        manifest = CodeManifest.model_validate_json(await self.manifest(bundle))
        return self._pack(bundle, manifest)

    async def _pack(self, bundle: str, manifest: CodeManifest) -> AsyncIterator[bytes]:
        waiting = bytearray()
        for sha256, size in sorted(manifest.sizes().items()):
            waiting += HEADER.pack(bytes.fromhex(sha256), size)
            path = self.folders.content_of(bundle, sha256)
            with await asyncio.to_thread(path.open, "rb") as file:
                while chunk := await asyncio.to_thread(file.read, CHUNK):
                    waiting += chunk
                    if len(waiting) >= CHUNK:
                        yield bytes(waiting)
                        waiting.clear()
        yield bytes(waiting)


def parse(body: bytes) -> CodeManifest:
    """A manifest from outside. Raises Unprocessable with what is wrong."""
    try:
        manifest = CodeManifest.model_validate_json(body)
    except ValidationError as error:
        wrong = field_errors(error, CodeManifest, MOST_ERRORS)
        omitted = error.error_count() - len(wrong)
        raise Unprocessable("the manifest is not valid", wrong, omitted=omitted) from error
    if (sentence := problem(manifest)) is not None:
        raise Unprocessable(f"the manifest is not valid: {sentence}")
    return manifest


def require_limits(manifest: CodeManifest, limits: CodeLimits) -> None:
    """Raises TooLarge, naming the largest files. Pure."""
    if len(manifest.entries) > limits.max_files:
        raise TooLarge(
            f"the bundle has {len(manifest.entries)} files, links and empty folders, and "
            f"{limits.max_files} are accepted (codeMaxFiles); leave out data and environments"
        )
    if manifest.size_bytes > limits.max_bytes:
        names = ", ".join(f"{shown(e.path)} ({e.size} bytes)" for e in largest(manifest.files, 3))
        raise TooLarge(
            f"the bundle has {manifest.size_bytes} bytes, and {limits.max_bytes} are accepted "
            f"(codeMaxBytes); the largest files: {names}; upload data as a dataset"
        )


def missing_bundle(bundle: str) -> NotFound:
    """The answer for a bundle that is not there."""
    return NotFound(
        f"there is no bundle {shown(bundle)[:64]!r}; send its folder again with "
        "`trainyard code push`"
    )


def _announced(sha256: str, declared: int | None) -> tuple[str, int]:
    if not is_name(sha256):
        raise BadRequest("the name of a content is its SHA-256: 64 digits from 0 to f")
    if declared is None:
        raise BadRequest("say how long the content is in Content-Length")
    return sha256, declared


def bundle_of(spec: Mapping[str, object]) -> str | None:
    """The bundle that the spec of a session names. Pure."""
    code = spec.get("code")
    return str(code["bundle"]) if isinstance(code, Mapping) and code.get("bundle") else None
