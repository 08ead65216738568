"""The endpoints of notices as values. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from trainyard.calls import Call
from trainyard.notices.answers import CreatedNoticeReceiver, Notice, NoticeReceivers, SentNotices
from trainyard_api.model import OpenModel

_RECEIVERS = "/notices/receivers"


def receivers() -> Call[NoticeReceivers]:
    """GET /notices/receivers."""
    return Call("GET", _RECEIVERS, NoticeReceivers)


def create(
    name: str, url: str, rules: Sequence[Mapping[str, Any]], sessions: str
) -> Call[CreatedNoticeReceiver]:
    """POST /notices/receivers; not repeatable: the second secret would be unknown to the caller."""
    body = {"name": name, "url": url, "rules": [dict(r) for r in rules], "sessions": sessions}
    return Call("POST", _RECEIVERS, CreatedNoticeReceiver, body=body, repeatable=False)


def remove(name: str) -> Call[OpenModel]:
    """DELETE /notices/receivers/{name}."""
    return Call("DELETE", f"{_RECEIVERS}/{quote(name, safe='')}", None)


def test(name: str) -> Call[Notice]:
    """POST /notices/receivers/{name}/test; each request sends a notice."""
    return Call("POST", f"{_RECEIVERS}/{quote(name, safe='')}/test", Notice, repeatable=False)


def sent(state: str | None) -> Call[SentNotices]:
    """GET /notices."""
    return Call("GET", "/notices", SentNotices, query={"state": state} if state else {})


def retry(notice: str) -> Call[Notice]:
    """POST /notices/{id}/retry; a second request is refused."""
    return Call("POST", f"/notices/{quote(notice, safe='')}/retry", Notice, repeatable=False)
