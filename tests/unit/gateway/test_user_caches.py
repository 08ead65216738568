"""Which files of caches go when they take too much."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path
from typing import Any, cast

import pytest

from trainyard_api import names
from trainyard_gateway.sessions.cache import SessionCache
from trainyard_gateway.sessions.user_caches import Usage, UserCaches, oldest_to_go

NOW = 4_000_000_000.0
HOUR = 3600.0

OLDEST = [
    pytest.param(10, {1: 10}, 10, None, id="within the bound"),
    pytest.param(30, {1: 10, 2: 10, 3: 10}, 15, 2, id="the oldest two"),
    pytest.param(30, {1: 10, 2: 10, 3: 10}, 20, 1, id="the oldest"),
    pytest.param(90, {1: 10, 2: 10}, 15, 2, id="not enough of idle users"),
    pytest.param(90, {}, 15, None, id="no idle user"),
]


@pytest.mark.parametrize(("total", "by_hour", "most", "expected"), OLDEST)
def test_how_old_files_go(
    total: int, by_hour: dict[int, int], most: int, expected: int | None
) -> None:
    assert oldest_to_go(Usage(total, Counter(by_hour)), most) == expected


def put(folder: Path, name: str, hours_ago: float) -> Path:
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(os.urandom(1 << 20))
    used = NOW - hours_ago * HOUR
    os.utime(file, (used, used))
    return file


def caches(folder: Path, most: int) -> UserCaches:
    return UserCaches(folder, cast(SessionCache, None), most)


def test_what_was_not_used_longest_goes_but_nothing_of_a_user_with_a_session(
    tmp_path: Path,
) -> None:
    old, new = put(tmp_path, "ada/hub/old", 90), put(tmp_path, "ada/hub/new", 2)
    running = put(tmp_path, "bob/older", 900)
    ended = put(tmp_path, "eve/older", 900)
    seen = {"bob": NOW, "eve": NOW - 0.5 * HOUR}

    assert caches(tmp_path, 3 << 20).trim(seen, NOW) >= 1 << 20
    assert [f.exists() for f in (old, new, running, ended)] == [False, True, True, True]
    assert caches(tmp_path, 3 << 20).trim(seen, NOW) == 0
    assert caches(tmp_path, 2 << 20).trim({**seen, "eve": NOW - 2 * HOUR}, NOW) >= 1 << 20
    assert [f.exists() for f in (new, running, ended)] == [True, True, False]


def test_no_link_is_followed_and_a_locked_folder_stops_nothing(tmp_path: Path) -> None:
    outside = put(tmp_path, "outside/kept", 900)
    folder = tmp_path / "cache"
    gone = put(folder, "ada/gone", 900)
    (folder / "ada" / "link").symlink_to(outside)
    (folder / "ada" / "folder").symlink_to(outside.parent)
    (folder / "linked").symlink_to(outside.parent)

    assert caches(folder, 0).trim({}, NOW) >= 1 << 20
    assert (outside.exists(), gone.exists()) == (True, False)


class Cluster:
    """What the sweep reads of the cluster's sessions."""

    stale: str | None = None

    def __init__(self, **phases: str | None) -> None:
        self._phases = phases

    def live(self) -> list[dict[str, Any]]:
        return [
            {"metadata": {"labels": {names.LABEL_USER: user}}, "status": {"phase": phase}}
            for user, phase in self._phases.items()
        ] + [{"metadata": {}}]


@pytest.mark.parametrize(
    ("phase", "stale", "stays"),
    [
        pytest.param("Running", None, True, id="running"),
        pytest.param(None, None, True, id="new"),
        pytest.param("Queued", None, True, id="queued"),
        pytest.param("Failed", None, False, id="ended"),
        pytest.param("Failed", "away", True, id="cluster-away"),
    ],
)
async def test_a_session_keeps_its_users_caches(
    tmp_path: Path, phase: str | None, stale: str | None, stays: bool
) -> None:
    file = put(tmp_path, f"{names.cache_folder('ada')}/model", 0)
    os.utime(file, (1.0, 1.0))
    cluster = Cluster(ada=phase)
    cluster.stale = stale
    subject = UserCaches(tmp_path, cast(SessionCache, cluster), 0, since=0.0)
    await subject.sweep()
    assert file.exists() == stays
