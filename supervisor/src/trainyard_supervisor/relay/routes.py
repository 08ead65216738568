"""Which calls are answered here, and how: those that write to runs of the session or read them."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import BinaryIO, NamedTuple, Union
from urllib.parse import parse_qs, unquote, urlsplit

from trainyard_supervisor.relay.artifacts import Readable, checked_path
from trainyard_supervisor.relay.protocol import answers, fields
from trainyard_supervisor.relay.protocol.fields import Fields
from trainyard_supervisor.relay.protocol.refusal import Refusal
from trainyard_supervisor.relay.relay import Relay
from trainyard_supervisor.relay.run_state import Run

PREFIXES = ("/api/2.0/mlflow/", "/ajax-api/2.0/mlflow/", "/api/3.0/mlflow/")
FILES = "/api/2.0/mlflow-artifacts/artifacts"
PAGE = 25_000
"""Values of a metric in one answer."""
WRITES = {
    "runs/create": "create",
    "runs/update": "update",
    "runs/delete": "delete",
    "runs/restore": "restore",
    "runs/log-metric": "log_metric",
    "runs/log-parameter": "log_parameter",
    "runs/log-batch": "log_batch",
    "runs/set-tag": "set_tag",
    "runs/delete-tag": "delete_tag",
    "runs/log-inputs": "log_inputs",
    "runs/outputs": "log_outputs",
    "runs/log-model": "log_model",
}

OF_MODELS = ("logged-models", "registered-models", "model-versions")
SEARCHES = ("search", "get-latest-versions")


class Content(NamedTuple):
    """A file as an answer."""

    file: BinaryIO
    size: int
    kind: str


Local = Union[dict[str, object], Content, None]
"""An answer; None where the gateway has to answer."""
Query = dict[str, str]


def query_of(target: str) -> tuple[str, Query]:
    """Path and parameters of a call; of repeated ones the first counts. Pure."""
    parts = urlsplit(target)
    try:
        given = parse_qs(parts.query, keep_blank_values=True, max_num_fields=100)
    except ValueError as error:
        raise Refusal("the query has too many fields", "BAD_REQUEST") from error
    return parts.path, {name: values[0] for name, values in given.items()}


def operation_of(path: str) -> str:
    """The part of a path behind MLflow's prefix; empty without one. Pure."""
    for prefix in PREFIXES:
        if path.startswith(prefix):
            return path[len(prefix) :]
    return ""


class Routes:
    """Answers calls from what a relay knows."""

    def __init__(self, relay: Relay) -> None:
        self._relay = relay
        self._reads: dict[str, Callable[[Fields], Local]] = {
            "runs/get": self._run,
            "metrics/get-history": self._values,
            "artifacts/list": self._listed,
            "experiments/get-by-name": self._experiment_by_name,
            "experiments/get": self._experiment,
        }

    def get(self, target: str) -> Local:
        """Answer a GET. Raises Refusal."""
        path, query = query_of(target)
        if path.rstrip("/") == FILES:
            return self._files_in(query.get("path", ""))
        if path.startswith(f"{FILES}/"):
            return self._file(path)
        operation = operation_of(path)
        if operation == "server-info":
            raise Refusal("the relay of a session has no server-info", "ENDPOINT_NOT_FOUND")
        read = self._reads.get(operation)
        return read(self._relay.mask.fields(query)) if read is not None else None

    def post(self, target: str, body: bytes) -> Local:
        """Answer a POST. Raises Refusal."""
        operation = operation_of(query_of(target)[0])
        calls, lock = self._relay.calls, self._relay.lock
        if operation == "experiments/create":
            name = fields.text(self._relay.mask.fields(fields.fields_of(body)), "name", most=500)
            with lock:
                return {"experiment_id": calls.name_experiment(name)["experiment_id"]}
        if operation not in WRITES:
            return None
        given = self._relay.mask.fields(fields.fields_of(body))
        with lock:
            if operation != "runs/create" and self._known(given) is None:
                return None
            answer: dict[str, object] = getattr(calls, WRITES[operation])(given)
            return answer

    def without_gateway(self, target: str) -> Local:
        """What can be said while the gateway is away; None for nothing.

        Clients look for logged models when they list the artifacts of a run. A session that has
        logged none has none.
        """
        logged = any(run.outputs for run in self._relay.states.all())
        if operation_of(query_of(target)[0]) == "logged-models/search" and not logged:
            return {"models": []}
        return None

    def makes_model(self, method: str, target: str) -> bool:
        """Whether a call keeps what was trained: the program may wait for the gateway then."""
        path = query_of(target)[0]
        if method == "PUT":
            return path.startswith(f"{FILES}/")
        kind, _, operation = operation_of(path).partition("/")
        return method != "GET" and kind in OF_MODELS and operation not in SEARCHES

    def put(self, target: str, body: Readable, kind: str) -> Local:
        """Take an artifact of a run of this session. Raises Refusal."""
        found = self._own_file(query_of(target)[0])
        if found is None:
            return None
        run, path = found
        if not path:
            raise Refusal("Invalid path: it names no file")
        path = checked_path(path, self._relay.mask.text)
        part, size = self._relay.artifacts.write(body)
        with self._relay.lock:
            self._relay.artifacts.put(part, run.id, path, size, kind[:200])
        self._relay.uploads.wake()
        return {}

    def delete(self, target: str) -> Local:
        """Delete an artifact that was not sent yet."""
        found = self._own_file(query_of(target)[0])
        artifact = self._relay.artifacts.find(found[0].id, found[1]) if found else None
        if artifact is None:
            return None
        with self._relay.lock:
            self._relay.artifacts.remove(artifact)
        return None if artifact.sent else {}

    # ── runs ──────────────────────────────────────────────────────────────────────────────

    def _known(self, given: Fields) -> Run | None:
        return self._relay.states.find(fields.run_id(given))

    def _run(self, given: Fields) -> Local:
        with self._relay.lock:
            run = self._known(given)
            return None if run is None else {"run": answers.run(run)}

    def _values(self, given: Fields) -> Local:
        run = self._known(given)
        if run is None:
            return None
        key = fields.text(given, "metric_key")
        most = min(max(1, fields.whole(given, "max_results", PAGE)), PAGE)
        if not self._relay.history.whole:
            return None
        try:
            page = self._relay.history.values(run.id, key, most, given.get("page_token") or None)
        except ValueError as error:
            raise Refusal("page_token is none of this server") from error
        answer: dict[str, object] = {"metrics": page.points}
        return answer if page.next is None else {**answer, "next_page_token": page.next}

    # ── experiments ───────────────────────────────────────────────────────────────────────

    def _experiment_by_name(self, given: Fields) -> Local:
        name = fields.text(given, "experiment_name", most=500)
        with self._relay.lock:
            return {"experiment": self._relay.calls.name_experiment(name)}

    def _experiment(self, given: Fields) -> Local:
        identity = fields.text(given, "experiment_id")
        name = self._relay.states.experiments.get(identity)
        return None if name is None else {"experiment": answers.experiment(identity, name)}

    # ── artifacts ─────────────────────────────────────────────────────────────────────────

    def _listed(self, given: Fields) -> Local:
        run = self._known(given)
        if run is None:
            return None
        with self._relay.lock:
            files = self._relay.artifacts.listed(run.id, fields.text(given, "path", "").strip("/"))
        return {"root_uri": answers.info(run)["artifact_uri"], "files": files}

    def _files_in(self, folder: str) -> Local:
        found = self._own_file(f"{FILES}/{folder.strip('/')}")
        if found is None:
            return None
        with self._relay.lock:
            listed = self._relay.artifacts.listed(found[0].id, self._relay.mask.text(found[1]))
        # Here MLflow names files relative to the folder.
        return {"files": [{**one, "path": one["path"].rpartition("/")[2]} for one in listed]}

    def _file(self, path: str) -> Local:
        found = self._own_file(path)
        if found is None:
            return None
        with self._relay.lock:
            artifact = self._relay.artifacts.find(found[0].id, self._relay.mask.text(found[1]))
            file = self._relay.artifacts.open(artifact) if artifact is not None else None
        if artifact is None or file is None:
            return None
        return Content(file, artifact.size, artifact.kind)

    def _own_file(self, path: str) -> tuple[Run, str] | None:
        """Run and path of an artifact: `<experiment>/<run>/artifacts/<path>`; None for others."""
        parts = unquote(path[len(FILES) :]).strip("/").split("/", 3)
        if len(parts) < 3 or parts[2] != "artifacts":
            return None
        run = self._relay.states.find(parts[1])
        return None if run is None else (run, parts[3] if len(parts) > 3 else "")


def encoded(answer: dict[str, object]) -> bytes:
    """An answer as it is sent."""
    return json.dumps(answer).encode()
