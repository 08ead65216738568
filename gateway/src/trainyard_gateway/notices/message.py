"""What a receiver gets of an event: a JSON body in the form of Standard Webhooks. Pure."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from typing import Any, Final

import orjson

from trainyard_api import names, timestamps
from trainyard_api.model import clip
from trainyard_api.visible_text import visible
from trainyard_gateway.notices.events import Event
from trainyard_gateway.notices.timing.release import DIGEST, TRIAL
from trainyard_gateway.sessions.info import phase_of
from trainyard_kube import Json

MOST_OF_TEXT: Final = 1000
"""Characters of a text that a program or a user wrote."""
MOST_OF_DIGEST: Final = 100
"""Notices that a digest shows."""
MOST_BYTES: Final = 65_536
"""Of the notices that a digest shows."""


def identity(receiver: str, uid: str, key: str) -> str:
    """The id of a notice: the same for the same event, receiver and session."""
    digest = hashlib.sha256(f"{receiver}\0{uid}\0{key}".encode()).hexdigest()
    return f"msg_{digest[:32]}"


def body(session: Json, event: Event) -> str:
    """The message about an event of a session."""
    metadata, status = session["metadata"], session.get("status") or {}
    facts: dict[str, Any] = {
        "session": metadata["name"],
        "uid": metadata["uid"],
        "user": (metadata.get("labels") or {}).get(names.LABEL_USER),
        "queue": session["spec"].get("queue", names.DEFAULT_QUEUE),
        "phase": phase_of(session),
        "attempt": status.get("attempt"),
        "message": status.get("message"),
        **event.facts,
    }
    return _whole(event.kind, event.time, facts)


def trial(receiver: str, now: float) -> str:
    """The message by which a user tries a receiver; `now` is in seconds since the epoch."""
    return _whole(TRIAL, now, {"receiver": receiver})


def about_budget(kind: str, facts: dict[str, Any], now: float) -> str:
    """The message about a budget."""
    return _whole(kind, now, facts)


def digest(bodies: Sequence[str], dropped: int, now: float) -> str:
    """The message about several notices, the oldest first; `dropped` ones are only counted.

    It holds as many of them as `MOST_OF_DIGEST` and `MOST_BYTES` allow.
    """
    messages = [orjson.loads(body) for body in bodies]
    shown, size = [], 0
    for body, found in zip(bodies[:MOST_OF_DIGEST], messages, strict=False):
        size += len(body.encode())
        if size > MOST_BYTES:
            break
        shown.append(found)
    facts = {
        "count": len(messages),
        "types": dict(Counter(str(found["type"]) for found in messages)),
        "notices": shown,
        "notShown": len(messages) - len(shown),
        "dropped": dropped,
    }
    return _whole(DIGEST, now, facts)


def kind_of(body: str) -> str:
    """The `type` of a message."""
    return str(orjson.loads(body).get("type", ""))


def messages(body: str) -> list[dict[str, Any]]:
    """The messages that a digest shows; of another notice its own."""
    whole = orjson.loads(body)
    return list(whole["data"]["notices"]) if whole["type"] == DIGEST else [whole]


def without_facts(body: str) -> str:
    """A message of which only type and time are left."""
    return orjson.dumps({**orjson.loads(body), "data": {}}).decode()


def _whole(kind: str, time: float, facts: dict[str, Any]) -> str:
    shown = {k: _bounded(v) for k, v in facts.items() if v is not None}
    whole = {"type": kind, "timestamp": timestamps.to_seconds_text(time), "data": shown}
    return orjson.dumps(whole).decode()


def _bounded(value: Any) -> Any:
    return clip(visible(value), MOST_OF_TEXT) if isinstance(value, str) else value
