"""Runs Apprise in another process, bounded in time and memory; that process knows no secrets here.

Without its own process, the library's blocking calls, its name look-ups and its imports (a quarter
of a second, 40 MB) would be the gateway's.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections.abc import Collection
from pathlib import Path
from typing import Any, Final

import orjson

import trainyard_api
import trainyard_gateway
from trainyard_api.visible_text import visible
from trainyard_gateway.notices.sending import DELIVERED, Outcome, outcome
from trainyard_gateway.notices.services.texts import title_and_text

SECONDS: Final = 25.0
"""For one try, the start of the process included."""
_MOST_OF_WORDS: Final = 300
_MODULE: Final = "trainyard_gateway.notices.services.child"
_CODE: Final = dict.fromkeys(
    str(Path(package.__path__[0]).parent) for package in (trainyard_gateway, trainyard_api)
)
"""Folders of our code. Images name them by PYTHONPATH, which the other process does not inherit."""


class RefusedService(Exception):
    """Notices are not sent to this URL; the message says why."""


async def shown(url: str, internal: Collection[str]) -> str:
    """The URL without its secrets. Raises RefusedService."""
    answer = await _ask({"url": url, "internal": sorted(internal)}, SECONDS)
    if answer is None:
        raise RefusedService("it could not be looked at in time; try again")
    if answer.get("refused"):
        raise RefusedService(str(answer["refused"]))
    return str(answer["shown"])


async def send(url: str, body: str, internal: Collection[str], seconds: float = SECONDS) -> Outcome:
    """Send a message to a service, and wait so many seconds for what comes of it."""
    title, text = title_and_text(body)
    request = {"url": url, "internal": sorted(internal), "title": title, "text": text}
    return read(await _ask(request, seconds), seconds)


def read(answer: dict[str, Any] | None, seconds: float) -> Outcome:
    """What the answer of the other process means. Pure."""
    if answer is None:
        return Outcome(False, f"no answer within {seconds:g} s, or more than was accepted")
    if answer.get("delivered"):
        return DELIVERED
    if answer.get("refused"):
        return Outcome(False, f"url: {answer['refused']}"[:_MOST_OF_WORDS])
    status = answer.get("status")
    if isinstance(status, int) and status >= 300:
        return outcome(status, answer.get("retryAfter"))
    words = visible(str(answer.get("words") or "the service did not take it"))
    return Outcome(False, words[:_MOST_OF_WORDS])


async def _ask(request: dict[str, Any], seconds: float) -> dict[str, Any] | None:
    """The answer of a new process; None without one."""
    try:
        found = orjson.loads(await _output(orjson.dumps(request), seconds))
    except (OSError, TimeoutError, orjson.JSONDecodeError):
        return None  # Also if no process could be started.
    return found if isinstance(found, dict) else None


async def _output(request: bytes, seconds: float) -> bytes:
    """What a new process writes. Raises OSError and TimeoutError."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-s", "-P", "-m", _MODULE,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL, cwd="/", env=_environment(),
    )  # fmt: skip
    try:
        async with asyncio.timeout(seconds):
            return (await process.communicate(request))[0]
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


def _environment() -> dict[str, str]:
    """All variables of the other process."""
    return {"PATH": os.defpath, "LANG": "C.UTF-8", "PYTHONPATH": os.pathsep.join(_CODE)}
