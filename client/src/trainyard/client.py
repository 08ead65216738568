"""The client of the gateway, blocking and asynchronous; both send the calls of `trainyard.calls`.

with trainyard.Client("http://gateway.example", key) as gateway:
    session = gateway.start_training({"dataset": "digits", "training": {"task": "tabular-classification"}})
    print(gateway.status(session.name).phase)
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Generator, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar, cast

import httpx

from trainyard import calls, errors, parts, transfer, wire
from trainyard import models as answers
from trainyard.calls import Call
from trainyard.errors import TrainyardError
from trainyard.parts import Memory, Parts, Step, memory_folder
from trainyard.policy import pause_before_retry
from trainyard.sse import Decoder, Frame
from trainyard.transfer import Download, Progress, Upload
from trainyard_api.model import Status
from trainyard_api.session import TrainingSessionSpec

T = TypeVar("T", bound=Status)
Spec = TrainingSessionSpec | Mapping[str, Any]


class Client:
    """Blocking client; retries what may be repeated, with jitter."""

    def __init__(
        self,
        url: str,
        key: str,
        *,
        timeout: httpx.Timeout = wire.TIMEOUT,
        transport: httpx.BaseTransport | None = None,
        memory: Path | None = None,
    ) -> None:
        """`memory`: folder that knows of uploads that were cut off; default below $XDG_STATE_HOME."""
        self._memory = Memory(memory or memory_folder())
        self._http = httpx.Client(
            base_url=wire.base(url), headers=wire.headers(key), timeout=timeout, transport=transport
        )

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
        self._http.close()

    def start_training(
        self,
        spec: Spec,
        name: str | None = None,
        *,
        dry_run: bool = False,
        idempotency_key: str | None = None,
    ) -> answers.Session:
        """Start a session from the fields of its spec."""
        return self._send(calls.start(spec, name, dry_run, idempotency_key))

    def estimate(self, spec: Spec) -> answers.Estimate:
        """Where a session with this spec would stand, and when it would start; nothing is created."""
        return self._send(calls.estimate(spec))

    def events(self, session: str, last_id: str = "") -> Iterator[answers.Event]:
        """What happens to a session until its end: metrics, log lines, phases.

        Goes on where it was cut off. `last_id`: id of the last event that was seen; "0.0" begins with everything there is;
        empty begins now.
        """
        call, decoder, attempt = calls.events(session), Decoder(last_id), 1
        while True:
            try:
                for frame in self._frames(call, decoder):
                    attempt = 1
                    yield (event := wire.event(frame))
                    if event.kind == "end":
                        return
            except TrainyardError as error:
                pause = pause_before_retry(error, attempt, call.repeatable)
                if pause is None:
                    raise
                time.sleep(pause)
                attempt += 1
            decoder = Decoder(decoder.last_id)

    def sessions(
        self,
        phase: str | None = None,
        *,
        limit: int = 100,
        cursor: str | None = None,
        history: bool = False,
    ) -> answers.SessionPage:
        """Sessions, newest first; with `history` those that the cluster no longer has."""
        return self._send(calls.sessions(phase, limit, cursor, history))

    def status(self, session: str) -> answers.Session:
        """One session by name or UID."""
        return self._send(calls.status(session))

    def stop(self, session: str) -> answers.Session:
        """Save a checkpoint and end. Final."""
        return self._send(calls.action(session, "stop"))

    def suspend(self, session: str) -> answers.Session:
        """Save a checkpoint and give the GPUs back."""
        return self._send(calls.action(session, "suspend"))

    def resume(self, session: str) -> answers.Session:
        """Go on after a suspension."""
        return self._send(calls.action(session, "resume"))

    def set_priority(self, session: str, priority: int) -> answers.Session:
        """Change the priority (-1000 to 1000)."""
        return self._send(calls.priority(session, priority))

    def cancel(self, session: str) -> answers.Session:
        """Take a waiting session out of the queue."""
        return self._send(calls.cancel(session))

    def queue(self) -> answers.Queue:
        """Who waits, in order."""
        return self._send(calls.queue())

    def metrics(self, session: str) -> answers.Metrics:
        """Newest value of each metric."""
        return self._send(calls.metrics(session))

    def history(
        self, session: str, *names: str, by_epoch: bool = False, max_points: int = 1000
    ) -> answers.History:
        """Metrics over the steps, down-sampled so that no spike is lost."""
        return self._send(calls.history(session, names, by_epoch, max_points))

    def logs(
        self, session: str, *, after: int = 0, limit: int = 1000, tail: bool = False
    ) -> answers.Logs:
        """Printed lines after a cursor, or the last ones with `tail`."""
        return self._send(calls.logs(session, after, limit, tail))

    def datasets(self) -> answers.Datasets:
        """Every dataset."""
        return self._send(calls.datasets())

    def dataset(self, name: str) -> answers.Dataset:
        """One dataset."""
        return self._send(calls.dataset(name))

    def models(self) -> answers.Models:
        """The newest version of every model."""
        return self._send(calls.all_models())

    def model(self, name: str, version: int | None = None) -> answers.Model:
        """One version of a model with its card; the newest by default."""
        return self._send(calls.model(name, version))

    def versions(self, name: str) -> answers.Models:
        """All versions of a model."""
        return self._send(calls.versions(name))

    def system_info(self) -> answers.System:
        """Machine and cluster."""
        return self._send(calls.system())

    def keys(self) -> answers.Keys:
        """Every API key, without secrets (administrators)."""
        return self._send(calls.keys())

    def create_key(
        self, name: str, *scopes: str, expires_in_seconds: int | None = None
    ) -> answers.CreatedKey:
        """Make an API key; its secret comes in this answer and never again (administrators)."""
        return self._send(calls.create_key(name, scopes, expires_in_seconds))

    def key(self, key: str) -> answers.Key:
        """One API key by its public part, without its secret (administrators)."""
        return self._send(calls.key(key))

    def revoke_key(self, key: str) -> None:
        """Revoke an API key by its public part (administrators)."""
        self._deliver(calls.revoke_key(key))

    def delete_dataset(self, name: str) -> None:
        """Delete a dataset."""
        self._deliver(calls.delete_dataset(name))

    def delete_model(self, name: str) -> None:
        """Delete a model with all its versions."""
        self._deliver(calls.delete_model(name))

    def upload_dataset(
        self,
        name: str,
        path: Path,
        *,
        progress: Progress = transfer.unseen,
        part_bytes: int = parts.PART_BYTES,
    ) -> answers.Dataset:
        """Upload a file; one that is larger than `part_bytes` goes on where it was cut off, now or in an earlier process.

        Raises HashMismatch if another file arrived, or the file changed meanwhile.
        """
        if path.stat().st_size > part_bytes:
            file = Parts(path, progress, part_bytes)
            return self._follow(
                parts.send(parts.DATASETS, str(self._http.base_url), name, file, self._memory)
            )
        upload = Upload(path, progress)
        found = self._upload(calls.upload_dataset(name, path.name), upload)
        upload.verify(found.sha256)
        return found

    def upload_model(
        self,
        name: str,
        path: Path,
        *,
        progress: Progress = transfer.unseen,
        part_bytes: int = parts.PART_BYTES,
    ) -> answers.Model:
        """Upload a file; one that is larger than `part_bytes` goes on where it was cut off, now or in an earlier process.

        Raises HashMismatch if another file arrived, or the file changed meanwhile.
        """
        if path.stat().st_size > part_bytes:
            file = Parts(path, progress, part_bytes)
            return self._follow(
                parts.send(parts.MODELS, str(self._http.base_url), name, file, self._memory)
            )
        upload = Upload(path, progress)
        found = self._upload(calls.upload_model(name), upload)
        upload.verify(found.sha256)
        return found

    def download_model(
        self,
        name: str,
        target: Path,
        version: int | None = None,
        *,
        progress: Progress = transfer.unseen,
    ) -> Path:
        """Download a model's file; goes on where it was cut off, now or in an earlier process, and checks the hash."""
        call, download = calls.download_model(name, version), Download(target, progress)
        attempt = 1
        while True:
            before = download.size
            try:
                if self._download(call, download):
                    return download.finish()
                continue  # what lay here was of another file
            except TrainyardError as error:
                attempt = 1 if download.size > before else attempt
                pause = pause_before_retry(error, attempt, call.repeatable)
                if pause is None:
                    raise
            time.sleep(pause)
            attempt += 1

    def _frames(self, call: Call[Any], decoder: Decoder) -> Iterator[Frame]:
        headers = {"Last-Event-ID": decoder.last_id} if decoder.last_id else {}
        try:
            with self._http.stream(
                call.method, call.path, headers=headers, timeout=wire.STREAM_TIMEOUT
            ) as response:
                if not response.is_success:
                    response.read()
                wire.check(response)
                for piece in response.iter_bytes():
                    yield from decoder.feed(piece)
        except httpx.HTTPError as error:
            raise wire.unreachable(self._http.base_url, error) from error
        # A gateway that stops ends its streams; what follows is a new connection.
        raise errors.Unreachable("the gateway ended the stream of events")

    def _follow(self, steps: Generator[Step, Any, T]) -> T:
        """Take each step; what comes back, an error too, decides on the next."""
        try:
            step = next(steps)
            while True:
                try:
                    answer = self._deliver(step.call, step)
                except TrainyardError as error:
                    step = steps.throw(error)
                else:
                    step = steps.send(answer)
        except StopIteration as end:
            return cast(T, end.value)
        finally:
            steps.close()

    def _send(self, call: Call[T]) -> T:
        return _present(self._deliver(call))

    def _deliver(self, call: Call[T], step: Step | None = None) -> T | None:
        attempt = 1
        while True:
            try:
                return wire.parse(call, self._once(call, step))
            except TrainyardError as error:
                pause = pause_before_retry(error, attempt, call.repeatable)
                if pause is None:
                    raise
            time.sleep(pause)
            attempt += 1

    def _upload(self, call: Call[T], upload: Upload) -> T:
        try:
            response = self._http.request(
                call.method,
                call.path,
                params=dict(call.query),
                content=upload.chunks(),
                headers=upload.headers,
                timeout=transfer.TIMEOUT,
            )
        except httpx.HTTPError as error:
            raise wire.unreachable(self._http.base_url, error) from error
        return _present(wire.parse(call, response))

    def _download(self, call: Call[Any], download: Download) -> bool:
        """One request; whether the file is whole now."""
        try:
            with self._http.stream(
                call.method, call.path, params=dict(call.query), headers=download.headers()
            ) as response:
                if not response.is_success:
                    response.read()
                    if download.starts_over(response):
                        return False
                wire.check(response)
                download.begin(response)
                for chunk in response.iter_bytes(transfer.CHUNK):
                    download.add(chunk)
        except httpx.HTTPError as error:
            raise wire.unreachable(self._http.base_url, error) from error
        return True

    def _once(self, call: Call[Any], step: Step | None = None) -> httpx.Response:
        arguments = wire.request_arguments(call)
        if step is not None and step.patient:
            arguments["timeout"] = transfer.TIMEOUT
        if step is not None and step.piece is not None:
            arguments["content"] = step.piece.chunks()
            arguments["headers"] |= {"Content-Length": str(step.piece.size)}
        try:
            return self._http.request(call.method, call.path, **arguments)
        except httpx.HTTPError as error:
            raise wire.unreachable(self._http.base_url, error) from error


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
    ) -> None:
        """`memory`: folder that knows of uploads that were cut off; default below $XDG_STATE_HOME."""
        self._memory = Memory(memory or memory_folder())
        self._http = httpx.AsyncClient(
            base_url=wire.base(url), headers=wire.headers(key), timeout=timeout, transport=transport
        )

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
        await self._http.aclose()

    async def start_training(
        self,
        spec: Spec,
        name: str | None = None,
        *,
        dry_run: bool = False,
        idempotency_key: str | None = None,
    ) -> answers.Session:
        """Start a session from the fields of its spec."""
        return await self._send(calls.start(spec, name, dry_run, idempotency_key))

    async def estimate(self, spec: Spec) -> answers.Estimate:
        """Where a session with this spec would stand, and when it would start; nothing is created."""
        return await self._send(calls.estimate(spec))

    async def events(self, session: str, last_id: str = "") -> AsyncIterator[answers.Event]:
        """What happens to a session until its end: metrics, log lines, phases.

        Goes on where it was cut off. `last_id`: id of the last event that was seen; "0.0" begins with everything there is;
        empty begins now.
        """
        call, decoder, attempt = calls.events(session), Decoder(last_id), 1
        while True:
            try:
                async for frame in self._frames(call, decoder):
                    attempt = 1
                    yield (event := wire.event(frame))
                    if event.kind == "end":
                        return
            except TrainyardError as error:
                pause = pause_before_retry(error, attempt, call.repeatable)
                if pause is None:
                    raise
                await asyncio.sleep(pause)
                attempt += 1
            decoder = Decoder(decoder.last_id)

    async def sessions(
        self,
        phase: str | None = None,
        *,
        limit: int = 100,
        cursor: str | None = None,
        history: bool = False,
    ) -> answers.SessionPage:
        """Sessions, newest first; with `history` those that the cluster no longer has."""
        return await self._send(calls.sessions(phase, limit, cursor, history))

    async def status(self, session: str) -> answers.Session:
        """One session by name or UID."""
        return await self._send(calls.status(session))

    async def stop(self, session: str) -> answers.Session:
        """Save a checkpoint and end. Final."""
        return await self._send(calls.action(session, "stop"))

    async def suspend(self, session: str) -> answers.Session:
        """Save a checkpoint and give the GPUs back."""
        return await self._send(calls.action(session, "suspend"))

    async def resume(self, session: str) -> answers.Session:
        """Go on after a suspension."""
        return await self._send(calls.action(session, "resume"))

    async def set_priority(self, session: str, priority: int) -> answers.Session:
        """Change the priority (-1000 to 1000)."""
        return await self._send(calls.priority(session, priority))

    async def cancel(self, session: str) -> answers.Session:
        """Take a waiting session out of the queue."""
        return await self._send(calls.cancel(session))

    async def queue(self) -> answers.Queue:
        """Who waits, in order."""
        return await self._send(calls.queue())

    async def metrics(self, session: str) -> answers.Metrics:
        """Newest value of each metric."""
        return await self._send(calls.metrics(session))

    async def history(
        self, session: str, *names: str, by_epoch: bool = False, max_points: int = 1000
    ) -> answers.History:
        """Metrics over the steps, down-sampled so that no spike is lost."""
        return await self._send(calls.history(session, names, by_epoch, max_points))

    async def logs(
        self, session: str, *, after: int = 0, limit: int = 1000, tail: bool = False
    ) -> answers.Logs:
        """Printed lines after a cursor, or the last ones with `tail`."""
        return await self._send(calls.logs(session, after, limit, tail))

    async def datasets(self) -> answers.Datasets:
        """Every dataset."""
        return await self._send(calls.datasets())

    async def dataset(self, name: str) -> answers.Dataset:
        """One dataset."""
        return await self._send(calls.dataset(name))

    async def models(self) -> answers.Models:
        """The newest version of every model."""
        return await self._send(calls.all_models())

    async def model(self, name: str, version: int | None = None) -> answers.Model:
        """One version of a model with its card; the newest by default."""
        return await self._send(calls.model(name, version))

    async def versions(self, name: str) -> answers.Models:
        """All versions of a model."""
        return await self._send(calls.versions(name))

    async def system_info(self) -> answers.System:
        """Machine and cluster."""
        return await self._send(calls.system())

    async def keys(self) -> answers.Keys:
        """Every API key, without secrets (administrators)."""
        return await self._send(calls.keys())

    async def create_key(
        self, name: str, *scopes: str, expires_in_seconds: int | None = None
    ) -> answers.CreatedKey:
        """Make an API key; its secret comes in this answer and never again (administrators)."""
        return await self._send(calls.create_key(name, scopes, expires_in_seconds))

    async def key(self, key: str) -> answers.Key:
        """One API key by its public part, without its secret (administrators)."""
        return await self._send(calls.key(key))

    async def revoke_key(self, key: str) -> None:
        """Revoke an API key by its public part (administrators)."""
        await self._deliver(calls.revoke_key(key))

    async def delete_dataset(self, name: str) -> None:
        """Delete a dataset."""
        await self._deliver(calls.delete_dataset(name))

    async def delete_model(self, name: str) -> None:
        """Delete a model with all its versions."""
        await self._deliver(calls.delete_model(name))

    async def upload_dataset(
        self,
        name: str,
        path: Path,
        *,
        progress: Progress = transfer.unseen,
        part_bytes: int = parts.PART_BYTES,
    ) -> answers.Dataset:
        """Upload a file; one that is larger than `part_bytes` goes on where it was cut off, now or in an earlier process.

        Raises HashMismatch if another file arrived, or the file changed meanwhile.
        """
        if (await asyncio.to_thread(path.stat)).st_size > part_bytes:
            file = await asyncio.to_thread(Parts, path, progress, part_bytes)
            return await self._follow(
                parts.send(parts.DATASETS, str(self._http.base_url), name, file, self._memory)
            )
        upload = await asyncio.to_thread(Upload, path, progress)
        found = await self._upload(calls.upload_dataset(name, path.name), upload)
        upload.verify(found.sha256)
        return found

    async def upload_model(
        self,
        name: str,
        path: Path,
        *,
        progress: Progress = transfer.unseen,
        part_bytes: int = parts.PART_BYTES,
    ) -> answers.Model:
        """Upload a file; one that is larger than `part_bytes` goes on where it was cut off, now or in an earlier process.

        Raises HashMismatch if another file arrived, or the file changed meanwhile.
        """
        if (await asyncio.to_thread(path.stat)).st_size > part_bytes:
            file = await asyncio.to_thread(Parts, path, progress, part_bytes)
            return await self._follow(
                parts.send(parts.MODELS, str(self._http.base_url), name, file, self._memory)
            )
        upload = await asyncio.to_thread(Upload, path, progress)
        found = await self._upload(calls.upload_model(name), upload)
        upload.verify(found.sha256)
        return found

    async def download_model(
        self,
        name: str,
        target: Path,
        version: int | None = None,
        *,
        progress: Progress = transfer.unseen,
    ) -> Path:
        """Download a model's file; goes on where it was cut off, now or in an earlier process, and checks the hash."""
        call = calls.download_model(name, version)
        download = await asyncio.to_thread(Download, target, progress)
        attempt = 1
        while True:
            before = download.size
            try:
                if await self._download(call, download):
                    return download.finish()
                continue  # what lay here was of another file
            except TrainyardError as error:
                attempt = 1 if download.size > before else attempt
                pause = pause_before_retry(error, attempt, call.repeatable)
                if pause is None:
                    raise
            await asyncio.sleep(pause)
            attempt += 1

    async def _frames(self, call: Call[Any], decoder: Decoder) -> AsyncIterator[Frame]:
        headers = {"Last-Event-ID": decoder.last_id} if decoder.last_id else {}
        try:
            async with self._http.stream(
                call.method, call.path, headers=headers, timeout=wire.STREAM_TIMEOUT
            ) as response:
                if not response.is_success:
                    await response.aread()
                wire.check(response)
                async for piece in response.aiter_bytes():
                    for frame in decoder.feed(piece):
                        yield frame
        except httpx.HTTPError as error:
            raise wire.unreachable(self._http.base_url, error) from error
        # A gateway that stops ends its streams; what follows is a new connection.
        raise errors.Unreachable("the gateway ended the stream of events")

    async def _follow(self, steps: Generator[Step, Any, T]) -> T:
        """Take each step; what comes back, an error too, decides on the next."""
        try:
            step = next(steps)
            while True:
                try:
                    answer = await self._deliver(step.call, step)
                except TrainyardError as error:
                    step = steps.throw(error)
                else:
                    step = steps.send(answer)
        except StopIteration as end:
            return cast(T, end.value)
        finally:
            steps.close()

    async def _send(self, call: Call[T]) -> T:
        return _present(await self._deliver(call))

    async def _deliver(self, call: Call[T], step: Step | None = None) -> T | None:
        attempt = 1
        while True:
            try:
                return wire.parse(call, await self._once(call, step))
            except TrainyardError as error:
                pause = pause_before_retry(error, attempt, call.repeatable)
                if pause is None:
                    raise
            await asyncio.sleep(pause)
            attempt += 1

    async def _upload(self, call: Call[T], upload: Upload) -> T:
        try:
            response = await self._http.request(
                call.method,
                call.path,
                params=dict(call.query),
                content=upload.async_chunks(),
                headers=upload.headers,
                timeout=transfer.TIMEOUT,
            )
        except httpx.HTTPError as error:
            raise wire.unreachable(self._http.base_url, error) from error
        return _present(wire.parse(call, response))

    async def _download(self, call: Call[Any], download: Download) -> bool:
        """One request; whether the file is whole now."""
        try:
            async with self._http.stream(
                call.method, call.path, params=dict(call.query), headers=download.headers()
            ) as response:
                if not response.is_success:
                    await response.aread()
                    if download.starts_over(response):
                        return False
                wire.check(response)
                download.begin(response)
                async for chunk in response.aiter_bytes(transfer.CHUNK):
                    download.add(chunk)
        except httpx.HTTPError as error:
            raise wire.unreachable(self._http.base_url, error) from error
        return True

    async def _once(self, call: Call[Any], step: Step | None = None) -> httpx.Response:
        arguments = wire.request_arguments(call)
        if step is not None and step.patient:
            arguments["timeout"] = transfer.TIMEOUT
        if step is not None and step.piece is not None:
            arguments["content"] = step.piece.async_chunks()
            arguments["headers"] |= {"Content-Length": str(step.piece.size)}
        try:
            return await self._http.request(call.method, call.path, **arguments)
        except httpx.HTTPError as error:
            raise wire.unreachable(self._http.base_url, error) from error


def _present(answer: T | None) -> T:
    if answer is None:
        raise TypeError("every call that comes here names its answer")
    return answer
