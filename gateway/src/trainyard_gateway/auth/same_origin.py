"""Whether a request with a cookie comes from our own page (cross-site request forgery). Pure.

A browser sends a cookie along with requests that another page makes. `SameSite=Strict` keeps it
from other sites; these rules keep it also from pages at another port or subdomain of this host.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

OWN_HEADER = "x-trainyard-request"
"""Our page sends it with each request that changes something; a form of another page cannot."""
_READS = frozenset({"GET", "HEAD"})


def is_own(method: str, headers: Mapping[str, str]) -> bool:
    """Whether our own page, or the reader's address bar, made the request."""
    site = headers.get("sec-fetch-site")
    if method in _READS:
        return site in (None, "same-origin", "none")
    if OWN_HEADER not in headers:
        return False
    if site is not None:
        # The browser's own word. A proxy may have changed the host.
        return site == "same-origin"
    return _host(headers.get("origin", "")) == headers.get("host", "").lower() != ""


def is_secure(scheme: str, headers: Mapping[str, str]) -> bool:
    """Whether the browser reached us by TLS, also behind a proxy that ends it."""
    return scheme == "https" or headers.get("origin", "").lower().startswith("https://")


def _host(origin: str) -> str:
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:
        return ""
