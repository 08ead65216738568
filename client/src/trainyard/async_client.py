"""The asynchronous client: a method for each call of `trainyard.calls`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self, TypeVar

import httpx

from trainyard import calls, multipart, transfer, wire
from trainyard import choices as choices_json
from trainyard import models as responses
from trainyard.async_connection import AsyncConnection, OnResponse
from trainyard.audit.async_audit import AsyncAudit
from trainyard.calls import Spec
from trainyard.code.async_code import AsyncCode
from trainyard.concurrency import async_in_thread
from trainyard.files.async_files import AsyncFiles
from trainyard.limits.async_limits import AsyncLimits
from trainyard.logins.async_logins import AsyncLogins
from trainyard.multipart import Kind, MultipartUpload, UploadState, upload_state_folder
from trainyard.notices.async_notices import AsyncNotices
from trainyard.owners.async_owners import AsyncOwners
from trainyard.retry import RETRIES, Retries
from trainyard.transfer import Download, Progress, Upload
from trainyard.trees.async_trees import AsyncTrees
from trainyard_api.datasets.choices import SchemaChoices

T = TypeVar("T", responses.Dataset, responses.Model)


class AsyncClient:
    """Asynchronous client of one gateway.

    Requests that may be repeated are retried with jitter, as `retries` says. Methods raise the
    errors of `trainyard.errors`: Unreachable, BadAnswer, and the ApiError of a refusal's status.
    """

    def __init__(  # noqa: PLR0913  all but two have defaults
        self,
        url: str,
        key: str,
        *,
        timeout: httpx.Timeout = wire.TIMEOUT,
        transport: httpx.AsyncBaseTransport | None = None,
        upload_state: Path | None = None,
        retries: Retries = RETRIES,
        on_response: OnResponse | None = None,
    ) -> None:
        """`url` is the gateway's, without `/api/v1`; `key` an API key.

        `upload_state` is the folder that keeps the ids of unfinished uploads; default:
        `trainyard/uploads` below $XDG_STATE_HOME. `on_response` is called with every response
        before its body is read. Raises ValueError for a URL that is not http or https.
        """
        self._upload_state = UploadState(upload_state or upload_state_folder())
        self._connection = AsyncConnection(url, key, timeout, transport, retries, on_response)
        self.code = AsyncCode(self._connection)
        self.files = AsyncFiles(self._connection)
        self.trees = AsyncTrees(self._connection)
        self.notices = AsyncNotices(self._connection)
        self.logins = AsyncLogins(self._connection)
        self.limits = AsyncLimits(self._connection)
        self.owners = AsyncOwners(self._connection)
        self.audit = AsyncAudit(self._connection)

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
        await self._connection.close()

    async def start_training(
        self,
        spec: Spec,
        name: str | None = None,
        *,
        dry_run: bool = False,
        idempotency_key: str | None = None,
    ) -> responses.Session:
        """Start a session from the fields of its spec; the gateway chooses a name if there is none.

        With `dry_run` the session is checked and not created. With `idempotency_key` (any text that
        is unique to this start) the request is retried, and starts no second session.
        Raises Invalid with the wrong fields, Conflict if the name is taken.
        """
        return await self._connection.send(calls.start(spec, name, dry_run, idempotency_key))

    async def estimate(self, spec: Spec) -> responses.Estimate:
        """When and where in its queue a session with this spec would start; creates nothing."""
        return await self._connection.send(calls.estimate(spec))

    def events(self, session: str, last_id: str = "") -> AsyncIterator[responses.Event]:
        """The events of a session until it ends: metrics, log lines, phases.

        A stream that breaks off is continued. `last_id` is the id of the last event received: empty
        starts now, "0.0" starts with the session's first event.
        """
        return self._connection.events(calls.events(session), last_id)

    async def sessions(
        self,
        phase: str | None = None,
        *,
        limit: int = 100,
        cursor: str | None = None,
        history: bool = False,
    ) -> responses.SessionPage:
        """A page of sessions, newest first; with `history` those that are gone from the cluster.

        `cursor` is that of the page before. A page may have fewer than `limit` sessions, since it
        has 4 MiB at most; while its `cursor` is not None, there are more.
        """
        return await self._connection.send(calls.sessions(phase, limit, cursor, history))

    async def status(self, session: str) -> responses.Session:
        """One session by name or UID. Raises NotFound."""
        return await self._connection.send(calls.status(session))

    async def stop(self, session: str) -> responses.Session:
        """Save a checkpoint and end the session, for good. Raises Conflict if it has ended."""
        return await self._connection.send(calls.action(session, "stop"))

    async def suspend(self, session: str) -> responses.Session:
        """Save a checkpoint and release the GPUs. Raises Conflict if the session has ended."""
        return await self._connection.send(calls.action(session, "suspend"))

    async def resume(self, session: str) -> responses.Session:
        """Put a suspended session back into its queue. Raises Conflict if it is not suspended."""
        return await self._connection.send(calls.action(session, "resume"))

    async def set_priority(self, session: str, priority: int) -> responses.Session:
        """Set the priority, -1000 to 1000; a higher one goes first."""
        return await self._connection.send(calls.priority(session, priority))

    async def cancel(self, session: str) -> responses.Session:
        """Remove a waiting or suspended session from its queue. Raises Conflict for any other."""
        return await self._connection.send(calls.cancel(session))

    async def queue(self, *, cursor: str | None = None) -> responses.Queue:
        """The waiting sessions in queue order, as many as `models` says."""
        return await self._connection.send_pages(calls.queue(), "waiting", cursor)

    async def queues(self) -> responses.Queues:
        """Each queue with its quota, weight and limits, and what its sessions use."""
        return await self._connection.send(calls.queues())

    async def metrics(self, session: str) -> responses.Metrics:
        """The newest value of each metric."""
        return await self._connection.send(calls.metrics(session))

    async def history(
        self, session: str, *names: str, by_epoch: bool = False, max_points: int = 1000
    ) -> responses.History:
        """Curves of the named metrics (default: all), each with at most `max_points` points.

        Down-sampling keeps minima and maxima. With `by_epoch` only whole epochs are returned.
        """
        return await self._connection.send(calls.history(session, names, by_epoch, max_points))

    async def compare(
        self, metric: str | None, *sessions: str, max_points: int = 1000
    ) -> responses.Comparison:
        """Up to 100 sessions side by side, with their curves of one metric as lists.

        All curves together have at most 50,000 points; down-sampling keeps minima and maxima.
        """
        return await self._connection.send(calls.compare(metric, sessions, max_points))

    async def logs(
        self, session: str, *, after: int = 0, limit: int = 1000, tail: bool = False
    ) -> responses.Logs:
        """At most `limit` printed lines after cursor `after`, or with `tail` the last ones."""
        return await self._connection.send(calls.logs(session, after, limit, tail))

    async def runs(  # noqa: PLR0913  one argument is one filter
        self,
        *,
        kind: str | None = None,
        experiment: str | None = None,
        status: str | None = None,
        session_uid: str | None = None,
        name: str | None = None,
        limit: int = 100,
        cursor: str | None = None,
    ) -> responses.Runs:
        """A page of runs, newest first: of sessions, and of programs that report by MLflow.

        `kind` is session, program or local; `experiment` is the name of one; `name` is a part of
        the run's name. While the `cursor` of the page is not None, there are more.
        """
        return await self._connection.send(
            calls.runs(kind, experiment, status, session_uid, name, limit, cursor)
        )

    async def run(self, id: str) -> responses.RunDetails:
        """One run with its params, its tags and its newest values. Raises NotFound."""
        return await self._connection.send(calls.run(id))

    async def usage(  # noqa: PLR0913  one argument is one filter
        self,
        *by: str,
        label: str | None = None,
        since: str | None = None,
        until: str | None = None,
        user: str | None = None,
        queue: str | None = None,
        limit: int = 1000,
        cursor: str | None = None,
    ) -> responses.UsagePage:
        """A page of what sessions held, also deleted ones, summed by each of `by`.

        `by` are user, queue, month and label; without any, user. `label` names the label by whose
        value `by` label groups. `since` and `until` are RFC 3339 times; by default this month in
        UTC until now. While the `cursor` of the page is not None, there are more.
        """
        return await self._connection.send(
            calls.usage(by, label, since, until, user, queue, limit, cursor)
        )

    async def run_history(
        self, id: str, *metrics: str, max_points: int = 1000
    ) -> responses.RunHistory:
        """Metrics of a run over the steps, all by default. Raises NotFound."""
        return await self._connection.send(calls.run_history(id, metrics, max_points))

    async def datasets(self, *, cursor: str | None = None) -> responses.Datasets:
        """All datasets by name, as many as `models` says."""
        return await self._connection.send_pages(calls.datasets(), "datasets", cursor)

    async def dataset(self, name: str) -> responses.Dataset:
        """One dataset. Raises NotFound."""
        return await self._connection.send(calls.dataset(name))

    async def correct_schema(
        self, name: str, changes: Mapping[str, Any], *, revision: int | None = None
    ) -> responses.Dataset:
        """Change how a dataset is read; sessions that already run keep the schema that they have.

        `changes` are fields of SchemaChoices by their names in JSON; None takes a choice back, also
        that of one column in `types`. With `revision`, the schema must still have it. Raises
        NotFound, Invalid for wrong fields, BadRequest if the file cannot be read so, and
        PreconditionFailed for another revision.
        """
        return await self._connection.send(calls.correct_schema(name, changes, revision))

    async def models(self, *, cursor: str | None = None) -> responses.Models:
        """The newest version of every model by name.

        One call reads 64 pages of 4 MiB at most. If the `cursor` of the result is not None, there
        are more: give it to the next call.
        """
        return await self._connection.send_pages(calls.all_models(), "models", cursor)

    async def model(self, name: str, version: int | None = None) -> responses.Model:
        """One version of a model with its card; default: the newest. Raises NotFound."""
        return await self._connection.send(calls.model(name, version))

    async def versions(self, name: str, *, cursor: str | None = None) -> responses.Models:
        """The versions of a model, oldest first, as many as `models` says. Raises NotFound."""
        return await self._connection.send_pages(calls.versions(name), "models", cursor)

    async def system_info(self) -> responses.System:
        """Usage of the gateway's machine and of the cluster."""
        return await self._connection.send(calls.system())

    async def keys(self, *, cursor: str | None = None) -> responses.Keys:
        """All API keys without secrets, as many as `models` says; for administrators."""
        return await self._connection.send_pages(calls.keys(), "keys", cursor)

    async def create_key(
        self,
        name: str,
        *scopes: str,
        expires_in_seconds: int | None = None,
        user: str | None = None,
    ) -> responses.CreatedKey:
        """Create an API key; only this response holds its secret. For administrators.

        `user`: whose key it is. Default: the user with the name of the key, who is made if absent.
        """
        call = calls.create_key(name, scopes, expires_in_seconds, user)
        return await self._connection.send(call)

    async def key(self, key: str) -> responses.Key:
        """One API key by its public part, without its secret; for administrators."""
        return await self._connection.send(calls.key(key))

    async def revoke_key(self, key: str) -> None:
        """Revoke an API key by its public part; for administrators."""
        await self._connection.deliver(calls.revoke_key(key))

    async def users(self, *, cursor: str | None = None) -> responses.Users:
        """All users, as many as `models` says; for administrators."""
        return await self._connection.send_pages(calls.users(), "users", cursor)

    async def create_user(
        self, name: str, role: str | None = None, teams: Sequence[str] | None = None
    ) -> responses.User:
        """Make a user. Default: a member of the team `default`. For administrators."""
        return await self._connection.send(calls.create_user(name, role, teams))

    async def change_user(
        self, name: str, role: str | None = None, teams: Sequence[str] | None = None
    ) -> responses.User:
        """Change what a user may do; None leaves it. For administrators."""
        return await self._connection.send(calls.change_user(name, role, teams))

    async def remove_user(self, name: str) -> None:
        """Remove a user and revoke the user's keys. For administrators."""
        await self._connection.deliver(calls.remove_user(name))

    async def teams(self) -> responses.Teams:
        """All teams with their users; for administrators."""
        return await self._connection.send(calls.teams())

    async def create_team(self, name: str) -> responses.Team:
        """Make a team. For administrators."""
        return await self._connection.send(calls.create_team(name))

    async def remove_team(self, name: str) -> None:
        """Remove a team without users. For administrators."""
        await self._connection.deliver(calls.remove_team(name))

    async def delete_dataset(self, name: str) -> None:
        """Delete a dataset. Raises NotFound, Conflict if a session uses it."""
        await self._connection.deliver(calls.delete_dataset(name))

    async def delete_model(self, name: str) -> None:
        """Delete a model with all its versions. Raises NotFound."""
        await self._connection.deliver(calls.delete_model(name))

    async def delete_version(self, name: str, version: int) -> None:
        """Delete one version of a model. Raises NotFound."""
        await self._connection.deliver(calls.delete_version(name, version))

    async def upload_dataset(
        self,
        name: str,
        path: Path,
        *,
        choices: SchemaChoices | None = None,
        progress: Progress = transfer.no_progress,
        part_bytes: int = multipart.PART_BYTES,
    ) -> responses.Dataset:
        """Upload a file; a file larger than `part_bytes` goes in parts and can be resumed.

        `choices` say how it is read, where the reader shall not guess. A later call, also from
        another process, sends only the parts that are missing.
        Raises HashMismatch if the gateway has other content, or if the file changed meanwhile.
        """
        fields = choices_json.fields(choices)
        if await self._is_large(path, part_bytes) or choices_json.is_long(fields):
            file = await async_in_thread(MultipartUpload, path, progress, part_bytes, fields)
            return await self._upload_parts(multipart.DATASETS, name, file)
        upload = await async_in_thread(Upload, path, progress)
        call = calls.upload_dataset(name, path.name, fields)
        found = await self._connection.upload(call, upload)
        upload.verify(found.sha256)
        return found

    async def upload_model(
        self,
        name: str,
        path: Path,
        *,
        progress: Progress = transfer.no_progress,
        part_bytes: int = multipart.PART_BYTES,
    ) -> responses.Model:
        """Upload a safetensors file; one larger than `part_bytes` goes in parts and can be resumed.

        A later call, also from another process, sends only the parts that are missing.
        Raises HashMismatch if the gateway has other content, or if the file changed meanwhile.
        """
        if await self._is_large(path, part_bytes):
            file = await async_in_thread(MultipartUpload, path, progress, part_bytes)
            return await self._upload_parts(multipart.MODELS, name, file)
        upload = await async_in_thread(Upload, path, progress)
        found = await self._connection.upload(calls.upload_model(name), upload)
        upload.verify(found.sha256)
        return found

    async def uploads(self, kind: Literal["datasets", "models"]) -> responses.Uploads:
        """The uploads in parts of datasets, or of models, that are not complete."""
        return await self._connection.send(calls.uploads(kind))

    async def delete_upload(self, kind: Literal["datasets", "models"], upload: str) -> None:
        """Delete an upload in parts by its id, with its parts. Raises NotFound."""
        await self._connection.deliver(calls.drop_upload(kind, upload))

    async def download_dataset(
        self, name: str, target: Path, *, progress: Progress = transfer.no_progress
    ) -> Path:
        """Download a dataset's file and check its hash. Raises NotFound.

        A download that broke off is continued, also by another process.
        """
        download = await async_in_thread(Download, target, progress)
        return await self._connection.download(calls.download_dataset(name), download)

    async def download_model(
        self,
        name: str,
        target: Path,
        version: int | None = None,
        *,
        progress: Progress = transfer.no_progress,
    ) -> Path:
        """Download a model's file and check its hash; default: the newest version.

        Raises Invalid for a tree, which `trees.fetch` restores. A download that broke off is
        continued, also by another process.
        """
        download = await async_in_thread(Download, target, progress)
        return await self._connection.download(calls.download_model(name, version), download)

    async def _is_large(self, path: Path, part_bytes: int) -> bool:
        found = await async_in_thread(path.stat)
        return found.st_size > part_bytes

    async def _upload_parts(self, kind: Kind[T], name: str, file: MultipartUpload) -> T:
        return await self._connection.follow(
            multipart.send(kind, self._connection.url, name, file, self._upload_state)
        )
