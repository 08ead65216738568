"""The life of an embedded cluster: up beside another one, killed, repaired, cut off, down without a trace."""

from __future__ import annotations

import os
import signal
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from cluster import api_client
from cluster_command import COMMAND, cluster, footprint, state
from kubernetes import client
from poll import eventually

from trainyard_cluster import registry
from trainyard_cluster.embedded import images
from trainyard_cluster.embedded.config import PAUSE_IMAGE

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(os.geteuid() != 0, reason="the embedded node needs root"),
]

SURVIVES = client.V1ConfigMap(metadata=client.V1ObjectMeta(name="survives"), data={"a": "b"})


@pytest.fixture
def name() -> Iterator[str]:
    """A name that no cluster has; whatever the test leaves is removed."""
    chosen = f"life-{uuid.uuid4().hex[:6]}"
    yield chosen
    assert cluster("down", "--name", chosen).code == 0


def everything(name: str) -> dict[str, list[str]]:
    """All that clusters have on this machine, without the moving parts of those that others run."""
    found = footprint("")
    found["processes"] = [entry for entry in found["processes"] if name in entry]
    # Pods of others come and go.
    found["mounts"] = [
        entry
        for entry in found["mounts"]
        if name in entry or not any(of in entry for of in ("/kubelet/pods/", "/containerd/state/"))
    ]
    return found


def pids(name: str) -> dict[str, int]:
    return {part["name"]: part["pid"] for part in state(name)["parts"]}


def test_killed_parts_are_repaired_and_down_leaves_nothing(kubeconfig: Path, name: str) -> None:
    before, neighbour = everything(name), _parts_of(kubeconfig)

    assert cluster("up", "--name", name, "--gpus", "3").code == 0
    first = pids(name)
    assert None not in first.values()
    assert [(n["ready"], n["gpus"]) for n in state(name)["nodes"]] == [(True, 3)]
    path = cluster("kubeconfig", "--name", name).text
    with api_client(Path(path)) as api:
        client.CoreV1Api(api).create_namespaced_config_map("default", SURVIVES)

    for part in ("etcd", "kube-apiserver", "kubelet"):
        os.kill(first[part], signal.SIGKILL)
    said = cluster("up", "--name", name, "--gpus", "5")

    assert said.code == 0, said.text
    second = pids(name)
    assert None not in second.values()
    killed = ("etcd", "kube-apiserver", "kubelet")
    assert {part for part in first if second[part] != first[part]} == set(killed), (
        "what runs is left alone"
    )
    assert [(n["ready"], n["gpus"]) for n in state(name)["nodes"]] == [(True, 5)]
    with api_client(Path(path)) as api:
        kept = client.CoreV1Api(api).read_namespaced_config_map("survives", "default")
        assert kept.data == {"a": "b"}
    assert _parts_of(kubeconfig) == neighbour, "the other cluster was not touched"

    _start_pod(Path(path), f"pod-of-{name}")
    assert _cni_results(f"pod-of-{name}")
    assert any("/netns/" in mount for mount in footprint(name)["mounts"]), "not in /run/netns"
    for _ in range(2):
        assert cluster("down", "--name", name).code == 0
    assert everything(name) == before
    assert _cni_results(f"pod-of-{name}") == []
    assert _parts_of(kubeconfig) == neighbour


def _start_pod(kubeconfig: Path, name: str) -> None:
    """A pod with an address of its own that nobody ends."""
    container = client.V1Container(name="c", image=PAUSE_IMAGE, image_pull_policy="Never")
    spec = client.V1PodSpec(containers=[container], automount_service_account_token=False)
    pod = client.V1Pod(metadata=client.V1ObjectMeta(name=name), spec=spec)
    with api_client(kubeconfig) as api:
        core = client.CoreV1Api(api)
        core.create_namespaced_pod("default", pod)
        eventually(
            lambda: core.read_namespaced_pod(name, "default").status.phase == "Running",
            what=f"{name} running",
        )


def _cni_results(pod: str) -> list[str]:
    """What CNI remembers of a pod, in its one folder for the whole machine."""
    return [str(p) for p in Path("/var/lib/cni/results").glob("*") if pod in p.read_text()]


def _heed_ctrl_c() -> None:
    """A shell lets its background jobs ignore SIGINT, and that is inherited; a person's command does not ignore it."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def test_ctrl_c_in_the_middle_and_stale_pid_files(name: str) -> None:
    before = everything(name)
    process = subprocess.Popen(
        [*COMMAND, "up", "--name", name],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        preexec_fn=_heed_ctrl_c,
    )
    assert process.stdout is not None
    said = ""
    for line in process.stdout:
        said += line
        if "kube-apiserver answers" in line:
            os.killpg(process.pid, signal.SIGINT)
            break
    said += process.stdout.read()
    process.stdout.close()

    assert process.wait(timeout=30) == 130, said
    assert "run the same command again to continue, or `down` to remove what is there" in " ".join(
        said.split()
    )
    # Pid files that name a process of someone else, or nothing at all, while the parts live on.
    run = Path("/run/trainyard") / name
    (run / "kubelet.pid").write_text(f'{{"pid": {os.getpid()}, "started": 1}}')
    (run / "etcd.pid").unlink()

    assert cluster("up", "--name", name, "--gpus", "0").code == 0
    assert None not in pids(name).values()
    assert cluster("down", "--name", name).code == 0
    assert everything(name) == before


def test_a_folder_that_is_not_there_any_more(name: str) -> None:
    """Network and processes without the state folder, as after somebody's `rm -r`: down removes them."""
    before = everything(name)
    assert cluster("up", "--name", name, "--gpus", "0").code == 0
    folder = Path(state(name)["kubeconfig"]).parent
    (folder / "cluster.json").unlink()

    assert cluster("down", "--name", name).code == 0

    eventually(lambda: everything(name) == before, within=60, what="nothing left")


def _up_to(name: str, words: str, *options: str) -> None:
    """Bring a cluster up and kill the command with SIGKILL once it says `words`."""
    with subprocess.Popen(
        [*COMMAND, "up", "--name", name, *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as process:
        assert process.stdout is not None
        said = ""
        for line in process.stdout:
            said += line
            if words in line:
                break
        os.killpg(process.pid, signal.SIGKILL)
        assert words in said, said


def _ready(name: str) -> dict[str, bool]:
    return {node["name"]: node["ready"] for node in state(name)["nodes"]}


def test_three_real_nodes_one_of_them_killed(name: str) -> None:
    before = everything(name)
    _up_to(name, f"start node {name}.n2", "--nodes", "3", "--gpus", "2")
    assert cluster("down", "--name", name).code == 0
    assert everything(name) == before, "cut off in the middle"

    said = cluster("up", "--name", name, "--nodes", "3", "--gpus", "2")
    assert said.code == 0, said.text
    assert "NOT enforced" not in said.text
    nodes = [name, f"{name}.n2", f"{name}.n3"]
    assert [(n["name"], n["ready"], n["gpus"]) for n in state(name)["nodes"]] == [
        (node, True, 2) for node in nodes
    ]
    first = pids(name)
    assert None not in first.values()

    assert cluster("node", "kill", "2", "--name", name).code == 0
    killed = {part for part, pid in pids(name).items() if pid is None}
    assert killed == {f"{name}.n2/kubelet", f"{name}.n2/containerd"}
    eventually(
        lambda: _ready(name) == {nodes[0]: True, nodes[1]: False, nodes[2]: True},
        within=180,
        every=1,
        what="Kubernetes missing the node",
    )
    said = cluster("node", "revive", nodes[1], "--name", name)
    assert said.code == 0, said.text
    assert all(_ready(name).values())
    assert {part for part, pid in pids(name).items() if pid != first[part]} == killed

    assert cluster("up", "--name", name, "--nodes", "2", "--gpus", "2").code == 0
    assert _ready(name) == {nodes[0]: True, nodes[1]: True}, "what is not wanted any more is gone"
    for _ in range(2):
        assert cluster("down", "--name", name).code == 0
    assert everything(name) == before


def test_images_that_the_node_lost_are_loaded_again(name: str, tmp_path: Path) -> None:
    assert cluster("up", "--name", name, "--gpus", "0").code == 0
    layout, reference = registry.layout(name), "localhost/trainyard/tiny:1"
    archive = tmp_path / "tiny.tar"
    archive.write_bytes(images.docker_archive(reference, b"a program"))

    def load() -> int:
        return cluster("load-image", str(archive), "--name", name).code

    assert load() == 0
    assert load() == 0
    images.ctr(layout, "images", "rm", "--sync", reference)
    assert reference not in images.present(layout)

    assert load() == 0
    assert reference in images.present(layout)

    archive.write_bytes(archive.read_bytes()[:700])
    torn = cluster("load-image", str(archive), "--name", name)
    assert torn.code == 1
    assert "unexpected EOF" in torn.text
    gone = cluster("load-image", str(tmp_path / "none.tar"), "--name", name)
    assert gone.code == 2
    assert "build the images with `make images`" in gone.text


def _parts_of(kubeconfig: Path) -> dict[str, int]:
    """Parts of the tests' own cluster; empty when it is not an embedded one of this machine."""
    names = footprint("")["clusters"]
    neighbour = kubeconfig.parent.name
    return pids(neighbour) if neighbour in names else {}
