"""Builders share a volume: they wait for each other, remove what is old, and leave nothing half."""

from __future__ import annotations

import fcntl
import json
import os
import random
import secrets
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from builder_lab import BuilderLab
from package_index import PackageIndex, package_index
from poll import eventually

KILLS = int(os.environ.get("TRAINYARD_KILLS", "6"))
SEED = int(os.environ.get("TRAINYARD_KILL_SEED", str(secrets.randbits(32))))
TIDY = [".building", ".gate", ".locks"]


@pytest.fixture
def index() -> Iterator[PackageIndex]:
    with package_index() as index:
        for name in ("a", "b", "c"):
            index.add(name, "1.0", files={f"{name}/data.txt": "x" * 1_000_000})
        yield index


@pytest.fixture
def lab(tmp_path: Path, index: PackageIndex) -> BuilderLab:
    return BuilderLab(tmp_path, index)


def asked(*names: str) -> list[str]:
    return ["--requirements-json", json.dumps(names)]


def there(lab: BuilderLab) -> set[str]:
    return {p.name for p in lab.environments.iterdir() if len(p.name) == 64}


def used(lab: BuilderLab, lock: str, ago: float) -> None:
    at = time.time() - ago
    os.utime(lab.environments / lock / "environment.json", (at, at))


def test_of_two_builders_one_builds_and_the_other_one_finds_it(tmp_path: Path, lab: BuilderLab, index: PackageIndex) -> None:  # fmt: skip
    (tmp_path / "other").mkdir()
    other = BuilderLab(tmp_path / "other", index)
    other.environments = lab.environments
    first, second = lab.start(asked("a")), other.start(asked("a"))
    ended = [lab.end(first), other.end(second)]

    assert [one.code for one in ended] == [0, 0], ended[0].log + ended[1].log
    assert sorted(one.message["environment"]["reused"] for one in ended) == [False, True]
    assert there(lab) == {ended[0].lock}
    assert lab.left() == TIDY


def test_what_an_other_one_has_made_meanwhile_is_waited_for(lab: BuilderLab) -> None:
    lock = lab.build("a").lock
    shutil.move(lab.environments / lock, lab.folder / "made elsewhere")
    with (lab.environments / ".locks" / lock).open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        process = lab.start(asked("a"))
        assert process.stdout is not None
        while b"waiting for it" not in (line := process.stdout.readline()):
            assert line, "the builder did not wait"
        shutil.move(lab.folder / "made elsewhere", lab.environments / lock)
    ended = lab.end(process)

    assert ended.message["environment"]["reused"] is True


def test_the_least_recently_used_one_goes(lab: BuilderLab) -> None:
    a, b = lab.build("a"), lab.build("b")
    size = a.message["environment"]["bytes"]
    lab.variables["TRAINYARD_ENVIRONMENTS_MAX_BYTES"] = str(int(size * 2.5))
    used(lab, a.lock, 7200)
    used(lab, b.lock, 9000)

    c = lab.build("c")

    assert there(lab) == {a.lock, c.lock}
    assert f"removed the environment {b.lock[:12]}" in c.log
    assert lab.left() == TIDY


def test_one_that_is_in_use_or_was_within_the_hour_stays(lab: BuilderLab) -> None:
    a, b = lab.build("a"), lab.build("b")
    size = a.message["environment"]["bytes"]
    lab.variables["TRAINYARD_ENVIRONMENTS_MAX_BYTES"] = str(int(size * 2.5))
    used(lab, a.lock, 90_000)
    used(lab, b.lock, 3000)
    with (lab.environments / a.lock / "environment.json").open() as file:
        fcntl.flock(file, fcntl.LOCK_SH)
        refused = lab.build("c")
    # It was in use a moment ago.
    again = lab.build("c")
    used(lab, a.lock, 90_000)
    built = lab.build("c")

    assert (refused.code, again.code, built.code) == (73, 73, 0)
    assert refused.message["reason"] == "NoRoomForEnvironment"
    assert "administrator" in refused.message["hint"]
    assert there(lab) == {b.lock, built.lock}


def test_an_empty_folder_of_the_kubelet_is_replaced(lab: BuilderLab) -> None:
    lock = lab.build("a").lock
    shutil.rmtree(lab.environments / lock)
    (lab.environments / lock).mkdir()

    built = lab.build("a")

    assert (built.lock, built.message["environment"]["reused"]) == (lock, False)


def test_kill_9_at_any_moment_leaves_nothing_half(lab: BuilderLab) -> None:
    rng = random.Random(SEED)
    begin = time.monotonic()
    whole = lab.build("a", "b")
    seconds = time.monotonic() - begin
    content = (lab.environments / whole.lock / "environment.json").read_text()
    for kill in range(KILLS):
        shutil.rmtree(lab.environments / whole.lock, ignore_errors=True)
        process = lab.start(asked("a", "b"))
        try:
            process.wait(rng.uniform(0, seconds * 1.1))
        except subprocess.TimeoutExpired:
            # All of the group, or the builder alone: uv lives on a while then.
            (os.killpg if kill % 2 else os.kill)(process.pid, signal.SIGKILL)
        lab.end(process)
        for lock in there(lab):
            said = json.loads((lab.environments / lock / "environment.json").read_text())
            assert said["packages"] == json.loads(content)["packages"], SEED

    def tidied() -> bool:
        """A uv that lives on keeps its folder until it ends."""
        assert lab.build("a", "b").code == 0
        return lab.left() == TIDY

    eventually(tidied, within=30, what=f"the removal of what was left (seed {SEED})")
    assert lab.python(whole, "import a, b; print(a.VERSION)") == "1.0"


def test_a_full_volume_is_no_fault_of_the_request(lab: BuilderLab, index: PackageIndex) -> None:
    index.add("large", "1.0", files={"large/data.bin": "x" * 24_000_000})
    lab.environments.mkdir()
    own = ["unshare", "-rm", "sh", "-c", 'mount -t tmpfs -o size=12M none "$0" && exec "$@"']
    lab.by = (*own, str(lab.environments), *lab.by)
    if subprocess.run([*own, str(lab.environments), "true"], capture_output=True).returncode:
        pytest.skip("this machine lets no process mount a volume of 12 MB")

    ended = lab.build("large")

    assert (ended.code, ended.message["reason"]) == (73, "NoRoomForEnvironment"), ended.log
    assert "No space left" in ended.message["message"]
