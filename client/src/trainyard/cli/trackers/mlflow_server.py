"""An MLflow server as a source, by its REST API."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

import httpx

from trainyard.cli.trackers.calls import Away, Calls
from trainyard.cli.trackers.source import (
    STATUSES,
    CannotRead,
    Experiment,
    File,
    ModelSource,
    Point,
    Run,
    SourceAway,
    Unreadable,
    protocol_number,
)

API = "/api/2.0/mlflow"
PAGE = 1000
POINTS = 25_000
"""Values of a page, where the server gives pages."""
MOST_DEPTH = 32
_PROXIED = "mlflow-artifacts:"
_NO_SERVER = "what answers there is no MLflow server"
T = TypeVar("T")


class MlflowServer:
    """Reads from a server. Methods raise CannotRead, and SourceAway once it has answered."""

    def __init__(
        self, url: str, environment: Mapping[str, str], calls: Calls | None = None
    ) -> None:
        """Credentials come from the URL, or from the variables that MLflow's clients read."""
        token = environment.get("MLFLOW_TRACKING_TOKEN")
        user = environment.get("MLFLOW_TRACKING_USERNAME")
        secret = environment.get("MLFLOW_TRACKING_PASSWORD", "")
        trusts = environment.get("MLFLOW_TRACKING_INSECURE_TLS") != "true"
        try:
            self._http = httpx.Client(
                # The address of its first screen is taken, too: http://…/#/experiments/1
                base_url=url.partition("#")[0].rstrip("/"),
                headers={"Authorization": f"Bearer {token}"} if token else {},
                auth=(user, secret) if user and not token else None,
                timeout=httpx.Timeout(120.0, connect=10.0),
                verify=environment.get("MLFLOW_TRACKING_SERVER_CERT_PATH") or trusts
                if trusts
                else False,
                follow_redirects=True,
            )
        except (httpx.InvalidURL, OSError) as error:
            raise CannotRead(f"that is no address of a server ({error})") from error
        self._calls = calls or Calls()
        self._has_pages = True
        """Whether the server gives histories in pages; its file store does not."""

    def registry(self) -> ModelSource | None:
        """Nothing: `MlflowRegistry` reads it."""
        return None

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def experiments(self) -> Iterator[Experiment]:
        """All experiments."""
        asked = {"max_results": PAGE, "view_type": "ALL"}
        for one in self.pages("POST", "experiments/search", asked, "experiments"):
            yield read(_experiment, one)

    def runs(self, experiment: Experiment) -> Iterator[Run | Unreadable]:
        """All runs of an experiment, the oldest first."""
        asked = {
            "experiment_ids": [experiment.id],
            "run_view_type": "ALL",
            "max_results": PAGE,
            "order_by": ["attributes.start_time ASC"],
        }
        for one in self.pages("POST", "runs/search", asked, "runs"):
            yield read(_run, one)

    def points(self, run: Run, metric: str) -> Iterator[Point]:
        """The history of a metric."""
        asked: dict[str, Any] = {"run_id": run.id, "run_uuid": run.id, "metric_key": metric}
        for one in self._histories(asked):
            yield read(_point, one)

    def files(self, run: Run) -> Iterator[File]:
        """All files of a run."""
        waiting = [("", 0)]
        while waiting:
            path, depth = waiting.pop()
            asked = {"run_id": run.id, "run_uuid": run.id, **({"path": path} if path else {})}
            for one in self.pages("GET", "artifacts/list", asked, "files"):
                found = read(_file, one)
                if not one.get("is_dir"):
                    yield found
                elif depth < MOST_DEPTH:
                    waiting.append((found.path, depth + 1))
                else:
                    raise CannotRead(f"{found.path} is deeper than {MOST_DEPTH} folders")

    def fetch(self, run: Run, file: File, folder: Path) -> Path:
        """Download a file."""
        path, query = _place(run, file)
        return self.download(path, query, folder / "content")

    def download(self, path: str, query: Mapping[str, str], target: Path) -> Path:
        """Download what is at a path of the server."""

        def send() -> httpx.Response:
            with self._http.stream("GET", path, params=query) as response:
                if response.status_code == httpx.codes.OK:
                    with target.open("wb") as written:
                        for chunk in response.iter_bytes(1 << 20):
                            written.write(chunk)
            return response

        response = self._answer(send)
        if response.status_code != httpx.codes.OK:
            raise CannotRead(f"the MLflow server answers with {response.status_code}")
        return target

    def _histories(self, asked: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """Values in pages, or all at once from a server that has no pages for them."""
        path, rows = "metrics/get-history", "metrics"
        if self._has_pages:
            pages = self.pages("GET", path, {**asked, "max_results": POINTS}, rows)
            try:
                first = next(pages, None)
            except SourceAway:
                raise
            except CannotRead:
                self._has_pages = False
            else:
                yield from () if first is None else (first,)
                yield from pages
                return
        yield from self.pages("GET", path, asked, rows)

    def pages(
        self, method: str, path: str, asked: Mapping[str, Any], rows: str
    ) -> Iterator[dict[str, Any]]:
        """What all pages of an answer have under `rows`."""
        token: str | None = None
        while True:
            found = self.call(method, path, {**asked, **({"page_token": token} if token else {})})
            yield from (one for one in found.get(rows) or () if isinstance(one, dict))
            token = found.get("next_page_token") or None
            if token is None:
                return

    def call(
        self, method: str, path: str, fields: Mapping[str, Any], root: str = API
    ) -> dict[str, Any]:
        """The answer to a call, which is JSON."""
        query, body = (fields, None) if method == "GET" else (None, fields)
        url = f"{root}/{path}"
        response = self._answer(lambda: self._http.request(method, url, params=query, json=body))
        if response.status_code != httpx.codes.OK:
            raise CannotRead(
                f"the MLflow server answers {path} with {response.status_code}: "
                f"{response.text[:300]}"
            )
        try:
            found = json.loads(response.content)
        except ValueError as error:
            raise CannotRead(_NO_SERVER) from error
        if not isinstance(found, dict):
            raise CannotRead(_NO_SERVER)
        return found

    def _answer(self, send: Callable[[], httpx.Response]) -> httpx.Response:
        try:
            return self._calls.answer(send)
        except Away as error:
            away = self._calls.answered and not self._is_there()
            kind = SourceAway if away else CannotRead
            raise kind(f"the MLflow server {error}") from error
        except httpx.HTTPError as error:
            raise CannotRead(f"the MLflow server cannot be asked ({error})") from error

    def _is_there(self) -> bool:
        """Whether the server answers at all: then it was the call that it does not answer."""
        asked = {"max_results": 1}
        try:
            self._calls.answer(lambda: self._http.post(f"{API}/experiments/search", json=asked))
        except Away:
            return False
        return True


def _place(run: Run, file: File) -> tuple[str, dict[str, str]]:
    """Where a file is: behind the server's own store of artifacts, or behind its screens."""
    if run.artifacts.startswith(_PROXIED):
        # mlflow-artifacts:/1/<run>/artifacts, or with a host: mlflow-artifacts://host/1/…
        rest = run.artifacts[len(_PROXIED) :].partition("?")[0]
        folder = rest[2:].partition("/")[2] if rest.startswith("//") else rest.strip("/")
        return f"/api/2.0/mlflow-artifacts/artifacts/{quote(f'{folder}/{file.path}')}", {}
    return "/get-artifact", {"path": file.path, "run_id": run.id, "run_uuid": run.id}


def read(make: Callable[[Mapping[str, Any]], T], one: Mapping[str, Any]) -> T:
    """What `make` reads of an answer. Raises CannotRead for one that is not of the protocol."""
    try:
        return make(one)
    except (KeyError, TypeError, ValueError, OverflowError, AttributeError) as error:
        raise CannotRead(f"the MLflow server answers what is not of its protocol ({error})") from (
            error
        )


def _experiment(one: Mapping[str, Any]) -> Experiment:
    deleted = one.get("lifecycle_stage") == "deleted"
    return Experiment(text(one["experiment_id"]), text(one["name"]), texts(one, "tags"), deleted)


def _point(one: Mapping[str, Any]) -> Point:
    value, time, step = one.get("value", 0), one.get("timestamp", 0), one.get("step", 0)
    return Point(protocol_number(float(value)), int(time), int(step or 0))


def _file(one: Mapping[str, Any]) -> File:
    size = one.get("file_size")
    return File(str(one["path"]), None if size is None else int(size))


def _run(one: Mapping[str, Any]) -> Run:
    info, data = one["info"], one.get("data") or {}
    status, end = str(info.get("status") or "FINISHED"), info.get("end_time")
    inputs = (one.get("inputs") or {}).get("dataset_inputs") or ()
    return Run(
        id=str(info.get("run_id") or info["run_uuid"]),
        name=text(info.get("run_name") or ""),
        user=text(info.get("user_id") or ""),
        status=status if status in STATUSES else "FINISHED",
        start_time=int(info.get("start_time") or 0),
        end_time=None if not end else int(end),
        deleted=info.get("lifecycle_stage") == "deleted",
        params=texts(data, "params"),
        tags=texts(data, "tags"),
        artifacts=str(info.get("artifact_uri") or ""),
        metrics={
            text(metric["key"]): str([metric.get(name) for name in ("value", "timestamp", "step")])
            for metric in data.get("metrics") or ()
        },
        inputs=tuple(inputs),
    )


def texts(of: Mapping[str, Any], name: str) -> dict[str, str]:
    """Pairs of key and value, as the protocol writes tags and params."""
    return {text(pair["key"]): text(pair.get("value") or "") for pair in of.get(name) or ()}


def text(given: Any) -> str:
    """Text that can be sent on: without halves of characters."""
    return str(given).encode("utf-8", "replace").decode("utf-8")
