"""Values of Secrets in a stream of bytes that comes in pieces."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainyard.reporting.secret_mask import SecretMask
from trainyard_supervisor.output.masked_stream import HOLD_SECONDS, MaskedStream

VALUE = b"canary-5f1c"
MASK = SecretMask([VALUE, b"canary-5f1c-longer", b"5f1c-ends"])


def shown(*pieces: bytes, mask: SecretMask = MASK) -> bytes:
    stream = MaskedStream(mask, 0.0)
    return b"".join(stream.feed(piece, 0.0) for piece in pieces) + stream.rest()


PIECES = [
    pytest.param([b"a canary-5f1c b\n"], b"a *** b\n", id="one piece"),
    pytest.param([b"a cana", b"ry-5f1c b\n"], b"a *** b\n", id="two pieces"),
    pytest.param([bytes([byte]) for byte in b"a canary-5f1c b"], b"a *** b", id="each byte"),
    pytest.param([b"canary-5f1c", b"-longer!"], b"***!", id="a longer one that begins the same"),
    pytest.param([b"canary-5f1c", b"-long"], b"***-long", id="only the shorter one comes"),
    pytest.param([b"canary-5f1c-end", b"s\n"], b"***-ends\n", id="two that overlap"),
    pytest.param([b"cana", b"ries\n"], b"canaries\n", id="another word"),
    pytest.param([b"cana\n", b"ry-5f1c\n"], b"cana\nry-5f1c\n", id="a line between"),
    pytest.param([b"50%\rcanary-5f", b"1c\r"], b"50%\r***\r", id="carriage returns"),
    pytest.param([b"x canary-5f"], b"x ***", id="most of it at the end"),
    pytest.param([b"x cana"], b"x cana", id="some of it at the end"),
]


RED, RESET = b"\x1b[31m", b"\x1b[0m"
PIECES += [
    pytest.param([b"a can" + RED + b"ary-5f1c b\n"], b"a ***" + RED + b" b\n", id="a colour in it"),
    pytest.param([RED + VALUE + RESET], RED + b"***" + RESET, id="colours around it"),
    pytest.param(
        [RESET.join(bytes([byte]) for byte in VALUE)], b"***" + RESET * 10, id="a colour per byte"
    ),
    pytest.param([b"cana\x1b[3", b"1mry-5f1c"], b"***\x1b[31m", id="cut in a colour"),
    pytest.param(
        [b"cana\x1b", b"[31mry-5", RED + b"f1c"], b"***" + RED * 2, id="cut in two colours"
    ),
    pytest.param([b"canary-5\x1b[3"], b"***", id="half of a colour at the end"),
    pytest.param(
        [b"cana" + RED + b"ries\n"], b"cana" + RED + b"ries\n", id="another coloured word"
    ),
    pytest.param([b"\x1b[canary", b"-5f1c"], b"\x1b[***", id="what looks like a colour"),
]


@pytest.mark.parametrize(("pieces", "expected"), PIECES)
def test_pieces(pieces: list[bytes], expected: bytes) -> None:
    assert shown(*pieces) == expected


@given(
    st.lists(st.sampled_from([VALUE, b"canary", b"-5f1c", b"c", b"\n", b" ", b"\xff"])), st.data()
)
def test_however_it_is_cut_the_same_is_shown(words: list[bytes], data: st.DataObject) -> None:
    whole = b"".join(words)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=6)))
    places = [0, *cuts, len(whole)]
    pieces = [whole[a:b] for a, b in zip(places, places[1:], strict=False)]
    found = shown(*pieces)
    assert VALUE not in found
    assert found == shown(whole)


@given(
    st.lists(
        st.sampled_from([VALUE[:3], VALUE[3:], VALUE, RED, RESET, b"\x1b[", b"\x1b", b"c", b"\n"])
    ),
    st.data(),
)
def test_no_value_with_colours_is_shown_however_it_is_cut(
    words: list[bytes], data: st.DataObject
) -> None:
    whole = b"".join(words)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=6)))
    places = [0, *cuts, len(whole)]
    pieces = [whole[a:b] for a, b in zip(places, places[1:], strict=False)]

    found = shown(*pieces)

    assert VALUE not in found
    assert VALUE not in re.sub(rb"\x1b\[[0-?]*[ -/]*[@-~]", b"", found)
    if VALUE not in re.sub(rb"\x1b\[[0-?]*[ -/]*[@-~]", b"", whole) and VALUE not in whole:
        # The half of a value may stand at the end.
        assert found == whole or found.endswith(b"***")


def test_endless_colours_in_a_value_hold_little_back() -> None:
    stream = MaskedStream(MASK, 0.0)
    given = len(b"can")
    out = len(stream.feed(b"can", 0.0))
    for _ in range(100):
        out += len(stream.feed(RED * 1000, 0.0))
        given += 1000 * len(RED)
        assert given - out < 100 << 10


def test_what_waits_is_shown_after_a_while() -> None:
    stream = MaskedStream(MASK, 0.0)
    assert stream.feed(b"name: can", 1.0) == b"name: "
    assert stream.wake() == 1.0 + HOLD_SECONDS
    assert stream.settle(5.0) == b""
    assert stream.settle(1.0 + HOLD_SECONDS) == b"can"
    assert stream.wake() is None


def test_without_secrets_nothing_waits() -> None:
    stream = MaskedStream(SecretMask(), 0.0)
    assert stream.feed(b"canary-5f", 0.0) == b"canary-5f"
    assert stream.affords(1 << 40, 0.0)


def test_how_much_is_looked_at_is_bounded() -> None:
    stream = MaskedStream(MASK, 0.0)
    chunk = b"x" * (10 << 20)
    taken = 0
    while stream.affords(len(chunk), 0.0) and taken < 1000:
        stream.feed(chunk, 0.0)
        taken += 1
    assert 0 < taken < 1000
    assert stream.affords(len(chunk), 10.0)
