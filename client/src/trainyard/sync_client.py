"""The blocking client: every call of `trainyard.calls`, sent by a connection."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx

from trainyard import calls, multipart, transfer, wire
from trainyard import models as answers
from trainyard.calls import Spec
from trainyard.multipart import MultipartUpload, UploadState, upload_state_folder
from trainyard.retry import RETRIES, Retries
from trainyard.sync_connection import Connection, OnResponse
from trainyard.transfer import Download, Progress, Upload


class Client:
    """Blocking client; retries what may be repeated, with jitter."""

    def __init__(  # noqa: PLR0913  all but two have defaults
        self,
        url: str,
        key: str,
        *,
        timeout: httpx.Timeout = wire.TIMEOUT,
        transport: httpx.BaseTransport | None = None,
        memory: Path | None = None,
        retries: Retries = RETRIES,
        on_response: OnResponse | None = None,
    ) -> None:
        """`memory`: folder that knows of uploads that were cut off; default below $XDG_STATE_HOME.

        `on_response` is given every answer as it comes, before its body.
        """
        self._memory = UploadState(memory or upload_state_folder())
        self._gateway = Connection(url, key, timeout, transport, retries, on_response)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._gateway.close()

    def start_training(
        self,
        spec: Spec,
        name: str | None = None,
        *,
        dry_run: bool = False,
        idempotency_key: str | None = None,
    ) -> answers.Session:
        """Start a session from the fields of its spec."""
        return self._gateway.send(calls.start(spec, name, dry_run, idempotency_key))

    def estimate(self, spec: Spec) -> answers.Estimate:
        """Where a session with this spec would stand, and when it would start; nothing is created."""
        return self._gateway.send(calls.estimate(spec))

    def events(self, session: str, last_id: str = "") -> Iterator[answers.Event]:
        """What happens to a session until its end: metrics, log lines, phases.

        Goes on where it was cut off. `last_id`: id of the last event that was seen; "0.0" begins with everything there is;
        empty begins now.
        """
        return self._gateway.events(calls.events(session), last_id)

    def sessions(
        self,
        phase: str | None = None,
        *,
        limit: int = 100,
        cursor: str | None = None,
        history: bool = False,
    ) -> answers.SessionPage:
        """Sessions, newest first; with `history` those that the cluster no longer has."""
        return self._gateway.send(calls.sessions(phase, limit, cursor, history))

    def status(self, session: str) -> answers.Session:
        """One session by name or UID."""
        return self._gateway.send(calls.status(session))

    def stop(self, session: str) -> answers.Session:
        """Save a checkpoint and end. Final."""
        return self._gateway.send(calls.action(session, "stop"))

    def suspend(self, session: str) -> answers.Session:
        """Save a checkpoint and give the GPUs back."""
        return self._gateway.send(calls.action(session, "suspend"))

    def resume(self, session: str) -> answers.Session:
        """Go on after a suspension."""
        return self._gateway.send(calls.action(session, "resume"))

    def set_priority(self, session: str, priority: int) -> answers.Session:
        """Change the priority (-1000 to 1000)."""
        return self._gateway.send(calls.priority(session, priority))

    def cancel(self, session: str) -> answers.Session:
        """Take a waiting session out of the queue."""
        return self._gateway.send(calls.cancel(session))

    def queue(self) -> answers.Queue:
        """Who waits, in order."""
        return self._gateway.send(calls.queue())

    def metrics(self, session: str) -> answers.Metrics:
        """Newest value of each metric."""
        return self._gateway.send(calls.metrics(session))

    def history(
        self, session: str, *names: str, by_epoch: bool = False, max_points: int = 1000
    ) -> answers.History:
        """Metrics over the steps, down-sampled so that no spike is lost."""
        return self._gateway.send(calls.history(session, names, by_epoch, max_points))

    def logs(
        self, session: str, *, after: int = 0, limit: int = 1000, tail: bool = False
    ) -> answers.Logs:
        """Printed lines after a cursor, or the last ones with `tail`."""
        return self._gateway.send(calls.logs(session, after, limit, tail))

    def datasets(self) -> answers.Datasets:
        """Every dataset."""
        return self._gateway.send(calls.datasets())

    def dataset(self, name: str) -> answers.Dataset:
        """One dataset."""
        return self._gateway.send(calls.dataset(name))

    def models(self) -> answers.Models:
        """The newest version of every model."""
        return self._gateway.send(calls.all_models())

    def model(self, name: str, version: int | None = None) -> answers.Model:
        """One version of a model with its card; the newest by default."""
        return self._gateway.send(calls.model(name, version))

    def versions(self, name: str) -> answers.Models:
        """All versions of a model."""
        return self._gateway.send(calls.versions(name))

    def system_info(self) -> answers.System:
        """Machine and cluster."""
        return self._gateway.send(calls.system())

    def keys(self) -> answers.Keys:
        """Every API key, without secrets (administrators)."""
        return self._gateway.send(calls.keys())

    def create_key(
        self, name: str, *scopes: str, expires_in_seconds: int | None = None
    ) -> answers.CreatedKey:
        """Make an API key; its secret comes in this answer and never again (administrators)."""
        return self._gateway.send(calls.create_key(name, scopes, expires_in_seconds))

    def key(self, key: str) -> answers.Key:
        """One API key by its public part, without its secret (administrators)."""
        return self._gateway.send(calls.key(key))

    def revoke_key(self, key: str) -> None:
        """Revoke an API key by its public part (administrators)."""
        self._gateway.deliver(calls.revoke_key(key))

    def delete_dataset(self, name: str) -> None:
        """Delete a dataset."""
        self._gateway.deliver(calls.delete_dataset(name))

    def delete_model(self, name: str) -> None:
        """Delete a model with all its versions."""
        self._gateway.deliver(calls.delete_model(name))

    def upload_dataset(
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
        if path.stat().st_size > part_bytes:
            file = MultipartUpload(path, progress, part_bytes)
            return self._gateway.follow(
                multipart.send(multipart.DATASETS, self._gateway.url, name, file, self._memory)
            )
        upload = Upload(path, progress)
        found = self._gateway.upload(calls.upload_dataset(name, path.name), upload)
        upload.verify(found.sha256)
        return found

    def upload_model(
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
        if path.stat().st_size > part_bytes:
            file = MultipartUpload(path, progress, part_bytes)
            return self._gateway.follow(
                multipart.send(multipart.MODELS, self._gateway.url, name, file, self._memory)
            )
        upload = Upload(path, progress)
        found = self._gateway.upload(calls.upload_model(name), upload)
        upload.verify(found.sha256)
        return found

    def download_model(
        self,
        name: str,
        target: Path,
        version: int | None = None,
        *,
        progress: Progress = transfer.no_progress,
    ) -> Path:
        """Download a model's file; goes on where it was cut off, now or in an earlier process, and checks the hash."""
        download = Download(target, progress)
        return self._gateway.download(calls.download_model(name, version), download)
