"""Text from outside is shown as one line in which nothing is hidden."""

from __future__ import annotations

import json
import unicodedata

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from trainyard_api.visible_text import checked_name, is_visible, visible, visible_json

ANY = st.text(
    st.one_of(
        st.characters(categories=["C", "Z", "M", "S", "L", "P", "N"]),
        st.sampled_from("\n\r\t\x1b\x85\u2028\u202e\u200b\u200c\u200d\u2060\ufeff\ufe0f\u20e3\u3164\ud800❤🔥کa1"),
    )
)  # fmt: skip
HIDDEN = {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}
JOINERS = "\u200c\u200d"


@settings(max_examples=1000)
@given(ANY)
@example("❤\ufe0f\u200d\u3164")
@example("a\ufe0f\u200d🔥")
def test_what_is_shown_is_one_line_without_hidden_characters(text: str) -> None:
    shown = visible(text)

    hidden = [c for c in shown if unicodedata.category(c) in HIDDEN and c not in JOINERS]
    assert hidden == []
    assert len(shown.splitlines()) <= 1
    assert shown.encode().decode() == shown
    assert visible(shown) == shown


@settings(max_examples=500)
@given(st.recursive(ANY, lambda inner: st.lists(inner) | st.dictionaries(ANY, inner), max_leaves=5))
def test_json_keeps_its_content(data: object) -> None:
    for indent in (None, 2):
        shown = visible_json(json.dumps(data, ensure_ascii=False, indent=indent))

        assert json.loads(shown) == data
        assert all(visible(line) == line for line in shown.split("\n"))


ESCAPES = {
    "line break": ("a\nb", "a\\nb"),
    "carriage return": ("a\r/stop", "a\\r/stop"),
    "terminal escape": ("\x1b[2J", "\\x1b[2J"),
    "next line": ("a\x85b", "a\\x85b"),
    "line separator": ("a\u2028b", "a\\u2028b"),
    "right to left": ("\u202eabc", "\\u202eabc"),
    "isolate": ("\u2066abc", "\\u2066abc"),
    "zero width space": ("a\u200bb", "a\\u200bb"),
    "word joiner": ("a\u2060b", "a\\u2060b"),
    "byte order mark": ("\ufeffa", "\\ufeffa"),
    "joiner in Latin": ("a\u200db", "a\\u200db"),
    "filler": ("a\u3164", "a\\u3164"),
    "tag": ("a\U000e0041", "a\\U000e0041"),
    "private": ("\ue000", "\\ue000"),
    "lone surrogate": ("\ud800", "\\ud800"),
    "noncharacter": ("\uffff", "\\uffff"),
    "soft hyphen": ("a\u00adb", "a\\xadb"),
}


@pytest.mark.parametrize(("text", "shown"), ESCAPES.values(), ids=ESCAPES)
def test_hidden_characters_are_escaped(text: str, shown: str) -> None:
    assert visible(text) == shown
    assert not is_visible(text)
    with pytest.raises(ValueError, match=r"a name has no .* this is '.*'$"):
        checked_name(text)


SEEN = {
    "plain": "train/loss",
    "accents": "Präzision é",
    "Persian": "می\u200cخواهم",
    "Telugu": "క్\u200cష",
    "family": "👩\u200d💻",
    "heart on fire": "❤\ufe0f\u200d🔥",
    "keycap": "1\ufe0f\u20e3",
    "Han": "损失",
}


@pytest.mark.parametrize("text", SEEN.values(), ids=SEEN)
def test_what_a_script_needs_stays(text: str) -> None:
    assert visible(text) == text
    assert checked_name(text) == text


@pytest.mark.parametrize("text", ["", " ", "\u00a0\u3000"], ids=["empty", "space", "wide spaces"])
def test_a_name_is_seen(text: str) -> None:
    with pytest.raises(ValueError, match="a character that is seen"):
        checked_name(text)


def test_megabytes_take_no_longer_than_their_length() -> None:
    assert len(visible("é\n" * 500_000)) == 1_500_000
