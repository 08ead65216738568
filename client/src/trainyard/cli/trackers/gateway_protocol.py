"""Calls of MLflow's protocol below `/mlflow` of a gateway."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx

from trainyard import errors
from trainyard.cli.trackers.calls import Away, Calls

API = "/mlflow/api/2.0/mlflow"
FILES = "/mlflow/api/2.0/mlflow-artifacts/artifacts"
_KEY = frozenset({401, 403})


class Refused(Exception):
    """The gateway does not take something; its sentence."""


class GatewayProtocol:
    """Makes calls. Methods raise Refused, and Unreachable after a while."""

    def __init__(
        self,
        url: str,
        key: str,
        transport: httpx.BaseTransport | None = None,
        calls: Calls | None = None,
    ) -> None:
        self._http = httpx.Client(
            base_url=url.rstrip("/"),
            headers={"Authorization": f"Bearer {key}", "User-Agent": "trainyard-python"},
            timeout=httpx.Timeout(600.0, connect=10.0),
            transport=transport,
        )
        self._url, self._calls = url, calls or Calls()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def call(
        self, method: str, path: str, fields: Mapping[str, Any], *, missing_is_none: bool = False
    ) -> dict[str, Any] | None:
        """The answer to a call; None for 404 with `missing_is_none`."""

        def send() -> httpx.Response:
            if method == "GET":
                return self._http.get(f"{API}/{path}", params=dict(fields))
            return self._http.request(method, f"{API}/{path}", json=dict(fields))

        response = self._taken(send, missing_is_none=missing_is_none)
        if response.status_code == httpx.codes.NOT_FOUND:
            return None
        found = response.json()
        return found if isinstance(found, dict) else {}

    def _taken(
        self, send: Callable[[], httpx.Response], *, missing_is_none: bool = False
    ) -> httpx.Response:
        """An answer that is no refusal."""
        try:
            response = self._calls.answer(send)
        except Away as error:
            raise errors.Unreachable(f"{self._url} {error}") from error
        missing = response.status_code == httpx.codes.NOT_FOUND and missing_is_none
        if response.is_success or missing:
            return response
        problem = _sentence(response)
        if response.status_code in _KEY:
            raise errors.from_answer(response.status_code, {"detail": problem}, None)
        raise Refused(problem)

    def put(self, folder: str, path: str, content: Path) -> int:
        """Upload a file; its size. `folder`: of a run or a logged model, `path` below it."""
        try:
            url = f"{FILES}/{folder}/artifacts/{quote(path)}"
        except UnicodeEncodeError as error:
            raise Refused("its name is no text") from error
        size = 0

        def send() -> httpx.Response:
            nonlocal size
            with content.open("rb") as file:
                size = content.stat().st_size
                headers = {"Content-Length": str(size)}
                return self._http.put(url, content=_pieces(file), headers=headers)

        self._taken(send)
        return size

    def listed(self, folder: str) -> dict[str, int]:
        """The size of each file of a run or a logged model, which lies in `folder`."""
        found: dict[str, int] = {}
        waiting = [""]
        while waiting:
            below = waiting.pop()
            asked = {"path": f"{folder}/artifacts/{below}".rstrip("/")}

            def send(query: dict[str, str] = asked) -> httpx.Response:
                return self._http.get(FILES, params=query)

            for one in self._taken(send).json().get("files") or ():
                path = f"{below}/{one['path']}".lstrip("/")
                if one.get("is_dir"):
                    waiting.append(path)
                else:
                    found[path] = int(one.get("file_size") or 0)
        return found


def _sentence(response: httpx.Response) -> str:
    try:
        found = response.json()
        return str(found.get("message") or found)[:500]
    except (ValueError, AttributeError):
        return f"the gateway answers with {response.status_code}"


def _pieces(file: Any) -> Iterator[bytes]:
    while piece := file.read(1 << 20):
        yield piece
