"""A machine on which no cluster can come up: one clear sentence, exit code 2, nothing left behind."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from cluster_command import Said, cluster

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="the embedded node needs root")

# Nobody listens on the discard port: as if there were no way out of this machine.
NO_DOWNLOAD = {"https_proxy": "http://127.0.0.1:9", "http_proxy": "http://127.0.0.1:9"}


@pytest.fixture
def home(tmp_path: Path) -> dict[str, str]:
    """Folders of a person who never had a cluster."""
    return {"XDG_STATE_HOME": str(tmp_path / "state"), "XDG_CACHE_HOME": str(tmp_path / "cache")}


def programs(folder: Path, *names: str) -> dict[str, str]:
    """A PATH on which only these programs are."""
    folder.mkdir()
    for name in names:
        found = shutil.which(name)
        assert found is not None, f"this machine lacks {name}"
        (folder / name).symlink_to(found)
    return {"PATH": str(folder)}


def refused(said: Said, home: Mapping[str, str]) -> str:
    """The sentence; and that nothing of a cluster was made."""
    assert said.code == 2, said.text
    assert said.text.count("error:") == 1
    assert "Traceback" not in said.text
    assert not Path(home["XDG_STATE_HOME"], "trainyard").exists()
    return said.text


def test_not_root(home: dict[str, str]) -> None:
    """A user namespace without a mapping: the process is nobody."""
    said = cluster("up", "--provider", "embedded", prefix=["unshare", "--user"], env=home)

    assert "need root: run it with sudo, or use PROVIDER=kind" in refused(said, home)


def test_no_apt(home: dict[str, str], tmp_path: Path) -> None:
    env = {**home, **programs(tmp_path / "bin", "ip", "nsenter", "iptables")}

    said = cluster("up", env=env)

    assert "lacks containerd runc, and there is no apt-get" in refused(said, home)


def test_neither_go_nor_a_download(home: dict[str, str], tmp_path: Path) -> None:
    needed = ("ip", "nsenter", "iptables", "containerd", "runc")
    env = {**home, **NO_DOWNLOAD, **programs(tmp_path / "bin", *needed)}

    said = cluster("up", env=env)

    text = refused(said, home)
    assert "cannot be downloaded and Go is not installed: install Go 1.26 or newer" in text
    assert "TRAINYARD_PARTS" in text


def test_a_named_folder_without_the_parts(home: dict[str, str], tmp_path: Path) -> None:
    said = cluster("up", env={**home, "TRAINYARD_PARTS": str(tmp_path)})

    text = refused(said, home)
    assert f"{tmp_path} (from $TRAINYARD_PARTS) lacks" in text
    assert "kube-apiserver" in text


def test_too_small_a_disk(home: dict[str, str]) -> None:
    """The state folder on a disk of 64 MiB, in a mount namespace that ends with the command."""
    folder = Path(home["XDG_STATE_HOME"])
    folder.mkdir()
    script = f'mount -t tmpfs -o size=64m tmpfs "{folder}" && exec "$@"'

    said = cluster("up", prefix=["unshare", "--mount", "sh", "-c", script, "sh"], env=home)

    assert "needs 6 GiB of free disk" in refused(said, home)
    assert list(folder.iterdir()) == []


def test_kind_without_a_docker_engine(home: dict[str, str], tmp_path: Path) -> None:
    env = {**home, **programs(tmp_path / "bin", "ip")}

    said = cluster("up", "--provider", "kind", env=env)

    assert "needs a Docker engine that answers `docker info`" in refused(said, home)


def test_a_name_that_a_kind_cluster_has(home: dict[str, str]) -> None:
    record = Path(home["XDG_STATE_HOME"], "trainyard", "clusters", "mine", "cluster.json")
    record.parent.mkdir(parents=True)
    text = '{"provider":"kind","slot":0,"gpus":4,"kwok_nodes":0,"kwok_gpus":8}'
    record.write_text(text)
    # The parts of this machine's cache: what is refused is the name.
    said = cluster(
        "up",
        "--name=mine",
        "--provider=embedded",
        env={**home, "XDG_CACHE_HOME": os.environ.get("XDG_CACHE_HOME", "")},
    )

    assert said.code == 2
    assert "'mine' was made by kind; take it down first" in said.text
    assert record.read_text() == text


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["up", "--name=Not_A_Name"], "use a letter, then letters, digits and dashes, at most 20"),
        (["kubeconfig", "--name=absent"], "there is no cluster called 'absent' (there are: none)"),
        (["status", "--name=absent"], "make it with `make cluster-up NAME=absent`"),
        (["load-image", "--name=absent", "x.tar"], "there is no cluster called 'absent'"),
        (["node", "kill", "2", "--name=absent"], "there is no cluster called 'absent'"),
        (
            ["up", "--provider=embedded", "--kind-image=x"],
            "--kind-image and --kind-config are for PROVIDER=kind",
        ),
    ],
    ids=[
        "bad name",
        "kubeconfig of nothing",
        "status of nothing",
        "image into nothing",
        "node of nothing",
        "kind's options",
    ],
)
def test_wrong_names(home: dict[str, str], arguments: list[str], sentence: str) -> None:
    said = cluster(*arguments, env=home)

    assert said.code in (1, 2)
    assert sentence in said.text
    assert "Traceback" not in said.text


def _recorded(home: Mapping[str, str], provider: str, nodes: int) -> None:
    record = Path(home["XDG_STATE_HOME"], "trainyard", "clusters", "mine", "cluster.json")
    record.parent.mkdir(parents=True)
    values = {"provider": provider, "slot": 0, "gpus": 4, "kwok_nodes": 0, "kwok_gpus": 8}
    record.write_text(json.dumps({**values, "nodes": nodes}))


@pytest.mark.parametrize(
    ("command", "sentence"),
    [
        (["kill", "4"], "has no node '4' (there are: 1, 2, 3)"),
        (["revive", "other.n2"], "has no node 'other.n2'"),
        (["drain", "0"], "has no node '0'"),
        (["kill", "1", "--whole"], "holds the control plane and the switch between the nodes"),
        (["cut", "2", "mine.n2"], "name two nodes; mine.n2 is one"),
    ],
    ids=["no such number", "another cluster's", "zero", "the control plane", "from itself"],
)
def test_nodes_that_cannot_be_taken_away(
    home: dict[str, str], tmp_path: Path, command: list[str], sentence: str
) -> None:
    _recorded(home, "embedded", 3)
    parts = tmp_path / "parts"
    parts.mkdir()
    (parts / "kube-network-policies").touch()
    env = {**home, "TRAINYARD_PARTS": str(parts)}

    said = cluster("node", *command, "--name=mine", env=env)

    assert said.code == 2, said.text
    assert sentence in said.text


def test_nodes_of_a_kind_cluster_are_left_to_docker(home: dict[str, str]) -> None:
    _recorded(home, "kind", 1)

    said = cluster("node", "kill", "1", "--name=mine", env=home)

    assert said.code == 2
    assert "can be killed, drained and cut in an embedded one only" in said.text


def test_a_kind_cluster_whose_docker_is_away_is_not_forgotten(
    home: dict[str, str], tmp_path: Path
) -> None:
    _recorded(home, "kind", 1)
    env = {**home, **programs(tmp_path / "bin", "ip")}

    said = cluster("down", "--name=mine", env=env)

    assert said.code == 2
    assert "lives in Docker, which does not answer `docker info`" in said.text
    assert Path(home["XDG_STATE_HOME"], "trainyard", "clusters", "mine", "cluster.json").is_file()


@pytest.mark.parametrize("gpus", ["-1", "65", "many"])
def test_wrong_numbers(home: dict[str, str], gpus: str) -> None:
    said = cluster("up", f"--gpus={gpus}", env=home)

    assert said.code == 2
    assert "--gpus" in said.text


def test_down_without_a_cluster_is_fine(home: dict[str, str]) -> None:
    for _ in range(2):
        assert cluster("down", "--name=absent", env=home).code == 0


def test_an_address_range_that_the_machine_uses_is_left_alone() -> None:
    """In a network namespace of its own, with the first range of the name taken."""
    script = """
ip link set lo up
first=$(python -c 'from trainyard_cluster.plan import slots; print(slots("demo")[0])')
ip addr add "172.30.$first.1/30" dev lo
exec python -c '
from pathlib import Path
from trainyard_cluster.embedded.network import choose_slot
from trainyard_cluster.plan import Layout, slots
chosen = choose_slot(Layout("demo", Path("/nowhere")), frozenset({slots("demo")[1]}))
assert chosen == slots("demo")[2], chosen
'
"""

    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    done = subprocess.run(
        ["unshare", "--net", "bash", "-ec", script],
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
