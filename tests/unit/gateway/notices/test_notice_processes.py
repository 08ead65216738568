"""The process that asks a service: that it starts as in an image, and that what it takes is bounded."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import venv
from pathlib import Path

import orjson
import pytest
from webhook_receiver import Answer, WebhookReceiver

import trainyard_api
import trainyard_gateway
from trainyard_gateway.notices.sending import Outcome
from trainyard_gateway.notices.services import child, process

BODY = json.dumps({"type": "notice.test", "timestamp": "2026-11-30T12:00:00Z", "data": {}})
CODE = [str(Path(p.__path__[0]).parent) for p in (trainyard_gateway, trainyard_api)]
SHOWN = """
import asyncio
from trainyard_gateway.notices.services import process
print(asyncio.run(process.shown("json://127.0.0.1/", ["127.0.0.1"])))
"""
FULL = f"""
import asyncio, resource
from trainyard_gateway.notices.services import process
async def main():
    resource.setrlimit(resource.RLIMIT_NOFILE, (8, 8))
    print((await process.send("json://127.0.0.1/", {BODY!r}, [], 5)).words)
asyncio.run(main())
"""


def test_it_starts_where_our_code_is_not_installed_as_in_the_images(tmp_path: Path) -> None:
    """There, PYTHONPATH names our code, and the environment holds what others made."""
    venv.create(tmp_path / "venv", symlinks=True)
    folder = next((tmp_path / "venv").glob("lib/python3*/site-packages"))
    # Packages of others, without the links to ours that this folder holds for Python's start.
    (folder / "others.pth").write_text(f"{Path(orjson.__file__).parents[1]}\n")
    ran = subprocess.run(
        [tmp_path / "venv" / "bin" / "python", "-c", SHOWN], capture_output=True, text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(CODE)}, check=False,
    )  # fmt: skip
    assert (ran.stdout.strip(), ran.stderr) == ("json://127.0.0.1/", "")


def test_if_no_process_can_be_started_nothing_is_sent_and_that_is_said() -> None:
    ran = subprocess.run([sys.executable, "-c", FULL], capture_output=True, text=True, check=True)
    assert ran.stdout.startswith("no answer")


def answered(url: str) -> bytes:
    """What the process answers after a message to this URL."""
    request = {"url": url, "internal": ["127.0.0.1"], "title": "t", "text": "x"}
    command = [sys.executable, "-m", child.__name__]
    sent = json.dumps(request).encode()
    return subprocess.run(command, input=sent, capture_output=True, check=True).stdout


def service(answer: Answer, text: bytes = b"") -> WebhookReceiver:
    return WebhookReceiver(lambda _, __: answer, identity=lambda _, __: "one", text=text)


def test_an_answer_is_bounded_also_if_the_service_wrote_its_reason() -> None:
    with service((500, {}), json.dumps({"error": "x" * 300_000}).encode()) as server:
        found = answered(f"ntfy://127.0.0.1:{server.port}/topic")
    assert len(found) < 2 * child.MOST_OF_WORDS
    assert json.loads(found)["status"] == 500


def test_a_service_that_answers_with_more_than_fits_has_not_taken_the_message() -> None:
    with service((200, {}), b"x" * child.MOST_BYTES) as server:
        ran = subprocess.run(
            [sys.executable, "-m", child.__name__], capture_output=True, check=False,
            input=json.dumps(
                {"url": f"json://127.0.0.1:{server.port}/", "internal": ["127.0.0.1"],
                 "title": "t", "text": "x"}
            ).encode(),
        )  # fmt: skip
    assert b'"delivered":true' not in ran.stdout


async def test_a_failure_that_the_url_calls_optional_is_a_failure() -> None:
    with service((500, {})) as server:
        url = f"json://127.0.0.1:{server.port}/?optional=yes"
        outcome = await process.send(url, BODY, ["127.0.0.1"])
    assert outcome == Outcome(False, "answered 500")


@pytest.mark.parametrize("words", ["a\0b", "a\x1b[2Jb", "a\nb"], ids=["null", "terminal", "lines"])
def test_what_a_service_says_is_one_visible_line(words: str) -> None:
    found = process.read({"delivered": False, "words": words}, 1.0).words
    assert found.isprintable()
    assert found.startswith("a")
