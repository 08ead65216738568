"""Names and log lines of others are shown as text that hides nothing."""

from __future__ import annotations

import pytest
from web_functions import WebFunctions


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\u202egnp.exe", "\\u{202e}gnp.exe"),
        ("a\u200bb\u00adc", "a\\u{200b}b\\xadc"),
        ("\x00\x1b[31m", "\\x00\\x1b[31m"),
        ("\ud800", "\\u{d800}"),
        ("\U000e0041", "\\u{e0041}"),
        ("é 漢字 😀 e\u0301", "é 漢字 😀 e\u0301"),
    ],
    ids=["direction", "no width", "control", "half a pair", "tag", "letters"],
)
def test_hidden_characters_are_escapes(web: WebFunctions, text: str, shown: str) -> None:
    assert web.call("text/visible", "visible", text) == shown


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("plain", [["plain", ""]]),
        ("\x1b[31mred\x1b[0m rest", [["red", "a1"], [" rest", ""]]),
        ("\x1b[1;92mgood\x1b[39m.", [["good", "a2"], [".", ""]]),
        ("\x1b[38;5;196mx", [["x", ""]]),
        ("\x1b[2K\x1b[1Gx\x1b]0;title\x07", [["x\\x1b]0;title\\x07", ""]]),
        ("10 %\r20 %\r", [["20 %", ""]]),
        ("a\tb", [["a    b", ""]]),
        ("\x1b[31m<b>\u202e", [["<b>\\u{202e}", "a1"]]),
        ("", []),
    ],
    ids=["plain", "colour", "bold and bright", "another palette", "no colours", "progress", "tab",
         "hostile", "empty"],
)  # fmt: skip
def test_a_log_line_looks_as_in_a_terminal(
    web: WebFunctions, text: str, pieces: list[list[str]]
) -> None:
    found = web.call("text/visible", "pieces", text)

    assert [[piece["text"], piece["style"]] for piece in found] == pieces
