"""Names of files as URLs and other machines take them."""

from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainyard_api.files.names import address, from_address, parts_of, portable
from trainyard_api.visible_text import is_visible

NAMES = st.one_of(
    st.binary(min_size=1, max_size=40).map(lambda b: b.replace(b"/", b"_").replace(b"\0", b"_")),
    st.text("aA.%25C: \\\n\u202e<>|\"?*", min_size=1, max_size=8).map(str.encode),
).map(os.fsdecode)  # fmt: skip


@given(st.lists(NAMES, min_size=1, max_size=3))
def test_an_address_leads_to_its_path_and_is_ascii(names: list[str]) -> None:
    path = "/".join(names)

    assert from_address(address(path)) == path
    assert address(path).isascii()
    assert not set(address(path)) & set("?#&+ \"'<>\\")


@given(NAMES, NAMES, st.booleans())
def test_two_names_have_two_portable_names(one: str, other: str, windows: bool) -> None:
    assert (portable(one, windows) == portable(other, windows)) == (one == other)


@given(NAMES, st.booleans())
def test_a_portable_name_is_one_harmless_part_of_a_path(name: str, windows: bool) -> None:
    made = portable(name, windows)

    assert made not in ("", ".", "..")
    assert not set(made) & set("/\\\0")
    assert is_visible(made) or made.isspace()
    made.encode()
    if windows:
        assert not set(made) & set('<>:"|?*')
        assert made[-1] not in " ."


BECOME = [
    ("model.pt", "model.pt", "model.pt"),
    ("epoch=2-step=60.ckpt", "epoch=2-step=60.ckpt", "epoch=2-step=60.ckpt"),
    ("100%.txt", "100%.txt", "100%.txt"),
    ("a%41", "a%2541", "a%2541"),
    ("a\\b", "a%5Cb", "a%5Cb"),
    ("12:00", "12:00", "12%3A00"),
    ("NUL", "NUL", "%4EUL"),
    ("con.txt", "con.txt", "%63on.txt"),
    ("lpt\u00b9", "lpt\u00b9", "%6Cpt\u00b9"),
    ("console", "console", "console"),
    ("end.", "end.", "end%2E"),
    ("..", "%2E%2E", "%2E%2E"),
    ("наш 模型.bin", "наш 模型.bin", "наш 模型.bin"),
    ("caf\udce9", "caf%E9", "caf%E9"),
]


@pytest.mark.parametrize(("name", "posix", "windows"), BECOME, ids=[ascii(c[0]) for c in BECOME])
def test_what_names_become(name: str, posix: str, windows: str) -> None:
    assert (portable(name), portable(name, windows=True)) == (posix, windows)


WRONG = {
    "up": "..", "up inside": "a/../b", "absolute": "/a", "two slashes": "a//b", "here": ".", "here inside": "a/.",
    "NUL": "a\0b", "root": "/", "long name": "x" * 5000, "deep": "a/" * 3000,
}  # fmt: skip


@pytest.mark.parametrize("path", WRONG.values(), ids=WRONG)
def test_a_path_that_is_none_is_refused(path: str) -> None:
    with pytest.raises(ValueError, match="a path "):
        parts_of(path)


def test_parts_of_a_path() -> None:
    assert parts_of("") == ()
    assert parts_of("work/out/") == ("work", "out")
