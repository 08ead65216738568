"""Decisions about bundles of code: what is removed, how much a key may send, what a path may be."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trainyard_api.code import CodeEntry, CodeManifest, problem
from trainyard_api.files.paths import path_problem, stays_inside
from trainyard_gateway.code.allowance import DAY, Allowance
from trainyard_gateway.code.bundles import bundle_of
from trainyard_gateway.code.folders import CodeFolders
from trainyard_gateway.errors import TooManyRequests
from trainyard_gateway.sessions.code_retention import removable

PARTS = st.sampled_from(["a", "b", "..", ".", "", "c.py", ".git", "\\", "é"])
SHA = "a" * 64


@pytest.mark.parametrize(
    ("used", "named", "gone"),
    [(1.0, False, True), (1.0, True, False), (3.0, False, False), (3.0, True, False)],
    ids=["old", "old-but-named", "new", "new-and-named"],
)
def test_a_bundle_goes_when_it_is_old_and_not_named(used: float, named: bool, gone: bool) -> None:
    assert removable({"b": used}, {"b"} if named else {"c"}, before=2.0) == (
        {"b"} if gone else set()
    )


@pytest.mark.parametrize(
    ("spec", "bundle"),
    [({}, None), ({"code": None}, None), ({"code": {"bundle": "b"}}, "b"), ({"code": "b"}, None)],
    ids=["no-code", "null", "named", "text"],
)
def test_the_bundle_of_a_spec(spec: dict[str, object], bundle: str | None) -> None:
    assert bundle_of(spec) == bundle


def test_an_allowance_fills_up_over_the_day() -> None:
    now = 0.0
    allowance = Allowance(1000, lambda: now)
    allowance.spend("k", 1000)
    with pytest.raises(TooManyRequests, match="codeKeyBytesPerDay"):
        allowance.spend("k", 1)
    allowance.spend("other", 1)

    now = DAY / 2
    allowance.spend("k", 500)
    with pytest.raises(TooManyRequests):
        allowance.spend("k", 1)


def test_an_empty_folder_is_no_bundle_and_gives_its_place_to_one(tmp_path: Path) -> None:
    """The kubelet makes it where a pod mounts a bundle that is not there."""
    folders = CodeFolders(tmp_path / "code")
    folders.open()
    (folders.incoming / "x").write_bytes(b"x")
    folders.keep(folders.incoming / "x", SHA, 1)
    (tmp_path / "code" / "bundles" / SHA).mkdir()

    assert not folders.has_bundle(SHA)
    assert folders.add_bundle(SHA, b"{}", {SHA: 1})

    assert folders.has_bundle(SHA)
    assert folders.content_of(SHA, SHA).read_bytes() == b"x"


def test_a_content_goes_with_the_last_bundle_that_needs_it(tmp_path: Path) -> None:
    folders = CodeFolders(tmp_path / "code")
    folders.open()
    (folders.incoming / "x").write_bytes(b"x")
    folders.keep(folders.incoming / "x", SHA, 1)
    for bundle in ("b" * 64, "c" * 64):
        assert folders.add_bundle(bundle, b"{}", {SHA: 1})
    later = time.time() + 1

    folders.remove_bundle("b" * 64)
    assert folders.sweep(later) == 1
    folders.remove_bundle("c" * 64)
    assert folders.sweep(later) == 0
    assert not folders.add_bundle("d" * 64, b"{}", {SHA: 1})


@settings(max_examples=300)
@given(st.lists(PARTS, min_size=1, max_size=4), st.lists(PARTS, min_size=1, max_size=5))
def test_a_link_that_is_taken_stays_inside(path: list[str], target: list[str]) -> None:
    """By walking it, with every name on the way as a link to the top of the folder."""
    where, to = "/".join(path), "/".join(target)
    if path_problem(where) is not None or not stays_inside(where, to):
        return
    depth = len(path) - 1
    for part in target:
        depth = depth - 1 if part == ".." else 0 if part != "." else depth
        assert depth >= 0


@settings(max_examples=200)
@given(st.permutations([0, 1, 2]))
def test_the_order_of_entries_does_not_change_the_text(order: list[int]) -> None:
    entries = [
        CodeEntry(path="b", sha256=SHA, size=1),
        CodeEntry(path="a/é", target="../b"),
        CodeEntry(path="a.d", folder=True),
    ]

    text = CodeManifest(entries=[entries[n] for n in order]).text()

    assert text == CodeManifest(entries=entries).text()
    assert CodeManifest.model_validate_json(text).text() == text
    assert problem(CodeManifest.model_validate_json(text)) is None
