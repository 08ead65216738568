"""`/api/v1/training/{session}/files`: what the program of a session has left in its folder.

A program's page, script or picture must never run as ours: everything is sent as an attachment of
bytes without a type, and a browser that opens it all the same has no origin and loads nothing.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import os
import re
from typing import Annotated, Any
from urllib.parse import parse_qs, quote, unquote_to_bytes

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import FileResponse, StreamingResponse
from starlette.convertors import Convertor, register_url_convertor
from starlette.types import Receive, Scope, Send

from trainyard_api.files.names import from_address, portable
from trainyard_api.model import OpenModel
from trainyard_api.phase import TERMINAL
from trainyard_gateway.auth import keys
from trainyard_gateway.errors import Unprocessable
from trainyard_gateway.http.pages import page_response
from trainyard_gateway.paging import Cursor
from trainyard_gateway.routes import files
from trainyard_gateway.routes.deps import CallerDep, ServicesDep, allowed
from trainyard_gateway.routes.rules import ReadSessionDep
from trainyard_gateway.run_files.listing import MOST_ENTRIES, FileEntry
from trainyard_gateway.run_files.opening import OpenFile, entity_tag
from trainyard_gateway.run_files.sending import ArchiveStream


class _AnyPath(Convertor[str]):
    """The rest of a path, also with line breaks, which the framework's own does not take."""

    regex = "(?s:.*)"

    def convert(self, value: str) -> str:
        """As it is."""
        return value

    def to_string(self, value: str) -> str:
        """As it is."""
        return value


register_url_convertor("any_path", _AnyPath())
router = APIRouter(prefix="/training", tags=["training"])

_READ = [allowed(keys.Scope.SESSIONS_READ)]
_FILE_PATH = re.compile(rb"/training/[^/]+/files/(.*)", re.S)
HARMLESS = {
    "Content-Security-Policy": "sandbox; default-src 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "private, no-cache",
}
ZIP: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The archive",
        "content": {"application/zip": {"schema": {"type": "string", "format": "binary"}}},
    }
}


class RunFilesResponse(OpenModel):
    """A folder of a session, by name."""

    session: str
    kind: str
    """What is at the path: `folder`, or what its one entry is."""
    files: list[FileEntry]
    total: int
    """Number of entries of the folder."""
    live: bool
    """Whether the session has not ended: its program may write."""
    cursor: str | None = None
    """Give this as `cursor` for the next page; null on the last."""


class RunFileResponse(FileResponse):
    """A file that is open: sent from its handle, so that no exchanged name leads elsewhere."""

    def __init__(self, file: OpenFile, name: str) -> None:
        self._file, self._tag = file, entity_tag(file.stat)
        super().__init__(
            file.path,
            media_type="application/octet-stream",
            filename=portable(name, windows=True),
            stat_result=file.stat,
            headers={"ETag": self._tag, **HARMLESS},
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it, and close it."""
        names = [name for name, _ in scope["headers"]]
        if b"if-range" in names and self._tag.startswith("W/"):
            # The file may change within a tick: a date or a tag would join two states of it.
            rest = [pair for pair in scope["headers"] if pair[0] != b"range"]
            scope = {**scope, "headers": rest}
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._file.close()


class ArchiveResponse(StreamingResponse):
    """An archive that is made while it is sent."""

    def __init__(self, archive: ArchiveStream) -> None:
        self._archive = archive
        name = quote(portable(archive.name, windows=True))
        headers = {"Content-Disposition": f"attachment; filename*=utf-8''{name}.zip", **HARMLESS}
        super().__init__(aiter(archive), media_type="application/zip", headers=headers)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it, and give back what it holds, also when the client is gone."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            await self._archive.close()


async def _folder(request: Request, path: Annotated[str, Query(max_length=12_288)] = "") -> str:
    """A path below the session's folder; default: that folder itself."""
    if not path:
        return ""
    # The framework replaces what is not UTF-8.
    query: str = request.scope["query_string"].decode("latin-1")
    found = parse_qs(query, encoding="utf-8", errors="surrogateescape")
    return found["path"][-1]


FolderDep = Annotated[str, Depends(_folder)]


async def _file(request: Request) -> str:
    """The path of a file as it was sent, with any bytes in its name."""
    scope = request.scope
    raw = unquote_to_bytes(scope.get("raw_path") or scope["path"].encode())
    found = _FILE_PATH.search(raw)
    return os.fsdecode(found[1]) if found is not None else ""


FileDep = Annotated[str, Depends(_file)]


@router.get("/{session}/files", dependencies=_READ, response_model=RunFilesResponse)
async def listing(
    services: ServicesDep,
    session: ReadSessionDep,
    folder: FolderDep,
    limit: Annotated[int, Query(ge=1, le=MOST_ENTRIES)] = 1000,
    cursor: Cursor | None = None,
) -> Response:
    """What is in a folder of a session, by name, during the run too; pages of at most 4 MiB."""
    after = _name_in(cursor)
    info, found = await services.run_files.listing(session.uid, folder, after, limit)
    live = not info.deleted and info.phase not in TERMINAL
    others = {"session": info.name, "kind": found.kind, "total": found.total, "live": live}
    return await asyncio.to_thread(
        page_response, "files", found.entries, cursor_after, more=found.more, others=others
    )


@router.get(
    "/{session}/files/{path:any_path}",
    dependencies=_READ,
    response_class=FileResponse,
    responses=files.RESPONSES,
)
async def download(
    services: ServicesDep, session: ReadSessionDep, path: str, exact: FileDep
) -> RunFileResponse:
    """A file that a session has left, during the run too; `Range` resumes a download."""
    file = await services.run_files.open(session.uid, exact or path)
    return RunFileResponse(file, exact.rpartition("/")[2])


@router.get(
    "/{session}/files-archive",
    dependencies=_READ,
    response_class=StreamingResponse,
    responses=ZIP,
)
async def archive(
    services: ServicesDep, caller: CallerDep, session: ReadSessionDep, folder: FolderDep
) -> ArchiveResponse:
    """A folder of a session as a ZIP archive, made while it is sent."""
    return ArchiveResponse(await services.run_files.archive(session.uid, folder, caller.key_id))


def cursor_after(entry: FileEntry) -> str:
    """The cursor for what comes after an entry."""
    name = os.fsencode(from_address(entry.path).rpartition("/")[2])
    return base64.urlsafe_b64encode(name).decode().rstrip("=")


def _name_in(cursor: str | None) -> str:
    if not cursor:
        return ""
    try:
        return os.fsdecode(
            base64.b64decode(cursor + "=" * (-len(cursor) % 4), b"-_", validate=True)
        )
    except binascii.Error as error:
        raise Unprocessable(
            f"cursor {cursor[:80]!r} is none of this list; begin without one"
        ) from error
