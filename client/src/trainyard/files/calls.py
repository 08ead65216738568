"""The endpoints of a session's files as values. Pure."""

from __future__ import annotations

from urllib.parse import quote

from trainyard.calls import Call
from trainyard.files.answers import RunFolder
from trainyard_api.files.names import address

PAGE = 5000
"""Entries that a page may have."""


def run_files(session: str, path: str) -> Call[RunFolder]:
    """GET /training/{id}/files."""
    query = {"limit": str(PAGE), **({"path": path} if path else {})}
    return Call("GET", f"/training/{quote(session, safe='')}/files", RunFolder, query=query)


def run_file(session: str, path: str) -> Call[RunFolder]:
    """GET /training/{id}/files/{path}; the answer is the file."""
    return Call("GET", f"/training/{quote(session, safe='')}/files/{address(path)}", None)


def run_files_archive(session: str, path: str) -> Call[RunFolder]:
    """GET /training/{id}/files-archive; the answer is a ZIP archive."""
    query = {"path": path} if path else {}
    return Call("GET", f"/training/{quote(session, safe='')}/files-archive", None, query=query)
