"""Every endpoint as a value: the request, and the type of the response. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Generic, TypeVar
from urllib.parse import quote

from trainyard import choices as choices_json
from trainyard import models
from trainyard.choices import Choices
from trainyard_api.model import OpenModel
from trainyard_api.session.spec import TrainingSessionSpec

T = TypeVar("T", bound=OpenModel)
Spec = TrainingSessionSpec | Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Call(Generic[T]):
    """One request. `repeatable` says whether sending it twice has the effect of sending it once."""

    method: str
    path: str
    answer: type[T] | None
    query: Mapping[str, Any] = field(default_factory=dict)
    body: Mapping[str, Any] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    repeatable: bool = True
    slow: bool = False
    """Whether the gateway reads a whole file before it responds."""

    def after(self, cursor: str | None) -> Call[T]:
        """The same call for the page after `cursor`."""
        return replace(self, query={**self.query, "cursor": cursor}) if cursor else self


def start(
    spec: Spec,
    name: str | None,
    dry_run: bool,
    idempotency_key: str | None,
) -> Call[models.Session]:
    """POST /training/start; repeatable as a dry run and with an idempotency key."""
    fields = spec.wire() if isinstance(spec, TrainingSessionSpec) else dict(spec)
    return Call(
        "POST",
        "/training/start",
        models.Session,
        query={"dryRun": "true"} if dry_run else {},
        body={"name": name, **fields} if name else fields,
        headers={"Idempotency-Key": idempotency_key} if idempotency_key else {},
        repeatable=dry_run or idempotency_key is not None,
    )


def estimate(spec: Spec) -> Call[models.Estimate]:
    """POST /training/estimate; changes nothing."""
    fields = spec.wire() if isinstance(spec, TrainingSessionSpec) else dict(spec)
    return Call("POST", "/training/estimate", models.Estimate, body=fields)


def events(session: str) -> Call[models.Event]:
    """GET /training/{id}/events; the answer is a stream."""
    return Call("GET", f"/training/{_part(session)}/events", None)


def sessions(
    phase: str | None, limit: int, cursor: str | None, history: bool
) -> Call[models.SessionPage]:
    """GET /training/sessions."""
    query = {
        "phase": phase,
        "limit": limit,
        "cursor": cursor,
        "history": "true" if history else None,
    }
    return Call("GET", "/training/sessions", models.SessionPage, query=_given(query))


def status(session: str) -> Call[models.Session]:
    """GET /training/{id}/status."""
    return Call("GET", f"/training/{_part(session)}/status", models.Session)


def action(session: str, verb: str) -> Call[models.Session]:
    """POST /training/{id}/stop, suspend or resume."""
    return Call("POST", f"/training/{_part(session)}/{verb}", models.Session)


def priority(session: str, value: int) -> Call[models.Session]:
    """PATCH /training/{id}."""
    return Call("PATCH", f"/training/{_part(session)}", models.Session, body={"priority": value})


def cancel(session: str) -> Call[models.Session]:
    """DELETE /training/queue/{id}."""
    return Call("DELETE", f"/training/queue/{_part(session)}", models.Session)


def queue() -> Call[models.Queue]:
    """GET /training/queue."""
    return Call("GET", "/training/queue", models.Queue)


def queues() -> Call[models.Queues]:
    """GET /queues."""
    return Call("GET", "/queues", models.Queues)


def metrics(session: str) -> Call[models.Metrics]:
    """GET /training/{id}/metrics."""
    return Call("GET", f"/training/{_part(session)}/metrics", models.Metrics)


def history(
    session: str, names: tuple[str, ...], by_epoch: bool, max_points: int
) -> Call[models.History]:
    """GET /training/{id}/history."""
    query = {
        "metric": list(names),
        "byEpoch": "true" if by_epoch else None,
        "maxPoints": max_points,
    }
    return Call("GET", f"/training/{_part(session)}/history", models.History, query=_given(query))


def compare(
    metric: str | None, sessions: tuple[str, ...], max_points: int
) -> Call[models.Comparison]:
    """GET /training/compare."""
    query = {"session": list(sessions), "metric": metric, "maxPoints": max_points}
    return Call("GET", "/training/compare", models.Comparison, query=_given(query))


def logs(session: str, after: int, limit: int, tail: bool) -> Call[models.Logs]:
    """GET /training/{id}/logs."""
    query = {"after": after, "limit": limit, "tail": "true" if tail else None}
    return Call("GET", f"/training/{_part(session)}/logs", models.Logs, query=_given(query))


def runs(  # noqa: PLR0913  one argument is one filter
    kind: str | None,
    experiment: str | None,
    status: str | None,
    session_uid: str | None,
    name: str | None,
    limit: int,
    cursor: str | None,
) -> Call[models.Runs]:
    """GET /runs."""
    query = {
        "kind": kind,
        "experiment": experiment,
        "status": status,
        "sessionUid": session_uid,
        "name": name,
        "limit": limit,
        "cursor": cursor,
    }
    return Call("GET", "/runs", models.Runs, query=_given(query))


def run(id: str) -> Call[models.RunDetails]:
    """GET /runs/{id}."""
    return Call("GET", f"/runs/{_part(id)}", models.RunDetails)


def run_history(id: str, names: tuple[str, ...], max_points: int) -> Call[models.RunHistory]:
    """GET /runs/{id}/history."""
    query = {"metric": list(names), "maxPoints": max_points}
    return Call("GET", f"/runs/{_part(id)}/history", models.RunHistory, query=_given(query))


def usage(  # noqa: PLR0913  one argument is one filter
    by: tuple[str, ...],
    label: str | None,
    since: str | None,
    until: str | None,
    user: str | None,
    queue: str | None,
    limit: int,
    cursor: str | None,
) -> Call[models.UsagePage]:
    """GET /usage."""
    query = {
        "by": list(by) or None,
        "label": label,
        "since": since,
        "until": until,
        "user": user,
        "queue": queue,
        "limit": limit,
        "cursor": cursor,
        # A proxy may ask for another form.
        "format": "json",
    }
    return Call("GET", "/usage", models.UsagePage, query=_given(query))


def datasets() -> Call[models.Datasets]:
    """GET /datasets."""
    return Call("GET", "/datasets", models.Datasets)


def dataset(name: str) -> Call[models.Dataset]:
    """GET /datasets/{name}."""
    return Call("GET", f"/datasets/{_part(name)}", models.Dataset)


def correct_schema(name: str, changes: Choices, revision: int | None) -> Call[models.Dataset]:
    """PATCH /datasets/{name}/schema; repeatable unless a revision is asked for."""
    return Call(
        "PATCH",
        f"/datasets/{_part(name)}/schema",
        models.Dataset,
        body=dict(changes),
        headers={} if revision is None else {"If-Match": f'"{revision}"'},
        repeatable=revision is None,
        slow=True,
    )


def delete_dataset(name: str) -> Call[OpenModel]:
    """DELETE /datasets/{name}."""
    return Call("DELETE", f"/datasets/{_part(name)}", None)


def all_models() -> Call[models.Models]:
    """GET /models."""
    return Call("GET", "/models", models.Models)


def versions(name: str) -> Call[models.Models]:
    """GET /models/{name}/versions."""
    return Call("GET", f"/models/{_part(name)}/versions", models.Models)


def model(name: str, version: int | None) -> Call[models.Model]:
    """GET /models/{name}/info."""
    query = _given({"version": version})
    return Call("GET", f"/models/{_part(name)}/info", models.Model, query=query)


def newest_model(name: str) -> Call[models.Model]:
    """GET /models/{name}/info."""
    return model(name, None)


def delete_model(name: str) -> Call[OpenModel]:
    """DELETE /models/{name}."""
    return Call("DELETE", f"/models/{_part(name)}", None)


def delete_version(name: str, version: int) -> Call[OpenModel]:
    """DELETE /models/{name}/versions/{version}."""
    return Call("DELETE", f"/models/{_part(name)}/versions/{version}", None)


def system() -> Call[models.System]:
    """GET /system/info."""
    return Call("GET", "/system/info", models.System)


def keys() -> Call[models.Keys]:
    """GET /keys."""
    return Call("GET", "/keys", models.Keys)


def create_key(
    name: str, scopes: tuple[str, ...], expires_in_seconds: int | None, user: str | None
) -> Call[models.CreatedKey]:
    """POST /keys; not repeatable: the second key would be unknown to the caller."""
    wanted = {
        "name": name,
        "user": user,
        "scopes": list(scopes),
        "expiresInSeconds": expires_in_seconds,
    }
    return Call("POST", "/keys", models.CreatedKey, body=_given(wanted), repeatable=False)


def key(key: str) -> Call[models.Key]:
    """GET /keys/{id}."""
    return Call("GET", f"/keys/{_part(key)}", models.Key)


def revoke_key(key: str) -> Call[OpenModel]:
    """DELETE /keys/{id}."""
    return Call("DELETE", f"/keys/{_part(key)}", None)


def users() -> Call[models.Users]:
    """GET /users."""
    return Call("GET", "/users", models.Users)


def create_user(name: str, role: str | None, teams: Sequence[str] | None) -> Call[models.User]:
    """POST /users; a second request is refused."""
    return Call("POST", "/users", models.User, body=_user(name, role, teams), repeatable=False)


def change_user(name: str, role: str | None, teams: Sequence[str] | None) -> Call[models.User]:
    """PATCH /users/{name}."""
    return Call("PATCH", f"/users/{_part(name)}", models.User, body=_user(None, role, teams))


def _user(name: str | None, role: str | None, teams: Sequence[str] | None) -> dict[str, Any]:
    return _given({"name": name, "role": role, "teams": list(teams) if teams is not None else None})


def remove_user(name: str) -> Call[OpenModel]:
    """DELETE /users/{name}."""
    return Call("DELETE", f"/users/{_part(name)}", None)


def teams() -> Call[models.Teams]:
    """GET /teams."""
    return Call("GET", "/teams", models.Teams)


def create_team(name: str) -> Call[models.Team]:
    """POST /teams; a second request is refused."""
    return Call("POST", "/teams", models.Team, body={"name": name}, repeatable=False)


def remove_team(name: str) -> Call[OpenModel]:
    """DELETE /teams/{name}."""
    return Call("DELETE", f"/teams/{_part(name)}", None)


def upload_dataset(name: str, filename: str, choices: Choices) -> Call[models.Dataset]:
    """POST /datasets; the body is the file."""
    query = _given(
        {"name": name, "filename": filename, "choices": choices_json.text(choices) or None}
    )
    return Call("POST", "/datasets", models.Dataset, query=query, repeatable=False)


def upload_model(name: str) -> Call[models.Model]:
    """POST /models; the body is the file."""
    return Call("POST", "/models", models.Model, query={"name": name}, repeatable=False)


def begin_upload(
    kind: str, name: str, filename: str, size: int, part_bytes: int, choices: Choices
) -> Call[models.FileUpload]:
    """POST /uploads/{kind}; repeatable: the gateway expires unfinished uploads."""
    file: dict[str, Any] = {"filename": filename} if kind == "datasets" else {}
    if choices:
        file["choices"] = dict(choices)
    body = {"name": name, **file, "sizeBytes": size, "partBytes": part_bytes}
    return Call("POST", f"/uploads/{kind}", models.FileUpload, body=body)


def uploads(kind: str) -> Call[models.Uploads]:
    """GET /uploads/{kind}."""
    return Call("GET", f"/uploads/{kind}", models.Uploads)


def upload_info(kind: str, upload: str) -> Call[models.FileUpload]:
    """GET /uploads/{kind}/{id}."""
    return Call("GET", f"/uploads/{kind}/{_part(upload)}", models.FileUpload)


def put_part(kind: str, upload: str, number: int) -> Call[models.FilePart]:
    """PUT /uploads/{kind}/{id}/parts/{number}; the body is that part of the file."""
    return Call("PUT", f"/uploads/{kind}/{_part(upload)}/parts/{number}", models.FilePart)


def complete_dataset(upload: str) -> Call[models.Dataset]:
    """POST /uploads/datasets/{id}/complete; sent twice, it may raise NotFound."""
    return Call("POST", f"/uploads/datasets/{_part(upload)}/complete", models.Dataset)


def complete_model(upload: str) -> Call[models.Model]:
    """POST /uploads/models/{id}/complete; sent twice, it may raise NotFound."""
    return Call("POST", f"/uploads/models/{_part(upload)}/complete", models.Model)


def drop_upload(kind: str, upload: str) -> Call[OpenModel]:
    """DELETE /uploads/{kind}/{id}."""
    return Call("DELETE", f"/uploads/{kind}/{_part(upload)}", None)


def download_dataset(name: str) -> Call[models.Dataset]:
    """GET /datasets/{name}/file; the answer is the file."""
    return Call("GET", f"/datasets/{_part(name)}/file", None)


def download_model(name: str, version: int | None) -> Call[models.Model]:
    """GET /models/{name}; the answer is the file."""
    return Call("GET", f"/models/{_part(name)}", None, query=_given({"version": version}))


def _part(name: str) -> str:
    """A name as one segment of a path."""
    return quote(name, safe="")


def _given(query: Mapping[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in query.items() if v not in (None, [])}
