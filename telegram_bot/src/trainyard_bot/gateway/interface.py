"""What the bot needs of the gateway, as a seam. `trainyard_gateway_client` is the real one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

from trainyard_bot.gateway.views import Dataset, Model, Run, Series, System


class Gateway(Protocol):
    """The gateway, in the bot's words. Every method raises `GatewayError` and nothing else."""

    async def close(self) -> None:
        """Close the connections."""

    async def runs(self, phase: str = "") -> tuple[Sequence[Run], int]:
        """Runs, newest first, and how many there are: not over (""), all ("all"), or in a phase."""

    async def watched(self) -> Sequence[Run]:
        """Every run that notices may be due for."""

    async def run(self, name_or_uid: str) -> Run:
        """One run."""

    async def check(self, name: str, spec: dict[str, Any]) -> None:
        """Whether the gateway would accept the run; nothing is started."""

    async def start(self, name: str, spec: dict[str, Any], key: str) -> Run:
        """Hand in a run; the same idempotency `key` again gives the same run."""

    async def stop(self, uid: str) -> None:
        """Ask it to save a checkpoint and end."""

    async def cancel(self, uid: str) -> None:
        """Take it out of the queue."""

    async def suspend(self, uid: str) -> None:
        """Ask it to save a checkpoint and give its GPUs back."""

    async def resume(self, uid: str) -> None:
        """Put a suspended run back into the queue."""

    async def set_priority(self, uid: str, priority: int) -> None:
        """Change its priority."""

    async def queue(self) -> Sequence[Run]:
        """Who waits, in order."""

    async def metrics(self, uid: str) -> Sequence[tuple[str, str]]:
        """Latest value of each metric."""

    async def history(self, uid: str) -> Sequence[Series]:
        """Its curves, down-sampled."""

    async def logs(self, uid: str, lines: int) -> Sequence[str]:
        """Its last log lines, oldest first."""

    async def models(self) -> Sequence[Model]:
        """The registry."""

    async def model(self, name: str) -> Model:
        """One model."""

    async def download_model(self, name: str, into: Path) -> Path:
        """Its newest version as a file in the folder `into`."""

    async def delete_model(self, name: str) -> None:
        """Delete it with all versions."""

    async def datasets(self) -> Sequence[Dataset]:
        """The datasets."""

    async def dataset(self, name: str) -> Dataset:
        """One dataset."""

    async def system(self) -> System:
        """Nodes and GPUs."""
