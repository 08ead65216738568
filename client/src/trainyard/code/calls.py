"""The endpoints of bundles as values. Pure."""

from __future__ import annotations

from typing import Any

from trainyard.calls import Call
from trainyard.code.answers import BundleManifest, CodeBundle, CodeLimits, ReceivedContents


def limits() -> Call[CodeLimits]:
    """GET /code."""
    return Call("GET", "/code", CodeLimits)


def put_bundle(manifest: dict[str, Any]) -> Call[CodeBundle]:
    """POST /code/bundles; repeatable: the same content has the same name."""
    return Call("POST", "/code/bundles", CodeBundle, body=manifest, slow=True)


def send_contents() -> Call[ReceivedContents]:
    """POST /code/contents; the body is a pack. Repeatable: contents are named by their hash."""
    return Call("POST", "/code/contents", ReceivedContents)


def put_content(sha256: str) -> Call[ReceivedContents]:
    """PUT /code/contents/{sha256}; the body is the content."""
    return Call("PUT", f"/code/contents/{sha256}", ReceivedContents)


def manifest(bundle: str) -> Call[BundleManifest]:
    """GET /code/bundles/{bundle}."""
    return Call("GET", f"/code/bundles/{bundle}", BundleManifest)


def contents(bundle: str) -> Call[CodeBundle]:
    """GET /code/bundles/{bundle}/contents; the answer is a pack."""
    return Call("GET", f"/code/bundles/{bundle}/contents", None)
