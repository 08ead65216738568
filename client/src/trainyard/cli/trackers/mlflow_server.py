"""An MLflow server as a source, by its REST API."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx

from trainyard.cli.trackers.source import CannotRead, Experiment, File, Point, Run, protocol_number

API = "/api/2.0/mlflow"
ATTEMPTS = 5
"""How often a call is tried that is not answered."""
PAGE = 1000
POINTS = 25_000
"""Values of a page; older servers give all at once."""
MOST_DEPTH = 32
_PROXIED = "mlflow-artifacts:"
_AGAIN = frozenset({408, 429, 500, 502, 503, 504})


class MlflowServer:
    """Reads from a server. Methods raise CannotRead."""

    def __init__(self, url: str, environment: Mapping[str, str]) -> None:
        """Credentials come from the URL, or from the variables that MLflow's clients read."""
        token = environment.get("MLFLOW_TRACKING_TOKEN")
        user = environment.get("MLFLOW_TRACKING_USERNAME")
        secret = environment.get("MLFLOW_TRACKING_PASSWORD", "")
        self._http = httpx.Client(
            base_url=url.rstrip("/"),
            headers={"Authorization": f"Bearer {token}"} if token else {},
            auth=(user, secret) if user and not token else None,
            timeout=httpx.Timeout(120.0, connect=10.0),
            transport=httpx.HTTPTransport(retries=ATTEMPTS),
            verify=environment.get("MLFLOW_TRACKING_INSECURE_TLS") != "true",
        )

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def experiments(self) -> Iterator[Experiment]:
        """All experiments."""
        asked = {"max_results": PAGE, "view_type": "ALL"}
        for one in self._pages("POST", "experiments/search", asked, "experiments"):
            tags = _texts(one.get("tags"))
            deleted = one.get("lifecycle_stage") == "deleted"
            yield Experiment(str(one["experiment_id"]), str(one["name"]), tags, deleted)

    def runs(self, experiment: Experiment) -> Iterator[Run]:
        """All runs of an experiment, the oldest first."""
        asked = {
            "experiment_ids": [experiment.id],
            "run_view_type": "ALL",
            "max_results": PAGE,
            "order_by": ["attributes.start_time ASC"],
        }
        for one in self._pages("POST", "runs/search", asked, "runs"):
            yield _run(one)

    def points(self, run: Run, metric: str) -> Iterator[Point]:
        """The history of a metric."""
        asked = {"run_id": run.id, "metric_key": metric, "max_results": POINTS}
        for one in self._pages("GET", "metrics/get-history", asked, "metrics"):
            yield Point(
                protocol_number(float(one["value"])),
                int(one["timestamp"]),
                int(one.get("step") or 0),
            )

    def files(self, run: Run) -> Iterator[File]:
        """All files of a run."""
        waiting = [("", 0)]
        while waiting:
            path, depth = waiting.pop()
            asked = {"run_id": run.id, **({"path": path} if path else {})}
            for one in self._pages("GET", "artifacts/list", asked, "files"):
                if not one.get("is_dir"):
                    size = one.get("file_size")
                    yield File(str(one["path"]), None if size is None else int(size))
                elif depth < MOST_DEPTH:
                    waiting.append((str(one["path"]), depth + 1))

    def fetch(self, run: Run, file: File, target: Path) -> None:
        """Download a file."""
        path, query = self._place(run, file)
        try:
            with self._http.stream("GET", path, params=query) as response:
                if response.status_code != httpx.codes.OK:
                    raise CannotRead(f"{file.path} is answered with {response.status_code}")
                with target.open("wb") as written:
                    for chunk in response.iter_bytes(1 << 20):
                        written.write(chunk)
        except httpx.HTTPError as error:
            raise CannotRead(f"{file.path} cannot be downloaded ({error})") from error

    def _place(self, run: Run, file: File) -> tuple[str, dict[str, str]]:
        """Where a file is: behind the server's own store of artifacts, or behind its screens."""
        if run.artifacts.startswith(_PROXIED):
            folder = run.artifacts[len(_PROXIED) :].partition("?")[0].strip("/")
            return f"/api/2.0/mlflow-artifacts/artifacts/{quote(f'{folder}/{file.path}')}", {}
        return "/get-artifact", {"path": file.path, "run_uuid": run.id}

    def _pages(
        self, method: str, path: str, asked: Mapping[str, Any], rows: str
    ) -> Iterator[dict[str, Any]]:
        token: str | None = None
        while True:
            found = self._call(method, path, {**asked, **({"page_token": token} if token else {})})
            yield from found.get(rows) or ()
            token = found.get("next_page_token") or None
            if token is None:
                return

    def _call(self, method: str, path: str, fields: Mapping[str, Any]) -> dict[str, Any]:
        url = f"{API}/{path}"
        for attempt in range(ATTEMPTS):
            try:
                query, body = (fields, None) if method == "GET" else (None, fields)
                response = self._http.request(method, url, params=query, json=body)
            except httpx.HTTPError as error:
                problem = f"the MLflow server does not answer ({error})"
            else:
                if response.status_code == httpx.codes.OK:
                    return _object(response.content)
                problem = (
                    f"the MLflow server answers {path} with {response.status_code}: "
                    f"{response.text[:300]}"
                )
                if response.status_code not in _AGAIN:
                    break
            if attempt + 1 == ATTEMPTS:
                break
        raise CannotRead(problem)


def _run(one: Mapping[str, Any]) -> Run:
    info, data = one["info"], one.get("data") or {}
    end = info.get("end_time")
    return Run(
        id=str(info.get("run_id") or info.get("run_uuid")),
        name=str(info.get("run_name") or ""),
        user=str(info.get("user_id") or ""),
        status=str(info.get("status") or "FINISHED"),
        start_time=int(info.get("start_time") or 0),
        end_time=None if not end else int(end),
        deleted=info.get("lifecycle_stage") == "deleted",
        params=_texts(data.get("params")),
        tags=_texts(data.get("tags")),
        artifacts=str(info.get("artifact_uri") or ""),
        metrics=tuple(str(metric["key"]) for metric in data.get("metrics") or ()),
    )


def _texts(pairs: Any) -> dict[str, str]:
    return {str(pair["key"]): str(pair.get("value") or "") for pair in pairs or ()}


def _object(content: bytes) -> dict[str, Any]:
    try:
        found = json.loads(content)
    except ValueError as error:
        raise CannotRead("what answers there is no MLflow server") from error
    if not isinstance(found, dict):
        raise CannotRead("what answers there is no MLflow server")
    return found
