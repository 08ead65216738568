"""No token and no key in logs, tracebacks and messages."""

from __future__ import annotations

import io
import logging

import pytest

from trainyard_bot.redaction import RedactingFormatter, Redactor

TOKEN = "123456789:AAcanary-canary_canary-canary_canary1"
KEY = "tyk_canaryKEY+/with=odd%characters"


@pytest.mark.parametrize(
    "text",
    [
        f"GET https://api.telegram.org/bot{TOKEN}/getMe",
        f"https://x/bot{TOKEN.replace(':', '%3A')}/getMe",
        "another bot's 987654321:BBsome-other_token-some-other_token",
        f"key={KEY}",
        "key=tyk_canaryKEY%2B%2Fwith%3Dodd%25characters",
        f"{{'authorization': 'Bearer {KEY}'}}",
        "authorization: bearer abcdefgh.canary",
    ],
    ids=[
        "token in a URL",
        "token with %3A",
        "another bot's token",
        "key",
        "quoted key",
        "header",
        "bearer",
    ],
)
def test_secrets_are_masked(text: str) -> None:
    clean = Redactor((TOKEN, KEY))(text)

    assert "canary" not in clean
    assert "some-other" not in clean
    assert "[redacted]" in clean


def test_what_is_no_secret_stays() -> None:
    text = "step 12: loss 0.5 at 12:30:45, chat 123456789"
    assert Redactor((TOKEN, ""))(text) == text
    assert Redactor()(text) == text
    assert TOKEN not in repr(Redactor((TOKEN,)))


def test_tracebacks_are_redacted() -> None:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(RedactingFormatter(logging.Formatter("%(message)s"), Redactor((KEY,))))
    log = logging.Logger("canary")
    log.addHandler(handler)
    try:
        raise RuntimeError(f"failed at https://api.telegram.org/bot{TOKEN}/x with {KEY}")
    except RuntimeError:
        log.exception("url %s", f"/bot{TOKEN}/")

    assert "Traceback" in stream.getvalue()
    assert "canary" not in stream.getvalue()
