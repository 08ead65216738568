"""A Kubernetes client for plain JSON: dicts in, dicts out.

Every method raises the errors of `trainyard_kube.errors` and retries nothing. Model objects would
cost several times the CPU and memory of the JSON (docs/decisions/0002-kubernetes-client.md).
"""

from __future__ import annotations

import builtins
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing, asynccontextmanager
from types import TracebackType
from typing import Any, Self

import aiohttp
import orjson

from trainyard_kube.config import KubeConfig
from trainyard_kube.errors import Unreachable, from_status

PAGE_SIZE = 500
"""Objects per page of a list, as in kubectl."""

_TIMEOUT = aiohttp.ClientTimeout(total=30, connect=5)
_MERGE_PATCH = "application/merge-patch+json"
_JSON_PATCH = "application/json-patch+json"
_APPLY_PATCH = "application/apply-patch+yaml"

Json = dict[str, Any]


class KubeClient:
    """One connection pool to one API server; use it as an async context manager.

    No call is retried. Every call raises Unreachable when no response arrives within 30 s (5 s to
    connect) or when it is no JSON object, and the ApiError of the response's status otherwise: see
    `trainyard_kube.errors`.
    `path` comes from `trainyard_kube.paths`; `query` are URL parameters.
    """

    def __init__(
        self, config: KubeConfig, user_agent: str = "trainyard", connections: int = 32
    ) -> None:
        self.config = config
        self._user_agent = user_agent
        self._connections = connections
        self._http: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._http = aiohttp.ClientSession(
            base_url=self.config.server,
            connector=aiohttp.TCPConnector(
                limit=self._connections, ssl=self.config.ssl_context(), keepalive_timeout=60
            ),
            headers={"User-Agent": self._user_agent, "Accept": "application/json"},
            timeout=_TIMEOUT,
            # No proxy between a pod and its API server.
            trust_env=False,
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._http is not None:
            await self._http.close()

    async def get(self, path: str, **query: str | int) -> Json:
        """The object at `path`. Raises NotFound when there is none."""
        return await self._json("GET", path, query=query)

    async def list(self, path: str, **query: str | int) -> Json:
        """All pages of a list in one; `metadata.resourceVersion` is that of the first page.

        Raises Gone when the list expires between two pages.
        """
        async with aclosing(self._pages(path, query)) as pages:
            result = await anext(pages)
            async for page in pages:
                result["items"].extend(page["items"])
        return result

    async def pages(
        self, path: str, *, metadata_only: bool = False, **query: str | int
    ) -> AsyncGenerator[Json]:
        """The pages of a list one after another, at least one; PAGE_SIZE objects each.

        With `metadata_only` the objects come without spec, status and data. Raises Gone when the
        list expires between two pages.
        """
        headers = _metadata("PartialObjectMetadataList") if metadata_only else {}
        async with aclosing(self._pages(path, query, headers)) as pages:
            async for page in pages:
                yield page

    async def _pages(
        self, path: str, query: dict[str, str | int], headers: Mapping[str, str] | None = None
    ) -> AsyncGenerator[Json]:
        query = {"limit": PAGE_SIZE, **query}
        while True:
            page = await self._json("GET", path, query=query, headers=headers)
            if not isinstance(page.get("metadata"), dict) or "items" not in page:
                raise Unreachable(f"what came from {self.config.server} is no list")
            yield page
            if not (token := page["metadata"].get("continue")):
                return
            query["continue"] = token

    async def create(self, path: str, body: Json, **query: str | int) -> Json:
        """POST `body`; returns the created object. Raises AlreadyExists and Invalid."""
        return await self._json("POST", path, body=body, query=query)

    async def replace(self, path: str, body: Json, **query: str | int) -> Json:
        """PUT `body`; returns the new object.

        Raises Conflict unless `metadata.resourceVersion` is current, NotFound and Invalid.
        """
        return await self._json("PUT", path, body=body, query=query)

    async def merge_patch(
        self, path: str, body: Json, field_manager: str | None = None, **query: str | int
    ) -> Json:
        """JSON merge patch (RFC 7386); returns the new object.

        None removes a field, and lists are replaced as a whole. Raises NotFound and Invalid, and
        Conflict where the body holds a resourceVersion that is not current.
        """
        if field_manager:
            query["fieldManager"] = field_manager
        return await self._json("PATCH", path, body=body, query=query, content_type=_MERGE_PATCH)

    async def json_patch(
        self, path: str, operations: builtins.list[Json], field_manager: str | None = None
    ) -> Json:
        """JSON patch (RFC 6902); returns the new object.

        Raises NotFound, and Invalid when a `test` operation fails.
        """
        query: dict[str, str | int] = {"fieldManager": field_manager} if field_manager else {}
        return await self._json(
            "PATCH", path, body=operations, query=query, content_type=_JSON_PATCH
        )

    async def apply(self, path: str, body: Json, field_manager: str, force: bool = True) -> Json:
        """Server-side apply; creates or changes the object and returns it.

        Raises Invalid, and without `force` Conflict for a field of another manager.
        """
        query: dict[str, str | int] = {
            "fieldManager": field_manager,
            "force": "true" if force else "false",
        }
        return await self._json("PATCH", path, body=body, query=query, content_type=_APPLY_PATCH)

    async def delete(
        self,
        path: str,
        uid: str | None = None,
        propagation: str = "Background",
        grace_seconds: int | None = None,
    ) -> Json:
        """Delete the object at `path`; returns it or a Status.

        With `uid` only the object with that UID is deleted, else Conflict is raised. Raises
        NotFound when there is none. `grace_seconds` defaults to the object's own grace period.
        """
        options: Json = {"propagationPolicy": propagation}
        if uid is not None:
            options["preconditions"] = {"uid": uid}
        if grace_seconds is not None:
            options["gracePeriodSeconds"] = grace_seconds
        return await self._json("DELETE", path, body=options)

    @asynccontextmanager
    async def watch(
        self,
        path: str,
        inactivity_seconds: float,
        *,
        metadata_only: bool = False,
        **query: str | int,
    ) -> AsyncIterator[AsyncIterator[bytes]]:
        """The lines of a watch, each one JSON event, until the API server closes it.

        With `metadata_only` the objects come without spec, status and data.
        Raises Unreachable when no byte arrives for `inactivity_seconds`. An expired
        resourceVersion comes as Gone or as an event of type ERROR.
        """
        limits = aiohttp.ClientTimeout(total=None, connect=5, sock_read=inactivity_seconds)
        async with (
            self._request(
                "GET",
                path,
                query={"watch": "true", **query},
                limits=limits,
                headers=_metadata("PartialObjectMetadata") if metadata_only else None,
            ) as response,
            aclosing(_lines(response)) as lines,
        ):
            yield lines

    async def _json(
        self,
        method: str,
        path: str,
        body: Json | builtins.list[Json] | None = None,
        query: dict[str, str | int] | None = None,
        content_type: str = "application/json",
        headers: Mapping[str, str] | None = None,
    ) -> Json:
        data = orjson.dumps(body) if body is not None else None
        if data is not None:
            headers = {**(headers or {}), "Content-Type": content_type}
        async with self._request(
            method, path, data=data, query=query or {}, headers=headers
        ) as response:
            return parsed(await _read(response), self.config.server)

    @asynccontextmanager
    async def _request(
        self,
        method: str,
        path: str,
        *,
        query: dict[str, str | int],
        data: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        limits: aiohttp.ClientTimeout = _TIMEOUT,
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        if self._http is None:
            raise RuntimeError("use KubeClient as an async context manager")
        headers = dict(headers or {})
        # A small file on tmpfs, which the kubelet replaces about once an hour.
        if bearer := self.config.bearer():
            headers["Authorization"] = f"Bearer {bearer}"
        try:
            response = await self._http.request(
                method, path, params=query, data=data, headers=headers, timeout=limits
            )
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise _unreachable(self.config.server, error) from error
        try:
            if response.status >= 400:
                raise from_status(
                    await _status_body(response),
                    response.status,
                    response.headers.get("Retry-After"),
                )
            yield response
        finally:
            if response.content.at_eof():
                response.release()
            else:
                _abandon(response)


def parsed(text: bytes, server: str) -> Json:
    """The JSON object that an API server sent.

    Raises Unreachable if it is none: something between here and the API server sent it.
    """
    try:
        found = orjson.loads(text)
    except orjson.JSONDecodeError:
        found = None
    if not isinstance(found, dict):
        raise Unreachable(f"what came from the API server at {server} is no JSON object")
    return found


def _metadata(kind: str) -> dict[str, str]:
    return {"Accept": f"application/json;as={kind};g=meta.k8s.io;v=v1"}


def _abandon(response: aiohttp.ClientResponse) -> None:
    """Close a connection in the middle of a response without waiting for TLS to shut down."""
    connection = response.connection
    if connection is not None and connection.transport is not None:
        connection.transport.abort()
    response.close()


def _unreachable(server: str, error: BaseException) -> Unreachable:
    return Unreachable(
        f"no answer from the API server at {server}: {str(error) or type(error).__name__}"
    )


async def _read(response: aiohttp.ClientResponse) -> bytes:
    try:
        return await response.read()
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        raise _unreachable(str(response.url.origin()), error) from error


async def _status_body(response: aiohttp.ClientResponse) -> Json:
    text = await _read(response)
    try:
        body = orjson.loads(text)
    except orjson.JSONDecodeError:
        body = None
    return body if isinstance(body, dict) else {"message": text.decode(errors="replace")[:500]}


async def _lines(response: aiohttp.ClientResponse) -> AsyncGenerator[bytes]:
    """Lines of any length. aiohttp's line reader stops at 64 KiB; an object can be larger."""
    pending = bytearray()
    try:
        async for chunk in response.content.iter_any():
            pending += chunk
            while (end := pending.find(b"\n")) >= 0:
                line = bytes(pending[:end])
                del pending[: end + 1]
                yield line
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        raise _unreachable(str(response.url.origin()), error) from error
