"""The endpoints of owners as values. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote

from trainyard.calls import Call
from trainyard.owners.answers import Owner

FOLDERS = {"session": "training", "dataset": "datasets", "model": "models"}
"""Kinds of objects, and where their routes are."""


def owner(of: str, name: str) -> Call[Owner]:
    """GET /training/{session}/owner, /datasets/{name}/owner and /models/{name}/owner."""
    return Call("GET", _path(of, name), Owner)


def share(of: str, name: str, changes: Mapping[str, str]) -> Call[Owner]:
    """PATCH of the same."""
    return Call("PATCH", _path(of, name), Owner, body=dict(changes))


def _path(of: str, name: str) -> str:
    return f"/{FOLDERS[of]}/{quote(name, safe='')}/owner"
