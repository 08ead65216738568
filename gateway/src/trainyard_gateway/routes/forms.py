"""Uploads by multipart form, for curl. Programs send the raw file."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import Request
from starlette.datastructures import UploadFile

from trainyard_gateway import telemetry
from trainyard_gateway.errors import BadRequest
from trainyard_gateway.files.file_store import CHUNK
from trainyard_gateway.routes.deps import lift_body_limit


@asynccontextmanager
async def form_upload(
    request: Request, filename: str
) -> AsyncIterator[tuple[AsyncIterator[bytes] | None, str]]:
    """The file of a multipart form and its name; (None, filename) for a raw body.

    Raises BadRequest without a file or a file name.
    """
    if not request.headers.get("content-type", "").startswith("multipart/form-data"):
        if not filename:
            raise BadRequest(
                "filename is missing: POST /api/v1/datasets?name=digits&filename=digits.csv"
            )
        yield None, filename
        return
    lift_body_limit(request)
    async with request.form(max_files=1, max_fields=10) as form:
        file = form.get("file")
        if not isinstance(file, UploadFile):
            raise BadRequest("the form has no field `file`: curl -F file=@digits.csv")
        yield _chunks(file), filename or file.filename or ""


async def _chunks(file: UploadFile) -> AsyncIterator[bytes]:
    while chunk := await file.read(CHUNK):
        telemetry.RECEIVED.inc(len(chunk))
        yield chunk
