"""How many bytes the artifacts of a run, and all artifacts together, may have.

A file is refused before its body is read if its size is declared, otherwise as soon as it exceeds a
bound. The transaction that adds its row decides; one such transaction runs at a time.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import NamedTuple

from trainyard_gateway.errors import OutOfSpace, Problem, TooLarge
from trainyard_gateway.mlflow.wire.places import Place
from trainyard_gateway.store.database import Connection
from trainyard_gateway.store.runs import artifacts, logged_models


class UsedBytes(NamedTuple):
    """Bytes of artifacts, without the file that is replaced."""

    run: int = 0
    """Of the run with its logged models, or of the logged model that no run has made."""
    all: int = 0


@dataclass(frozen=True, slots=True)
class ArtifactQuota:
    """Bounds in bytes; None bounds nothing."""

    most_of_run: int | None = None
    most: int | None = None

    def refusal(self, used: UsedBytes, more: int) -> Problem | None:
        """Why a file of `more` bytes is not taken; None when it is. Pure."""
        bounds = (
            (self.most_of_run, used.run, "the artifacts of a run", "artifactsRunMaxBytes"),
            (self.most, used.all, "all artifacts together", "artifactsMaxBytes"),
        )
        for most, _, what, setting in bounds:
            if most is not None and more > most:
                return TooLarge(
                    f"this file has {more} bytes or more; {what} may have {most} ({setting})"
                )
        for most, there, what, setting in bounds:
            if most is not None and there + more > most:
                return OutOfSpace(
                    f"{what} may have {most} bytes ({setting}) and have {there}, too many for "
                    f"{more} more; delete some first, or ask your administrator"
                )
        return None

    def check(self, connection: Connection, place: Place, more: int) -> UsedBytes:
        """What is used, if a file of `more` bytes is taken. Raises TooLarge and OutOfSpace."""
        if self.most_of_run is None and self.most is None:
            return UsedBytes()
        before = artifacts.find(connection, place.owner, place.path)
        replaced = before.size_bytes if before is not None else 0
        run = place.owner
        if place.is_model and (model := logged_models.find(connection, place.owner)) is not None:
            run = model.run_id or run
        used = UsedBytes(
            0 if self.most_of_run is None else artifacts.bytes_of(connection, run) - replaced,
            0 if self.most is None else artifacts.used(connection)[1] - replaced,
        )
        if refusal := self.refusal(used, more):
            raise refusal
        return used

    async def bounded(self, chunks: AsyncIterator[bytes], used: UsedBytes) -> AsyncIterator[bytes]:
        """The chunks of a file within the bounds. Raises TooLarge and OutOfSpace."""
        seen = 0
        async for chunk in chunks:
            seen += len(chunk)
            if refusal := self.refusal(used, seen):
                raise refusal
            yield chunk
