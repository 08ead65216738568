"""The files of the web page: read once, sent whole, to everybody. They hold no data.

Names of assets hold a hash of their content: a browser asks for each once. The page itself is asked
for again each time, and answered by 304 while it is the same.
"""

from __future__ import annotations

import gzip
import hashlib
import mimetypes
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from fastapi import Request, Response
from starlette.types import Scope

FOLDER = Path(__file__).parent.parent / "static"
METHODS = ("GET", "HEAD")
CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    )
)
"""Nothing inline, nothing of another host, no frame, and no text that becomes markup."""
_ALL = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
    "Vary": "Accept-Encoding",
}


@dataclass(frozen=True, slots=True)
class WebFile:
    """A file, as it is and compressed."""

    content: bytes
    compressed: bytes
    etag: str
    media_type: str
    cache_control: str


def read_files(folder: Path = FOLDER) -> Mapping[str, WebFile]:
    """The files below `folder` by the path that they are served at; `/` is `index.html`."""
    found = {
        f"/{path.relative_to(folder).as_posix()}": _file(path)
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
    return {("/" if path == "/index.html" else path): file for path, file in found.items()}


def is_page(scope: Scope) -> bool:
    """Whether a request asks for a file of the page."""
    return scope["path"] in FILES and scope["method"] in METHODS


async def page(request: Request) -> Response:
    """A file of the page; 304 for one that the browser has."""
    return answer(FILES[request.url.path], request.headers)


def answer(file: WebFile, headers: Mapping[str, str]) -> Response:
    """The response for a file. Pure."""
    packed = accepts_gzip(headers.get("accept-encoding", ""))
    etag = f'"{file.etag}-gzip"' if packed else f'"{file.etag}"'
    told = {**_ALL, "ETag": etag, "Cache-Control": file.cache_control}
    asked = {tag.strip().removeprefix("W/") for tag in headers.get("if-none-match", "").split(",")}
    if etag in asked or "*" in asked:
        return Response(status_code=304, headers=told)
    if packed:
        told["Content-Encoding"] = "gzip"
    content = file.compressed if packed else file.content
    return Response(content, headers=told, media_type=file.media_type)


def accepts_gzip(header: str) -> bool:
    """Whether an Accept-Encoding header accepts gzip."""
    for given in header.lower().split(","):
        name, _, weight = given.partition(";")
        if name.strip() in ("gzip", "*") and weight.replace(" ", "") not in ("q=0", "q=0.0"):
            return True
    return False


def _file(path: Path) -> WebFile:
    content = path.read_bytes()
    kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    is_asset = path.parent.name == "assets"
    return WebFile(
        content=content,
        compressed=gzip.compress(content, mtime=0),
        etag=hashlib.sha256(content).hexdigest()[:32],
        media_type={".js": "text/javascript", ".svg": "image/svg+xml"}.get(path.suffix, kind),
        cache_control="public, max-age=31536000, immutable" if is_asset else "no-cache",
    )


FILES = read_files()
"""By path."""
