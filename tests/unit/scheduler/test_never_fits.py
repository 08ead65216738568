"""A session that never fits says which labels and taints keep it off how many nodes."""

# ruff: noqa: E501  # one case of a table is one line

from __future__ import annotations

from typing import Any

import pytest
from operator_state import INSTALLATION, amount, make_state, node, shape

from trainyard_api.phase import Reason
from trainyard_scheduler.admissibility import admissibility
from trainyard_scheduler.facts import Node, Taint

GKE = Taint("nvidia.com/gpu", "present", "NoSchedule")
DOWN = Taint("node.kubernetes.io/unreachable", "", "NoExecute")
AMD = frozenset({("gpu", "amd")})


def amd(name: str = "a1", **more: Any) -> Node:
    return Node(name, (*amount(0, 64_000, 2**38, 110)[:-1], 4), **more)


SAID = [
    pytest.param(
        [node(taints=(GKE,))],
        shape(1),
        ["of 1 node runtime 'default' may use 0", "1 node with the taint nvidia.com/gpu=present:NoSchedule", "runtimes.default.tolerations"],
        id="a-taint",
    ),
    pytest.param(
        [amd("a1"), amd("a2")],
        shape(0, runtime="special"),
        ["of 2 nodes runtime 'special' may use 0", "2 nodes without the label gpu=amd", "runtimes.special.nodeSelector"],
        id="a-label",
    ),
    pytest.param(
        [node("n1", gpus=2), node("n2", gpus=4, taints=(GKE,))],
        shape(3),
        ["of 2 nodes runtime 'default' may use 1", "the largest, n1, has 2 GPUs, 64 CPUs and 256.0 GiB", "1 node with the taint"],
        id="too-small-and-a-taint",
    ),
    pytest.param(
        [node("n1", gpus=0)],
        shape(1),
        ["may use 1, and none of them offers nvidia.com/gpu"],
        id="no-device-plugin",
    ),
    pytest.param([], shape(1), ["of 0 nodes runtime 'default' may use 0."], id="no-nodes"),
    pytest.param([node(gpus=1)], shape(2, workers=2), ["2 × (2 GPUs, 1 CPU and 1.0 GiB)", "all together have 1 GPU."], id="a-gang"),
]  # fmt: skip


@pytest.mark.parametrize(("nodes", "asked", "words"), SAID)
def test_it_says_what_keeps_it_off_the_nodes(
    nodes: list[Node], asked: Any, words: list[str]
) -> None:
    state = make_state(*nodes)
    if not nodes:
        state.drop_node("n1")
    found = admissibility(asked, "default", state, INSTALLATION)
    assert found.reason == Reason.NEVER_FITS
    assert [w for w in words if w not in found.message] == []
    assert "Ask for less, or add nodes." in found.message


def test_taints_of_a_node_that_may_come_back_are_not_named() -> None:
    state = make_state(node(gpus=1, taints=(DOWN,), usable=False))
    found = admissibility(shape(2), "default", state, INSTALLATION)
    assert "unreachable" not in found.message
    assert "may use 1" in found.message
