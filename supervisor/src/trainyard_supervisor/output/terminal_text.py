"""What a terminal would show of a piece of output: without escapes and overwritten text. Pure."""

from __future__ import annotations

import re

_ESCAPES = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]"  # CSI: colours, movements, clearing
    r"|\x1b[\]P^_X][^\x07\x1b]*(?:\x07|\x1b\\)?"  # OSC and other strings: titles, links
    r"|\x1b(?:\[[0-?]*)?[ -/]*$"  # cut off
    r"|\x1b[ -/]*[0-Z\\^-~]"  # two or three characters, such as the choice of a character set
    r"|\x07"
)


def plain(text: str) -> str:
    """`text` without escapes of terminals; a backspace takes the character before it away."""
    if "\x1b" in text or "\x07" in text:
        text = _ESCAPES.sub("", text)
    return _without_backspaces(text) if "\b" in text else text


def _without_backspaces(text: str) -> str:
    kept: list[str] = []
    for part in text.split("\b"):
        if kept:
            kept.pop()
        kept.extend(part)
    return "".join(kept)
