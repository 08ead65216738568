"""The endpoints of notices as values. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from trainyard.calls import Call
from trainyard.notices.answers import (
    CreatedNoticeReceiver,
    Notice,
    NoticeReceiver,
    NoticeReceivers,
    SentNotices,
)
from trainyard_api.model import OpenModel

_RECEIVERS = "/notices/receivers"


def _of(team: str | None) -> dict[str, Any]:
    return {"team": team} if team else {}


def _path(name: str) -> str:
    return f"{_RECEIVERS}/{quote(name, safe='')}"


def receivers(team: str | None) -> Call[NoticeReceivers]:
    """GET /notices/receivers."""
    return Call("GET", _RECEIVERS, NoticeReceivers, query=_of(team))


def create(body: Mapping[str, Any], team: str | None) -> Call[CreatedNoticeReceiver]:
    """POST /notices/receivers; not repeatable: the second secret would be unknown to the caller."""
    return Call(
        "POST",
        _RECEIVERS,
        CreatedNoticeReceiver,
        body=dict(body),
        query=_of(team),
        repeatable=False,
    )


def receiver(
    name: str,
    url: str,
    rules: Sequence[Mapping[str, Any]],
    sessions: str,
    times: Mapping[str, Any] | None,
) -> dict[str, Any]:
    """The body of a new receiver."""
    body = {"name": name, "url": url, "rules": [dict(r) for r in rules], "sessions": sessions}
    return body if times is None else {**body, "times": dict(times)}


def change(name: str, changes: Mapping[str, Any], team: str | None) -> Call[NoticeReceiver]:
    """PATCH /notices/receivers/{name}; a second request changes nothing."""
    return Call("PATCH", _path(name), NoticeReceiver, body=dict(changes), query=_of(team))


def remove(name: str, team: str | None) -> Call[OpenModel]:
    """DELETE /notices/receivers/{name}."""
    return Call("DELETE", _path(name), None, query=_of(team))


def test(name: str, team: str | None) -> Call[Notice]:
    """POST /notices/receivers/{name}/test; each request sends a notice."""
    return Call("POST", f"{_path(name)}/test", Notice, query=_of(team), repeatable=False)


def sent(state: str | None, team: str | None) -> Call[SentNotices]:
    """GET /notices."""
    state_of = {"state": state} if state else {}
    return Call("GET", "/notices", SentNotices, query={**state_of, **_of(team)})


def retry(notice: str, team: str | None) -> Call[Notice]:
    """POST /notices/{id}/retry; a second request is refused."""
    path = f"/notices/{quote(notice, safe='')}/retry"
    return Call("POST", path, Notice, query=_of(team), repeatable=False)
