"""Which session may be resumed from: of the same user, or as the gateway says."""

from __future__ import annotations

import pytest
from operator_state import INSTALLATION

from trainyard_api import names
from trainyard_scheduler.objects import parse
from trainyard_scheduler.objects.model import Session
from trainyard_scheduler.objects.store import ClusterState


def session(name: str, user: str | None, **more: object) -> Session:
    metadata = {
        "name": name,
        "uid": f"uid-of-{name}",
        "resourceVersion": "1",
        "generation": 1,
        "creationTimestamp": "2026-01-01T00:00:00Z",
        "labels": {} if user is None else {names.LABEL_USER: user},
    }
    spec = {"command": ["x"], "resumeFrom": {"session": "source"}, **more}
    found = parse.session({"metadata": metadata, "spec": spec}, INSTALLATION)
    assert isinstance(found, Session)
    return found


@pytest.mark.parametrize(
    ("user", "source", "told", "ready"),
    [
        ("ada", "ada", None, True),
        ("ada", "bob", None, False),
        ("ada", None, None, False),
        (None, "ada", None, False),
        (None, None, None, True),
        ("ada", "bob", "uid-of-source", True),
        ("ada", "bob", "uid-of-an-earlier-one", False),
        ("ada", "nobody", "uid-of-source", True),
    ],
    ids=[
        "own",
        "of another user",
        "of nobody",
        "by nobody",
        "both without a user",
        "as the gateway says",
        "another one of that name now",
        "of a user who is gone",
    ],
)
def test_what_may_be_resumed_from(
    user: str | None, source: str | None, told: str | None, ready: bool
) -> None:
    state = ClusterState()
    state.put_session(session("source", source))
    status = {"resumeSource": {"state": "Found", "session": "source", "uid": told}}
    asks = session("asks", user)
    if told is not None:
        raw = {"metadata": {"name": "asks", "uid": "uid-of-asks", "resourceVersion": "2",
                            "generation": 1, "labels": {names.LABEL_USER: user}},
               "spec": {"command": ["x"], "resumeFrom": {"session": "source"}},
               "status": status}  # fmt: skip
        found = parse.session(raw, INSTALLATION)
        assert isinstance(found, Session)
        asks = found
    state.put_session(asks)

    assert state.resume_ready(asks) == ready
    assert state.resume_uid(asks) == ("uid-of-source" if ready else None)
