"""What the builder leaves as its termination message. Pure but for `leave`."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

from trainyard_api import contract
from trainyard_environment.build import Built
from trainyard_environment.errors import CannotBuild

MESSAGE_BYTES = 2200
HINT_BYTES = 700
"""Of JSON: the supervisor adds the last lines within the kubelet's 4096 bytes."""


def of_built(built: Built) -> str:
    """The word of a success."""
    said = {
        "lock": built.lock,
        "packages": built.packages,
        "bytes": built.bytes,
        "reused": built.reused,
    }
    return json.dumps({contract.ENVIRONMENT_KEY: said})


def of_failure(error: CannotBuild) -> str:
    """The word of a failure."""
    said: dict[str, Any] = {
        "reason": error.reason,
        "message": within(error.message, MESSAGE_BYTES),
        "hint": within(error.hint, HINT_BYTES),
    }
    return json.dumps(said)


def within(text: str, limit: int) -> str:
    """As much of a text as takes `limit` bytes of JSON: its beginning and its end."""
    if len(json.dumps(text)) <= limit:
        return text
    size = min(len(text), limit)
    while len(json.dumps(_shortened(text, size))) > limit:
        size -= max(1, size // 10)
    return _shortened(text, size)


def leave(file: Path, text: str) -> None:
    """Write the word where the kubelet made a file for it."""
    with contextlib.suppress(OSError):
        if file.exists():
            file.write_text(text)


def _shortened(text: str, size: int) -> str:
    return f"{text[: size // 2]} … {text[len(text) - size // 2 :]}"
