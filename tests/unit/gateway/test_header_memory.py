"""A header takes a small part of its size while it is read."""

from __future__ import annotations

import json
import tracemalloc

from trainyard_gateway.files.json_header import LONGEST_STRING, HeaderText

MIB = 1 << 20


def test_a_text_that_is_too_long_is_passed_over_in_small_pieces() -> None:
    raw = json.dumps({"x": "y" * (15 * MIB), "z": "kept"}).encode()
    text = HeaderText(lambda size, at: raw[at : at + size], len(raw))

    tracemalloc.start()
    found = [(name, text.string()) for name in text.members()]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert found == [("x", None), ("z", "kept")]
    assert peak < LONGEST_STRING + MIB
