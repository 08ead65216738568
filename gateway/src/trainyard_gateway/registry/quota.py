"""Quotas of a registry: a number of files, and bytes of all files together.

An upload is refused before its body is read if its size is declared, otherwise as soon as it
exceeds the quota. The transaction that registers the file decides. One such transaction runs at a
time, so that concurrent uploads cannot exceed the quota together.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

from trainyard_gateway.errors import OutOfSpace, Problem, TooLarge
from trainyard_gateway.store.database import Connection, Database
from trainyard_gateway.store.registry import usage
from trainyard_gateway.store.registry.usage import Usage


@dataclass(frozen=True, slots=True)
class Quota:
    """Bounds of one registry; None bounds nothing."""

    kind: str
    """dataset or model."""
    most_bytes: int | None = None
    most_count: int | None = None

    def refusal(self, used: Usage, more: int) -> Problem | None:
        """Why one more file of `more` bytes is not taken; None when it is. Pure."""
        things, setting = f"{self.kind}s", f"{self.kind}sMax"
        if self.most_bytes is not None and more > self.most_bytes:
            return TooLarge(
                f"this {self.kind} has {more} bytes or more; all {things} together may have {self.most_bytes} ({setting}Bytes)"
            )
        if self.most_count is not None and used.count >= self.most_count:
            return OutOfSpace(
                f"there are {used.count} {things} and uploads of them, and {setting}Count allows {self.most_count}; delete some first"
            )
        if self.most_bytes is not None and used.size_bytes + more > self.most_bytes:
            return OutOfSpace(
                f"{things} and uploads of them take {used.size_bytes} of the {self.most_bytes} bytes that {setting}Bytes allows, "
                f"too many for {more} more; delete some first"
            )
        return None

    def check(self, connection: Connection, more: int, with_uploads: bool = False) -> None:
        """Whether one more file of `more` bytes is taken. Raises TooLarge and OutOfSpace."""
        if self.most_bytes is None and self.most_count is None:
            return
        used = usage.registered(connection, self.kind)
        if with_uploads:
            uploading = usage.uploading(connection, self.kind)
            used = Usage(used.count + uploading.count, used.size_bytes + uploading.size_bytes)
        if refusal := self.refusal(used, more):
            raise refusal

    def check_part(self, connection: Connection, more: int) -> None:
        """Raises OutOfSpace if a part of `more` bytes of a begun upload is not taken."""
        if self.most_bytes is None:
            return
        registered = usage.registered(connection, self.kind)
        received = usage.uploading(connection, self.kind, promised=0)
        used = registered.size_bytes + received.size_bytes
        if used + more > self.most_bytes:
            raise OutOfSpace(
                f"{self.kind}s and parts of uploads take {used} of the {self.most_bytes} bytes that "
                f"{self.kind}sMaxBytes allows, too many for a part of {more}; delete some first"
            )

    async def admit(self, database: Database, declared: int) -> Usage:
        """What is used, if `declared` more bytes are taken. Raises TooLarge and OutOfSpace."""
        used = await database.read(lambda c: usage.registered(c, self.kind), applied=False)
        if refusal := self.refusal(used, declared):
            raise refusal
        return used

    async def bounded(
        self, database: Database, chunks: AsyncIterator[bytes], declared: int | None
    ) -> AsyncIterator[bytes]:
        """The chunks of an upload within the quota. Raises TooLarge and OutOfSpace."""
        used = await self.admit(database, declared or 0)
        seen = 0
        async for chunk in chunks:
            seen += len(chunk)
            if refusal := self.refusal(used, seen):
                raise refusal
            yield chunk
