"""What a folder of any size leaves in memory: some of its names, and nothing while it is removed."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainyard.reporting.artifacts.least import Least
from trainyard.reporting.artifacts.removal import AT_ONCE, drop
from trainyard.reporting.artifacts.walk import LeftOut, Walk
from trainyard_api.files.hashing import LARGE_BYTES, sha256_of

KEYS = st.lists(st.binary(min_size=1, max_size=3), unique=True, max_size=60)


@given(keys=KEYS, most=st.integers(1, 9))
def test_all_keys_come_in_order_some_at_a_time(keys: list[bytes], most: int) -> None:
    came: list[bytes] = []
    more = True
    while more:
        least = Least(came[-1] if came else b"", most)
        for key in keys:
            least.add(key)
        assert len(least.sorted()) <= most
        came += least.sorted()
        more = least.more
    assert came == sorted(keys)


NAMES = st.lists(st.sampled_from(["a", "a-", "a.b", "a0", "ab", "b", "b-x", "z"]), unique=True)


@given(names=NAMES, inner=st.lists(st.sampled_from(["x", "y", "y-1"]), unique=True))
def test_a_folder_that_is_read_in_parts_is_walked_as_a_whole_one(
    tmp_path_factory: pytest.TempPathFactory, names: list[str], inner: list[str]
) -> None:
    top = tmp_path_factory.mktemp("tree")
    for number, name in enumerate(names):
        if number % 2:
            (top / name).mkdir(exist_ok=True)
            for one in inner:
                (top / name / one).touch()
        else:
            (top / name).touch()
    whole = list(Walk(top, (), LeftOut()))
    for at_once in (1, 2, 3):
        assert list(Walk(top, (), LeftOut(), at_once)) == whole
    paths = [os.fsencode(one.path) for one in whole]
    assert paths == sorted(paths)


def test_a_folder_goes_with_all_that_is_in_it_and_no_link_is_followed(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "kept").touch()
    top = tmp_path / "top"
    deep = top / "/".join("d" * 5)
    deep.mkdir(parents=True)
    for number in range(2 * AT_ONCE + 3):
        (deep / str(number)).touch()
    (top / "link").symlink_to(outside)
    os.mkfifo(top / "pipe")

    drop(top)
    drop(tmp_path / "not there")
    (tmp_path / "one").symlink_to(outside)
    drop(tmp_path / "one")

    assert sorted(p.name for p in tmp_path.iterdir()) == ["outside"]
    assert (outside / "kept").exists()


@pytest.mark.parametrize("size", [0, LARGE_BYTES - 1, LARGE_BYTES])
def test_every_hash_is_the_same(size: int) -> None:
    digest = sha256_of(size)
    digest.update(b"content")
    assert digest.hexdigest() == hashlib.sha256(b"content").hexdigest()
