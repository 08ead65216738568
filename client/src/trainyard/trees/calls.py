"""The endpoints of versions' files as values. Pure."""

from __future__ import annotations

from urllib.parse import quote

from trainyard.calls import Call
from trainyard.trees.answers import VersionFiles
from trainyard_api.files.names import address

PAGE = 5000
"""Entries that a page may have."""


def version_files(name: str, version: int, path: str) -> Call[VersionFiles]:
    """GET /models/{name}/versions/{version}/files."""
    query = {"limit": str(PAGE), **({"path": path} if path else {})}
    return Call("GET", f"{_version(name, version)}/files", VersionFiles, query=query)


def version_file(name: str, version: int, path: str) -> Call[VersionFiles]:
    """GET /models/{name}/versions/{version}/files/{path}; the answer is the file."""
    return Call("GET", f"{_version(name, version)}/files/{address(path)}", None)


def version_archive(name: str, version: int, path: str) -> Call[VersionFiles]:
    """GET /models/{name}/versions/{version}/archive; the answer is a ZIP archive."""
    query = {"path": path} if path else {}
    return Call("GET", f"{_version(name, version)}/archive", None, query=query)


def _version(name: str, version: int) -> str:
    return f"/models/{quote(name, safe='')}/versions/{version}"
