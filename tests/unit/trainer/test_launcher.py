"""How many processes a pod has, what each is told, and what their ends mean."""

from __future__ import annotations

import pytest

from trainyard_trainer.distributed.launcher import environment, pod_exit_code, process_count


@pytest.mark.parametrize(
    ("gpus", "visible", "want"),
    [
        pytest.param(4, 4, 4, id="all that were asked for"),
        pytest.param(4, 0, 1, id="simulated GPUs"),
        pytest.param(0, 8, 1, id="none were asked for"),
        pytest.param(2, 8, 2, id="more are there"),
        pytest.param(4, 1, 1, id="fewer are there"),
    ],
)
def test_one_process_per_gpu(gpus: int, visible: int, want: int) -> None:
    assert process_count(gpus, visible) == want


def test_ranks_go_through_the_pods() -> None:
    told = [environment(local, 2, 3, worker) for worker in range(3) for local in range(2)]

    assert [t["RANK"] for t in told] == list("012345")
    assert [t["LOCAL_RANK"] for t in told] == list("010101")
    assert {(t["WORLD_SIZE"], t["LOCAL_WORLD_SIZE"]) for t in told} == {("6", "2")}


@pytest.mark.parametrize(
    ("codes", "asked", "want"),
    [
        pytest.param([0, 0], False, 0, id="done"),
        pytest.param([0, 0], True, 0, id="done before the stop"),
        pytest.param([75, 75], True, 75, id="asked to stop"),
        pytest.param([75, 75], False, 75, id="another pod was asked"),
        pytest.param([75, -9], True, 75, id="asked, and one was too slow"),
        pytest.param([75, -9], False, 71, id="one was killed, the other ended by us"),
        pytest.param([71, -9], False, 71, id="one was killed"),
        pytest.param([71, 71], False, 71, id="another pod is lost"),
        pytest.param([71, 65], False, 65, id="the cause before the consequence"),
        pytest.param([70, 70], True, 70, id="diverged while it was asked to stop"),
        pytest.param([71, 1], False, 1, id="an error of the program"),
        pytest.param([75, 1], True, 1, id="an error while it stopped"),
        pytest.param([0, -11], False, 71, id="crashed at the end"),
    ],
)
def test_the_end_of_a_pod(codes: list[int], asked: bool, want: int) -> None:
    assert pod_exit_code(codes, asked) == want
