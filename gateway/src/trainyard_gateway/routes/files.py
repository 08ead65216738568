"""Files of datasets and models as responses; `Range` and `If-Range` resume a download."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from fastapi.responses import FileResponse

from trainyard_gateway.errors import NotFound

_BYTES = {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}
RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {"description": "The file", "content": _BYTES},
    206: {"description": "The part that Range asked for", "content": _BYTES},
    416: {"description": "Range asks for bytes that are not there"},
}
"""What a route that returns a file declares."""


async def file_response(path: Path, sha256: str, filename: str, **headers: str) -> FileResponse:
    """The file with its hash; `filename` is what a browser calls it.

    Raises NotFound for a file that was deleted a moment ago.
    """
    try:
        stat = await asyncio.to_thread(path.stat)
    except FileNotFoundError as error:
        raise NotFound(f"{filename} was deleted meanwhile") from error
    return FileResponse(
        path,
        media_type="application/octet-stream",
        filename=filename,
        stat_result=stat,
        headers={"X-Content-SHA256": sha256, "ETag": f'"{sha256}"', **headers},
    )
