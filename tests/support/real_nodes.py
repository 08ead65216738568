"""A cluster of several real nodes for one file of tests, and the faults of its nodes."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cluster import ROOT, apply_crds, unique
from cluster_command import cluster, state
from installation import image_tags

from trainyard_cluster import registry
from trainyard_cluster.embedded import images
from trainyard_cluster.plan import node_layout

ENV_CLUSTER = "TRAINYARD_NODES_CLUSTER"
"""Names a cluster of three real nodes that is there and stays."""
NODES = 3
GPUS = 1
"""GPUs of each node: a gang of two never fits on one."""


@dataclass(frozen=True)
class Ground:
    """The cluster, by its name."""

    name: str

    @property
    def kubeconfig(self) -> Path:
        """The administrator's kubeconfig."""
        return registry.layout(self.name).kubeconfig

    def fault(self, command: str, *arguments: str) -> None:
        """`trainyard_cluster node COMMAND`, as `make cluster-node-COMMAND` calls it."""
        said = cluster("node", command, *arguments, "--name", self.name)
        assert said.code == 0, said.text

    def whole(self) -> None:
        """Start everything that a test has left killed, cut or cordoned, also a deleted node."""
        said = cluster("up", "--name", self.name, "--nodes", str(NODES), "--gpus", str(GPUS))
        assert said.code == 0, said.text
        for number in range(1, NODES + 1):
            self.fault("revive", str(number))
        assert [node["ready"] for node in state(self.name)["nodes"]] == [True] * NODES


PLAIN = "plain"
"""A runtime with the operator's image, which every node has anyway and which has a Python."""


def load_few_images(kubeconfig: Path) -> None:
    """Only what each node needs for sessions of PLAIN: those of trainers take minutes."""
    layout = registry.layout(kubeconfig.parent.name)
    folder = ROOT / "build" / "images"
    images.load(layout, folder / "gateway.tar")
    for number in range(1, NODES + 1):
        images.load(node_layout(layout, number), folder / "operator.tar")


def session_values(ground: Ground) -> dict[str, Any]:
    """Values of the chart: operator and gateway on node 1, which no test takes away."""
    first = {"kubernetes.io/hostname": ground.name}
    tag = image_tags()["operator.image.tag"]
    return {
        "monitor.enabled": False,
        f"runtimes.{PLAIN}": {"image": f"docker.io/trainyard/operator:{tag}"},
        "storage.accessMode": "ReadWriteMany",
        "operator.nodeSelector": first,
        "gateway.nodeSelector": first,
    }


@contextmanager
def real_nodes() -> Iterator[Ground]:
    """Three nodes with one GPU each and this tree's CRDs; gone afterwards unless it was named."""
    named = os.environ.get(ENV_CLUSTER)
    ground = Ground(named or unique("nodes"))
    try:
        ground.whole()
        apply_crds(ground.kubeconfig)
        yield ground
    finally:
        if not named:
            assert cluster("down", "--name", ground.name).code == 0
