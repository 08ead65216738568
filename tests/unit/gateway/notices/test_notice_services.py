"""Services that Apprise knows: real messages by their protocols to small servers on this machine."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import threading
from collections.abc import Awaitable, Iterable
from email import message_from_string
from email.header import decode_header, make_header
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from mail_server import MailServer
from tls_server import TlsServer
from webhook_receiver import Answer, WebhookReceiver

from trainyard_gateway.notices import message
from trainyard_gateway.notices.sending import Outcome
from trainyard_gateway.notices.services import process
from trainyard_gateway.notices.services.guard import may_open, refused_address
from trainyard_gateway.notices.services.known_hosts import instead
from trainyard_gateway.notices.services.process import RefusedService
from trainyard_gateway.notices.services.texts import MOST_OF_TEXT, title_and_text

INTERNAL = ["127.0.0.1"]
FAILURE = json.dumps(
    {
        "type": "session.failure",
        "timestamp": "2026-11-30T12:00:00Z",
        "data": {"session": "digits", "attempt": 2, "class": "OutOfMemory", "message": "<b>no"},
    }
)


async def sent(url: str, seconds: float = process.SECONDS, body: str = FAILURE) -> Outcome:
    return await process.send(url, body, INTERNAL, seconds)


def stand_in(answer: Answer = (200, {})) -> WebhookReceiver:
    """Takes what a service of HTTP would get."""
    return WebhookReceiver(lambda _, __: answer, identity=lambda _, __: "one")


async def test_a_message_arrives_by_json_by_ntfys_protocol_and_by_mail() -> None:
    with stand_in() as by_json, stand_in() as ntfy, MailServer() as mail:
        found = await asyncio.gather(
            sent(f"json://127.0.0.1:{by_json.port}/hooks/1"),
            sent(f"ntfy://127.0.0.1:{ntfy.port}/lab-topic"),
            sent(mail.url),
        )
    assert [outcome.delivered for outcome in found] == [True, True, True], found
    [[_, as_json]], [[_, as_ntfy]] = by_json.messages.values(), ntfy.messages.values()
    title = "digits: attempt 2 failed, OutOfMemory"
    assert json.loads(as_json)["title"] == title
    assert json.loads(as_ntfy)["topic"] == "lab-topic"
    assert json.loads(as_ntfy)["title"] == title
    for found_text in (json.loads(as_json)["message"], json.loads(as_ntfy)["message"]):
        assert "message: <b>no" in found_text
        assert "at 2026-11-30T12:00:00Z" in found_text
    [letter] = mail.messages
    assert str(make_header(decode_header(message_from_string(letter)["Subject"]))) == title


@pytest.mark.parametrize(
    ("answer", "wanted"),
    [
        pytest.param(
            (429, {"Retry-After": "77"}), Outcome(False, "answered 429", retry_after=77.0), id="429"
        ),
        pytest.param((500, {}), Outcome(False, "answered 500"), id="error"),
        pytest.param((410, {}), Outcome(False, "answered 410", final=True), id="gone"),
    ],
)
async def test_an_answer_means_the_same_as_that_of_a_webhook(
    answer: Answer, wanted: Outcome
) -> None:
    with stand_in(answer) as server:
        assert await sent(f"json://127.0.0.1:{server.port}/") == wanted


async def test_why_a_message_did_not_arrive_is_said_without_secrets(tmp_path: Path) -> None:
    with TlsServer(tmp_path, (-1, 1)) as tls, MailServer("550 no such user") as mail:
        port = tls.url.rpartition(":")[2]
        wrong, refused, closed = await asyncio.gather(
            sent(f"jsons://ada:password@127.0.0.1:{port}/hooks-secret"),
            sent(mail.url),
            sent("json://ada:password@127.0.0.1:1/hooks-secret"),
        )
    assert wrong == Outcome(False, "the certificate of the service is not valid")
    assert not refused.delivered
    assert not closed.delivered
    assert closed.words
    said = f"{wrong.words} {refused.words} {closed.words}"
    assert not any(word in said for word in ("password", "hooks-secret"))


async def test_a_service_that_hangs_is_left() -> None:
    def hang(_: str, __: int) -> None:
        release.wait()

    release = threading.Event()
    with WebhookReceiver(hang, identity=lambda _, __: "one") as server:
        outcome = await sent(f"json://127.0.0.1:{server.port}/?rto=60", seconds=4)
        release.set()
    assert outcome == Outcome(False, "no answer within 4 s, or more than was accepted")


async def test_a_redirect_into_the_network_is_not_followed() -> None:
    with stand_in() as inside:
        place = f"http://127.0.0.2:{inside.port}/"
        with stand_in((307, {"Location": place})) as server:
            outcome = await sent(f"json://127.0.0.1:{server.port}/")
    assert "inside of this network" in outcome.words
    assert inside.messages == {}


REFUSED = {
    "json://localhost/": "inside of this network",
    "json://[::1]/": "inside of this network",
    "json://2130706433/": "inside of this network",
    "jsons://169.254.169.254/latest": "link-local",
    "xml://10.0.0.1/": "inside of this network",
    "ntfys://ada:password@192.168.0.1/topic": "inside of this network",
    "gotifys://10.0.0.1/token0123456789": "inside of this network",
    "mailtos://ada:password@lab.example?smtp=10.0.0.1&from=a@lab.example": "inside of this network",
    "mailto://ada:password@lab.example?mode=insecure&from=a@lab.example": "with TLS only",
    "jsons://127.0.0.1/?verify=no": "verify=no is not allowed",
    "tgram://123456789:abcdefg_hijklmnop/1/2": "names 2 targets",
    "jsons://93.184.216.34:6379/": "the port 6379 is not allowed",
    "json://93.184.216.34:443/": "write the scheme with TLS, often jsons://",
    "syslog://": "for the machine that sends",
    "dbus://": "for the machine that sends",
    "tgrm://x": "did you mean tgram://?",
    "file:///etc/passwd": "is no service",
    "tgram://x": "has not the form that Telegram needs",
}


async def each(asked: Iterable[Awaitable[Any]]) -> list[Any]:
    """The results of all, three at a time."""
    room = asyncio.Semaphore(3)

    async def one(what: Awaitable[Any]) -> Any:
        async with room:
            return await what

    return await asyncio.gather(*(one(what) for what in asked), return_exceptions=True)


async def test_urls_that_are_refused() -> None:
    found = await each(process.shown(url, INTERNAL) for url in REFUSED)
    wrong = [
        (url, got)
        for (url, words), got in zip(REFUSED.items(), found, strict=True)
        if not isinstance(got, RefusedService) or words not in str(got)
    ]
    assert wrong == []
    assert not any("password" in str(got) for got in found)


SHOWN = {
    "tgram://123456789:abcdefg_hijklmnop/12315544/": "abcdefg",
    "discord://123456789012345678/abcdefghijklmnopqrstuv": "abcdefghij",
    "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/#lab": "TIiajk",
    "mailtos://ada:password@gmail.com": "password",
    "ntfy://lab-topic": "?",
    "pover://user12345678901234567890123456@token123456789012345678901234567": "token12",
    "json://ada:password@127.0.0.1/?+X-Token=secret-token": "secret-token",
}


async def test_urls_are_shown_without_their_secrets() -> None:
    found = await each(process.shown(url, INTERNAL) for url in SHOWN)
    for (url, secret), got in zip(SHOWN.items(), found, strict=True):
        assert isinstance(got, str), (url, got)
        assert got.partition("://")[0].rstrip("s") == url.partition("://")[0].rstrip("s")
        assert secret not in got
        assert "password" not in got


ATTEMPTS = """
import os, socket, subprocess, sys
from trainyard_gateway.notices.services.guard import Guard, Refused
Guard(["127.0.0.9"]).install()
def connect(kind, address, family=socket.AF_INET):
    with socket.socket(family, kind) as s: s.connect(address)
tries = {
    "read": lambda: open("/etc/passwd"), "write": lambda: open(sys.prefix + "/x", "w"),
    "by-link": lambda: open("/proc/self/environ"), "run": lambda: subprocess.run(["true"]),
    "system": lambda: os.system("true"), "fork": os.fork,
    "loopback": lambda: connect(socket.SOCK_STREAM, ("127.0.0.1", 443)),
    "by-name": lambda: connect(socket.SOCK_STREAM, ("localhost", 443)),
    "mapped": lambda: connect(socket.SOCK_STREAM, ("::ffff:127.0.0.1", 443), socket.AF_INET6),
    "port": lambda: connect(socket.SOCK_STREAM, ("93.184.216.34", 25)),
    "datagram": lambda: connect(socket.SOCK_DGRAM, ("93.184.216.34", 443)),
    "unix": lambda: connect(socket.SOCK_STREAM, "/run/x", socket.AF_UNIX),
    "listen": lambda: socket.socket().bind(("127.0.0.1", 0)),
    "named": lambda: connect(socket.SOCK_STREAM, (socket.getaddrinfo("127.0.0.9", 1)[0][4][0], 1)),
    "own-code": lambda: open(os.__file__).close(),
}
for name, attempt in tries.items():
    try: attempt(); print(name, "done")
    except Refused: print(name, "refused")
    except OSError: print(name, "tried")
"""


def test_the_guard_of_a_process_refuses_what_the_process_must_not_do() -> None:
    ran = subprocess.run(
        [sys.executable, "-c", ATTEMPTS], capture_output=True, text=True, check=True
    )
    found = dict(line.split() for line in ran.stdout.splitlines())
    assert {name for name, what in found.items() if what != "refused"} == {"named", "own-code"}
    assert len(found) == 15
    assert found["named"] == "tried", "the address of a host that the administrator allows"


@pytest.mark.parametrize(
    ("address", "port", "named", "words"),
    [
        pytest.param("93.184.216.34", 443, False, None, id="https"),
        pytest.param("93.184.216.34", 587, False, None, id="mail"),
        pytest.param("93.184.216.34", 80, False, "the port 80", id="http"),
        pytest.param("10.0.0.1", 443, False, "inside of this network", id="private"),
        pytest.param("10.0.0.1", 8080, True, None, id="private-and-named"),
        pytest.param("169.254.169.254", 443, True, "link-local", id="metadata-and-named"),
    ],
)
def test_addresses(address: str, port: int, named: bool, words: str | None) -> None:
    why = refused_address(ip_address(address), port, named)
    assert (why is None) if words is None else (why is not None and words in why)


@pytest.mark.parametrize(
    ("path", "flags", "allowed"),
    [
        pytest.param("/opt/code/a.py", os.O_RDONLY, True, id="own-code"),
        pytest.param("/opt/code", os.O_RDONLY, True, id="the-folder"),
        pytest.param("/opt/codes", os.O_RDONLY, False, id="a-name-that-begins-alike"),
        pytest.param("/opt/code/a.py", os.O_WRONLY | os.O_CREAT, False, id="to-write"),
        pytest.param("/var/run/secrets/token", os.O_RDONLY, False, id="a-secret"),
        pytest.param("/dev/null", os.O_RDWR, True, id="nowhere"),
    ],
)
def test_files(path: str, flags: int, allowed: bool) -> None:
    assert may_open(path, flags, ("/opt/code", "/dev/null")) is allowed


def body(what: str, **data: Any) -> str:
    return json.dumps({"type": what, "timestamp": "2026-11-30T12:00:00Z", "data": data})


@pytest.mark.parametrize(
    ("found", "title"),
    [
        pytest.param(body("session.phase", session="a", phase="Failed"), "a: Failed", id="phase"),
        pytest.param(
            body("session.metric", session="a", metric="loss", value="nan"), "a: loss is nan",
            id="metric",
        ),
        pytest.param(
            body("session.stalled", session="a", secondsWithoutStep=600), "a: no step for 600 s",
            id="stalled",
        ),
        pytest.param(body("session.starts-soon", session="a"), "a: starts soon", id="soon"),
        pytest.param(
            body("budget.spent", kind="team", name="v", spentGpuHours=9, gpuHours=8),
            "Budget of the team v: 9 of 8 GPU-hours are spent", id="budget",
        ),
        pytest.param(message.trial("lab", 0.0), "A trial of the receiver lab", id="trial"),
        pytest.param(body("session.new-kind", session="a"), "session.new-kind a", id="newer"),
    ],
)  # fmt: skip
def test_titles(found: str, title: str) -> None:
    assert title_and_text(found)[0] == title


def test_the_text_of_a_digest_is_bounded_and_says_what_it_does_not_show() -> None:
    bodies = [body("session.phase", session=f"s{n}", phase="F" * 900) for n in range(150)]
    title, text = title_and_text(message.digest(bodies, 7, 0.0))
    assert title == "150 notices"
    assert len(text) <= MOST_OF_TEXT
    lines = text.splitlines()
    shown = [line for line in lines if " s" in line and "F" in line]
    assert f"and {150 - len(shown)} more; `trainyard notices sent` lists them" in lines
    assert lines[-1] == "7 further ones were dropped, since too many waited"
    few = title_and_text(message.digest(bodies[:2], 0, 0.0))[1].splitlines()
    assert len(few) == 2


@pytest.mark.parametrize(
    ("host", "scheme"),
    [
        pytest.param("discord.com", "discord", id="discord"),
        pytest.param("hooks.slack.com", "slack", id="slack"),
        pytest.param("lab.webhook.office.com", "msteams", id="of-a-customer"),
        pytest.param("hooks.example.com", None, id="another"),
        pytest.param("notdiscord.com", None, id="ends-alike"),
    ],
)
def test_hosts_of_services_take_no_webhooks(host: str, scheme: str | None) -> None:
    assert instead(host) == scheme
