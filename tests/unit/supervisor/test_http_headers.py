"""Headers without the package for e-mail are read as with it."""

from __future__ import annotations

import subprocess
import sys
from email.message import Message as MailMessage
from email.parser import Parser as MailParser

import pytest
from hypothesis import given
from hypothesis import strategies as st
from report_stand_in import report_stand_in

from trainyard_supervisor.http_headers import Parser

NAMES = st.sampled_from(["Content-Length", "content-length", "Retry-After", "X-A", "Connection"])
VALUES = st.text("abc 019;=,:", max_size=12)
HEADS = st.lists(st.tuples(NAMES, VALUES), max_size=6)


@given(fields=HEADS)
def test_the_fields_are_those_that_the_package_reads(fields: list[tuple[str, str]]) -> None:
    text = "".join(f"{name}: {value}\r\n" for name, value in fields) + "\r\n"
    own, of_mail = Parser().parsestr(text), MailParser(MailMessage).parsestr(text)
    for name in ("content-length", "Content-Length", "retry-after", "x-a", "connection", "none"):
        wanted = [value.strip() for value in of_mail.get_all(name, [])]
        assert own.get_all(name, []) == wanted
        assert own.get(name, "-") == (wanted[0] if wanted else "-")
        assert (name in own) == bool(wanted)


ANSWERS = [
    pytest.param([], "{'sequence': 1, 'duplicate': False}", id="accepted"),
    pytest.param([503], "NotDeliveredError", id="later"),
    pytest.param([422], "RejectedError", id="refused"),
]


@pytest.mark.parametrize(("answers", "said"), ANSWERS)
def test_reports_are_sent_and_answers_read_without_it(answers: list[int], said: str) -> None:
    source = """
import sys
from trainyard_supervisor import http_headers
http_headers.stand_in()
import pathlib, tempfile
from trainyard.reporting.transport import GatewayTransport
token = pathlib.Path(tempfile.mkdtemp(), "token")
token.write_text("t")
body = b'{"sessionUid": "u", "attempt": 1, "stream": "s", "sequence": 1}'
transport = GatewayTransport(sys.argv[1], token)
try:
    print(transport.post("/report/batches", body))
except Exception as error:
    print(type(error).__name__)
assert "email.feedparser" not in sys.modules
"""
    with report_stand_in() as gateway:
        gateway.answers = answers
        done = subprocess.run(
            [sys.executable, "-c", source, gateway.url], capture_output=True, text=True, timeout=120
        )
    assert (done.returncode, done.stdout.strip()) == (0, said), done.stderr
