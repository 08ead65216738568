"""The asynchronous client: every call of `trainyard.calls`, sent by a connection."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx

from trainyard import calls, multipart, transfer, wire
from trainyard import models as answers
from trainyard.async_connection import AsyncConnection
from trainyard.calls import Spec
from trainyard.multipart import MultipartUpload, UploadState, upload_state_folder
from trainyard.retry import RETRIES, Retries
from trainyard.transfer import Download, Progress, Upload


class AsyncClient:
    """Asynchronous client; retries what may be repeated, with jitter."""

    def __init__(
        self,
        url: str,
        key: str,
        *,
        timeout: httpx.Timeout = wire.TIMEOUT,
        transport: httpx.AsyncBaseTransport | None = None,
        memory: Path | None = None,
        retries: Retries = RETRIES,
    ) -> None:
        """`memory`: folder that knows of uploads that were cut off; default below $XDG_STATE_HOME."""
        self._memory = UploadState(memory or upload_state_folder())
        self._gateway = AsyncConnection(url, key, timeout, transport, retries)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections."""
        await self._gateway.close()

    async def start_training(
        self,
        spec: Spec,
        name: str | None = None,
        *,
        dry_run: bool = False,
        idempotency_key: str | None = None,
    ) -> answers.Session:
        """Start a session from the fields of its spec."""
        return await self._gateway.send(calls.start(spec, name, dry_run, idempotency_key))

    async def estimate(self, spec: Spec) -> answers.Estimate:
        """Where a session with this spec would stand, and when it would start; nothing is created."""
        return await self._gateway.send(calls.estimate(spec))

    def events(self, session: str, last_id: str = "") -> AsyncIterator[answers.Event]:
        """What happens to a session until its end: metrics, log lines, phases.

        Goes on where it was cut off. `last_id`: id of the last event that was seen; "0.0" begins with everything there is;
        empty begins now.
        """
        return self._gateway.events(calls.events(session), last_id)

    async def sessions(
        self,
        phase: str | None = None,
        *,
        limit: int = 100,
        cursor: str | None = None,
        history: bool = False,
    ) -> answers.SessionPage:
        """Sessions, newest first; with `history` those that the cluster no longer has."""
        return await self._gateway.send(calls.sessions(phase, limit, cursor, history))

    async def status(self, session: str) -> answers.Session:
        """One session by name or UID."""
        return await self._gateway.send(calls.status(session))

    async def stop(self, session: str) -> answers.Session:
        """Save a checkpoint and end. Final."""
        return await self._gateway.send(calls.action(session, "stop"))

    async def suspend(self, session: str) -> answers.Session:
        """Save a checkpoint and give the GPUs back."""
        return await self._gateway.send(calls.action(session, "suspend"))

    async def resume(self, session: str) -> answers.Session:
        """Go on after a suspension."""
        return await self._gateway.send(calls.action(session, "resume"))

    async def set_priority(self, session: str, priority: int) -> answers.Session:
        """Change the priority (-1000 to 1000)."""
        return await self._gateway.send(calls.priority(session, priority))

    async def cancel(self, session: str) -> answers.Session:
        """Take a waiting session out of the queue."""
        return await self._gateway.send(calls.cancel(session))

    async def queue(self) -> answers.Queue:
        """Who waits, in order."""
        return await self._gateway.send(calls.queue())

    async def metrics(self, session: str) -> answers.Metrics:
        """Newest value of each metric."""
        return await self._gateway.send(calls.metrics(session))

    async def history(
        self, session: str, *names: str, by_epoch: bool = False, max_points: int = 1000
    ) -> answers.History:
        """Metrics over the steps, down-sampled so that no spike is lost."""
        return await self._gateway.send(calls.history(session, names, by_epoch, max_points))

    async def logs(
        self, session: str, *, after: int = 0, limit: int = 1000, tail: bool = False
    ) -> answers.Logs:
        """Printed lines after a cursor, or the last ones with `tail`."""
        return await self._gateway.send(calls.logs(session, after, limit, tail))

    async def datasets(self) -> answers.Datasets:
        """Every dataset."""
        return await self._gateway.send(calls.datasets())

    async def dataset(self, name: str) -> answers.Dataset:
        """One dataset."""
        return await self._gateway.send(calls.dataset(name))

    async def models(self) -> answers.Models:
        """The newest version of every model."""
        return await self._gateway.send(calls.all_models())

    async def model(self, name: str, version: int | None = None) -> answers.Model:
        """One version of a model with its card; the newest by default."""
        return await self._gateway.send(calls.model(name, version))

    async def versions(self, name: str) -> answers.Models:
        """All versions of a model."""
        return await self._gateway.send(calls.versions(name))

    async def system_info(self) -> answers.System:
        """Machine and cluster."""
        return await self._gateway.send(calls.system())

    async def keys(self) -> answers.Keys:
        """Every API key, without secrets (administrators)."""
        return await self._gateway.send(calls.keys())

    async def create_key(
        self, name: str, *scopes: str, expires_in_seconds: int | None = None
    ) -> answers.CreatedKey:
        """Make an API key; its secret comes in this answer and never again (administrators)."""
        return await self._gateway.send(calls.create_key(name, scopes, expires_in_seconds))

    async def key(self, key: str) -> answers.Key:
        """One API key by its public part, without its secret (administrators)."""
        return await self._gateway.send(calls.key(key))

    async def revoke_key(self, key: str) -> None:
        """Revoke an API key by its public part (administrators)."""
        await self._gateway.deliver(calls.revoke_key(key))

    async def delete_dataset(self, name: str) -> None:
        """Delete a dataset."""
        await self._gateway.deliver(calls.delete_dataset(name))

    async def delete_model(self, name: str) -> None:
        """Delete a model with all its versions."""
        await self._gateway.deliver(calls.delete_model(name))

    async def upload_dataset(
        self,
        name: str,
        path: Path,
        *,
        progress: Progress = transfer.no_progress,
        part_bytes: int = multipart.PART_BYTES,
    ) -> answers.Dataset:
        """Upload a file; one that is larger than `part_bytes` goes on where it was cut off, now or in an earlier process.

        Raises HashMismatch if another file arrived, or the file changed meanwhile.
        """
        if (await asyncio.to_thread(path.stat)).st_size > part_bytes:
            file = await asyncio.to_thread(MultipartUpload, path, progress, part_bytes)
            return await self._gateway.follow(
                multipart.send(multipart.DATASETS, self._gateway.url, name, file, self._memory)
            )
        upload = await asyncio.to_thread(Upload, path, progress)
        found = await self._gateway.upload(calls.upload_dataset(name, path.name), upload)
        upload.verify(found.sha256)
        return found

    async def upload_model(
        self,
        name: str,
        path: Path,
        *,
        progress: Progress = transfer.no_progress,
        part_bytes: int = multipart.PART_BYTES,
    ) -> answers.Model:
        """Upload a file; one that is larger than `part_bytes` goes on where it was cut off, now or in an earlier process.

        Raises HashMismatch if another file arrived, or the file changed meanwhile.
        """
        if (await asyncio.to_thread(path.stat)).st_size > part_bytes:
            file = await asyncio.to_thread(MultipartUpload, path, progress, part_bytes)
            return await self._gateway.follow(
                multipart.send(multipart.MODELS, self._gateway.url, name, file, self._memory)
            )
        upload = await asyncio.to_thread(Upload, path, progress)
        found = await self._gateway.upload(calls.upload_model(name), upload)
        upload.verify(found.sha256)
        return found

    async def download_model(
        self,
        name: str,
        target: Path,
        version: int | None = None,
        *,
        progress: Progress = transfer.no_progress,
    ) -> Path:
        """Download a model's file; goes on where it was cut off, now or in an earlier process, and checks the hash."""
        download = await asyncio.to_thread(Download, target, progress)
        return await self._gateway.download(calls.download_model(name, version), download)
