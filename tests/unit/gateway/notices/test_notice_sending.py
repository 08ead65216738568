"""Decisions about sending: addresses, answers, pauses, signatures."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import ipaddress

import pytest

from trainyard_gateway.errors import Unprocessable
from trainyard_gateway.notices import address, signature
from trainyard_gateway.notices.address import RefusedAddress
from trainyard_gateway.notices.schedule import LONGEST_RETRY_AFTER, PAUSES, SPREAD, next_try
from trainyard_gateway.notices.sending import outcome

INTERNAL = frozenset({"hooks.lab.example", "10.0.0.7"})


@pytest.mark.parametrize(
    ("text", "global_", "named"),
    [
        ("93.184.216.34", True, True), ("2606:2800:220:1::1", True, True),
        ("127.0.0.1", False, True), ("::1", False, True), ("10.1.2.3", False, True),
        ("172.16.0.1", False, True), ("192.168.1.1", False, True), ("100.64.0.1", False, True),
        ("100.100.100.200", False, False), ("fd00::1", False, True), ("192.0.2.1", False, True),
        ("0.0.0.0", False, False), ("::", False, False), ("169.254.169.254", False, False),
        ("fe80::1", False, False), ("224.0.0.1", False, False), ("ff02::1", False, False),
        ("168.63.129.16", False, False), ("::ffff:127.0.0.1", False, True),
        ("::ffff:169.254.169.254", False, False), ("64:ff9b::7f00:1", False, True),
        ("64:ff9b::a9fe:a9fe", False, False), ("2002:7f00:1::", False, True),
        ("64:ff9b::5db8:d822", True, True), ("255.255.255.255", False, True),
        ("fec0::2", False, True), ("::10.0.0.1", False, True), ("::ffff:0:10.0.0.1", False, True),
        ("::169.254.169.254", False, False), ("64:ff9b:1::a00:1", False, True),
        ("a000::1", False, True), ("3fff::1", False, True), ("5f00::1", False, True),
        ("192.0.0.192", False, False), ("192.0.0.8", False, True), ("fd00:ec2::254", False, False),
    ],
)  # fmt: skip
def test_addresses(text: str, global_: bool, named: bool) -> None:
    found = ipaddress.ip_address(text)
    assert (address.refusal(found, False) is None) is global_
    assert (address.refusal(found, True) is None) is named


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("https://hooks.example/x", None),
        ("https://hooks.lab.example:8443/x", None),
        ("http://hooks.lab.example/x", None),
        ("http://HOOKS.lab.example./x", None),
        ("http://10.0.0.7:8080/", None),
        ("http://hooks.example/x", "use https"),
        ("https://hooks.example:6379/x", "names the port"),
        ("https://ada:secret@hooks.example/", "user or a password"),
        ("ftp://hooks.example/", "not https"),
        ("https:///x", "not https"),
        ("file:///etc/passwd", "not https"),
        ("gopher://10.0.0.7/", "not https"),
        ("hooks.example", "not https"),
        pytest.param("https://" + "a" * 2050, "not https", id="too-long"),
        ("https://[::1", "not https"),
    ],
)
def test_urls(url: str, words: str | None) -> None:
    if words is None:
        assert address.parse(url, INTERNAL).host
        return
    with pytest.raises(Unprocessable) as refused:
        address.parse(url, INTERNAL)
    assert words in refused.value.detail


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "localhost", "0.0.0.0", "[::1]", "127.1", "2130706433", "0x7f.1", "017700000001"],
)
def test_no_spelling_of_this_machine_is_resolved(host: str) -> None:
    with pytest.raises((RefusedAddress, OSError)):
        asyncio.run(address.resolve(address.parse(f"https://{host}/", INTERNAL), INTERNAL))


@pytest.mark.parametrize(
    ("status", "asked", "delivered", "final", "pause"),
    [
        (200, None, True, False, None), (204, None, True, False, None),
        (302, None, False, False, None), (400, None, False, False, None),
        (410, None, False, True, None), (429, "30", False, False, 30.0),
        (429, "soon", False, False, None), (503, "9" * 12, False, False, None),
        (500, None, False, False, None),
    ],
)  # fmt: skip
def test_answers(
    status: int, asked: str | None, delivered: bool, final: bool, pause: float | None
) -> None:
    found = outcome(status, asked)
    assert (found.delivered, found.final, found.retry_after) == (delivered, final, pause)
    assert delivered or str(status) in found.words


def test_pauses_grow_for_more_than_a_day_and_end() -> None:
    for tries, pause in enumerate(PAUSES, 1):
        at = next_try("msg", tries, 1000.0)
        assert at is not None
        assert pause <= at - 1000.0 <= pause * (1 + SPREAD)
    assert sum(PAUSES) > 86_400
    assert next_try("msg", len(PAUSES) + 1, 1000.0) is None
    assert next_try("one", 3, 0.0) != next_try("two", 3, 0.0)


@pytest.mark.parametrize(
    ("asked", "least"), [(None, 5.0), (1.0, 5.0), (900.0, 900.0), (1e9, LONGEST_RETRY_AFTER)]
)
def test_a_receiver_may_ask_for_a_longer_pause(asked: float | None, least: float) -> None:
    at = next_try("msg", 1, 0.0, asked)
    assert at is not None
    assert least <= at <= least * (1 + SPREAD)


def test_a_message_is_signed_as_standard_webhooks_says() -> None:
    """The example of the specification's libraries."""
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    found = signature.headers(
        secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}'
    )
    assert found["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    made = signature.new_secret()
    key = base64.b64decode(made.removeprefix("whsec_"))
    signed = hmac.digest(key, b"msg_1.5.{}", hashlib.sha256)
    expected = f"v1,{base64.b64encode(signed).decode()}"
    assert len(key) == 32
    assert signature.headers(made, "msg_1", 5, b"{}")["webhook-signature"] == expected
