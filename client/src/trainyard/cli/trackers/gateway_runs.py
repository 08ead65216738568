"""The gateway's side of an import: MLflow's protocol below `/mlflow`."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

import httpx

from trainyard import errors
from trainyard.cli.trackers.source import Experiment, Point, Run
from trainyard_api.mlflow import MAX_METRICS, MAX_PARAMS, MAX_TAG_VALUE, MAX_TAGS

API = "/mlflow/api/2.0/mlflow"
FILES = "/mlflow/api/2.0/mlflow-artifacts/artifacts"
PAUSES = (0.5, 1.0, 2.0, 4.0, 8.0, 8.0, 8.0, 8.0)
"""Seconds between two tries of a call; each of them may be repeated."""
_KEY = frozenset({401, 403})
_AGAIN = frozenset({408, 425, 429, 500, 502, 503, 504})
T = TypeVar("T")


class Refused(Exception):
    """The gateway does not take something; its sentence."""


class GatewayRuns:
    """Writes runs to a gateway. Methods raise Refused, and Unreachable after a while."""

    def __init__(
        self,
        url: str,
        key: str,
        transport: httpx.BaseTransport | None = None,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._http = httpx.Client(
            base_url=url.rstrip("/"),
            headers={"Authorization": f"Bearer {key}", "User-Agent": "trainyard-python"},
            timeout=httpx.Timeout(600.0, connect=10.0),
            transport=transport,
        )
        self._url, self._pause = url, pause

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def experiment(self, wanted: Experiment) -> str:
        """The id of the experiment of that name, which is made if it is not there."""
        query = {"experiment_name": wanted.name}
        found = self._call("GET", "experiments/get-by-name", query, missing_is_none=True)
        if found is None:
            found = {"experiment": self._call("POST", "experiments/create", {"name": wanted.name})}
        id = str((found["experiment"] or {})["experiment_id"])
        for key, value in wanted.tags.items():
            fields = {"experiment_id": id, "key": key, "value": value}
            self._call("POST", "experiments/set-experiment-tag", fields)
        return id

    def run(self, id: str, experiment: str, wanted: Run) -> dict[str, str]:
        """Make the run if it is not there; its tags."""
        fields = {
            "run_id": id,
            "experiment_id": experiment,
            "run_name": wanted.name,
            "user_id": wanted.user,
            "start_time": wanted.start_time,
        }
        found = self._call("POST", "runs/create", fields) or {}
        tags = found["run"]["data"].get("tags") or ()
        return {str(tag["key"]): str(tag.get("value", "")) for tag in tags}

    def describe(self, id: str, params: Mapping[str, str], tags: Mapping[str, str]) -> None:
        """Set params and tags."""
        for some in _portions(params.items(), MAX_PARAMS):
            self._batch(id, params=[{"key": key, "value": value} for key, value in some])
        for some in _portions(tags.items(), MAX_TAGS):
            pairs = [{"key": key, "value": value[:MAX_TAG_VALUE]} for key, value in some]
            self._batch(id, tags=pairs)

    def log(self, id: str, metric: str, points: Iterable[Point]) -> int:
        """Log the history of a metric; how many values it has."""
        count = 0
        for some in _portions(points, MAX_METRICS):
            self._batch(id, metrics=[{"key": metric, **point._asdict()} for point in some])
            count += len(some)
        return count

    def files(self, id: str) -> dict[str, int]:
        """The size of each file that the run has."""
        found: dict[str, int] = {}
        waiting = [""]
        while waiting:
            path = waiting.pop()
            query = {"run_id": id, **({"path": path} if path else {})}
            for one in (self._call("GET", "artifacts/list", query) or {}).get("files") or ():
                if one.get("is_dir"):
                    waiting.append(str(one["path"]))
                else:
                    found[str(one["path"])] = int(one.get("file_size") or 0)
        return found

    def put(self, experiment: str, id: str, path: str, content: Path) -> None:
        """Upload a file."""
        url = f"{FILES}/{experiment}/{id}/artifacts/{quote(path)}"
        headers = {"Content-Length": str(content.stat().st_size)}

        def send() -> httpx.Response:
            with content.open("rb") as file:
                return self._http.put(url, content=_pieces(file), headers=headers)

        self._tried(send)

    def end(self, id: str, wanted: Run) -> None:
        """Set state and end of the run."""
        fields: dict[str, Any] = {"run_id": id, "status": wanted.status}
        if wanted.end_time is not None:
            fields["end_time"] = wanted.end_time
        self._call("POST", "runs/update", fields)
        if wanted.deleted:
            self._call("POST", "runs/delete", {"run_id": id})

    def _batch(self, id: str, **fields: Any) -> None:
        self._call("POST", "runs/log-batch", {"run_id": id, **fields})

    def _call(
        self, method: str, path: str, fields: Mapping[str, Any], *, missing_is_none: bool = False
    ) -> dict[str, Any] | None:
        def send() -> httpx.Response:
            if method == "GET":
                return self._http.get(f"{API}/{path}", params=dict(fields))
            return self._http.post(f"{API}/{path}", json=dict(fields))

        response = self._tried(send, missing_is_none=missing_is_none)
        if response.status_code == httpx.codes.NOT_FOUND:
            return None
        found = response.json()
        return found if isinstance(found, dict) else {}

    def _tried(
        self, send: Callable[[], httpx.Response], *, missing_is_none: bool = False
    ) -> httpx.Response:
        """An answer that is no refusal; each call may be sent again."""
        problem = ""
        for pause in (*PAUSES, None):
            try:
                response = send()
            except httpx.TransportError as error:
                problem = f"{self._url} does not answer ({error})"
            else:
                missing = response.status_code == httpx.codes.NOT_FOUND and missing_is_none
                if response.is_success or missing:
                    return response
                problem = _sentence(response)
                if response.status_code in _KEY:
                    raise errors.from_answer(response.status_code, {"detail": problem}, None)
                if response.status_code not in _AGAIN:
                    raise Refused(problem)
            if pause is not None:
                self._pause(pause)
        raise errors.Unreachable(problem)


def _sentence(response: httpx.Response) -> str:
    try:
        found = response.json()
        return str(found.get("message") or found)[:500]
    except (ValueError, AttributeError):
        return f"the gateway answers with {response.status_code}"


def _portions(items: Iterable[T], count: int) -> Iterator[Sequence[T]]:
    rest = iter(items)
    while some := list(islice(rest, count)):
        yield some


def _pieces(file: Any) -> Iterator[bytes]:
    while piece := file.read(1 << 20):
        yield piece
