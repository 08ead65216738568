"""The documentation's pictures of chats are what the bot says today."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

import chats
import pytest

PICTURES = Path(__file__).resolve().parents[3] / "docs" / "pictures"
_CURVE = re.compile(r"base64,[A-Za-z0-9+/=]+")
"""Its bytes depend on the version of the library that draws it."""


@pytest.mark.parametrize(("name", "svg"), chats.pictures().items(), ids=chats.pictures())
def test_the_pictures_of_the_documentation_are_these_chats(name: str, svg: str) -> None:
    found = (PICTURES / name).read_text()

    assert _CURVE.sub("", found) == _CURVE.sub("", svg), (
        "draw again: python tests/support/chats.py docs/pictures"
    )
    assert ElementTree.fromstring(found).tag.endswith("svg")


def test_no_line_leaves_its_bubble() -> None:
    for said in (one for chat in chats.chats().values() for one in chat):
        for line in chats.wrapped(said.text):
            assert sum(piece.width for piece in line) <= chats.BUBBLE - 2 * chats.PADDING
