"""What the page of a session and the list say beside the curves: checkpoints, nodes, small curves."""

from __future__ import annotations

from typing import Any

import pytest
from web_functions import WebFunctions

NONE = "undefined"


def file(name: str, minute: int = 0, kind: str = "file") -> dict[str, Any]:
    modified = f"2026-01-01T00:{minute:02d}:00Z"
    return {"name": name, "path": name, "kind": kind, "sizeBytes": 1, "modified": modified}


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ([], []),
        ([file("step-1.pt", 1), file("step-1.json", 1)], [("step-1.pt", "step-1")]),
        ([file("step-1.pt", 1)], [("step-1.pt", NONE)]),
        ([file("step-1.pt.tmp", 1)], []),
        (
            [file("best.pt", 1), file("best.json", 1), file("step-9.pt", 2), file("step-9.json", 2)],
            [("step-9.pt", "step-9"), ("best.pt", "best")],
        ),
        ([file("epoch=1.ckpt", 1), file("config.json", 2)], [("config.json", NONE), ("epoch=1.ckpt", NONE)]),
        ([file("../step-1.pt", 1), file("../step-1.json", 1)], [("../step-1.pt", NONE)]),
        ([file("checkpoint-500", 1, "folder")], [("checkpoint-500", NONE)]),
    ],
    ids=[
        "none", "complete", "not complete", "being written", "the newest first", "of a program",
        "no name that a session has", "a folder",
    ],
)  # fmt: skip
def test_checkpoints_are_told_from_what_lies_beside_them(
    web: WebFunctions, files: list[dict[str, Any]], expected: list[tuple[str, str]]
) -> None:
    found = web.call("text/checkpoints", "checkpointsOf", files)

    assert [(one["name"], one["beginFrom"]) for one in found] == expected


def test_only_nodes_of_the_session_are_told_with_what_their_monitor_measured(
    web: WebFunctions,
) -> None:
    gpu = {
        "index": 0, "name": "H200", "utilizationPercent": 87.4,
        "memoryUsedBytes": 2**30, "memoryTotalBytes": 2**31,
    }  # fmt: skip
    use = {"usedBytes": 2**20, "totalBytes": 2**21}
    machine = {"gpus": [gpu], "cpuPercent": 12.3, "cpuCount": 2, "memory": use}
    mine, other = {"session": "mine", "gpus": 2}, {"session": "other", "gpus": 1}
    nodes = [
        {"name": "a", "gpus": 4, "holders": [mine, other], "machine": machine},
        {"name": "b", "gpus": 4, "holders": [other], "machine": machine},
        {"name": "c", "gpus": 2, "holders": [mine], "machine": None},
    ]

    assert web.call("text/machines", "nodesOf", "mine", nodes) == [
        {"node": "a", "said": [
            "2 GPUs of 4 held", "GPU 0, H200: 87 % busy, 1 GiB of 2 GiB", "CPU 12 % of 2 cores",
            "memory 1 MiB of 2 MiB",
        ]},
        {"node": "c", "said": ["2 GPUs of 2 held", "no node monitor measures this node"]},
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("gpus", "used", "held", "rates", "boxes"),
    [
        (2, 2, [("a", 2)], [97, 3.4], [("a", 97), ("a", 3)]),
        (1, 1, [("a", 1)], [50], [("a", 50)]),
        (1, 1, [], [50], [("other", 50)]),
        (2, 0, [], [0, 1], [("free", 0), ("free", 1)]),
        (2, 1, [("a", 1)], [97, 3], [("a", None), ("free", None)]),
        (2, 2, [("a", 1), ("b", 1)], [97, 3], [("a", None), ("b", None)]),
        (2, 2, [("a", 2)], [97], [("a", None), ("a", None)]),
        (1, 1, [("a", 1)], None, [("a", None)]),
    ],
    ids=["one holder of two", "of one", "another pod", "free", "half held", "two sessions",
         "not all measured", "no monitor"],
)  # fmt: skip
def test_a_box_is_as_busy_as_its_gpu_where_it_is_known_which_one_that_is(
    web: WebFunctions, gpus: int, used: int, held: list[tuple[str, int]],
    rates: list[float] | None, boxes: list[tuple[str, int | None]],
) -> None:  # fmt: skip
    holders = [{"session": session, "gpus": count} for session, count in held]
    measured = [{"index": n, "utilizationPercent": rate} for n, rate in enumerate(rates or [])]
    machine = None if rates is None else {"gpus": measured}
    node = {"name": "n", "gpus": gpus, "gpusUsed": used, "holders": holders, "machine": machine}

    found = web.call("text/machines", "boxes", node)

    assert [
        (box.get("session") or ("other" if box.get("other") else "free"), box.get("busy"))
        for box in found
    ] == boxes


@pytest.mark.parametrize(
    ("metric", "best"),
    [
        ("train/loss", "lowest"),
        ("val_accuracy", "highest"),
        ("eval/F1", "highest"),
        ("score_loss", "lowest"),
        ("perplexity", "lowest"),
    ],
)
def test_which_value_is_best_follows_from_the_name(
    web: WebFunctions, metric: str, best: str
) -> None:
    assert web.call("text/spark", "bestOf", metric) == best


def series(*values: float | str, start: int = 0) -> dict[str, Any]:
    points = [{"step": start + n, "value": value} for n, value in enumerate(values)]
    return {"name": "m", "total": len(points), "points": points}


def test_a_small_curve_leaves_out_what_is_no_number_and_goes_on(web: WebFunctions) -> None:
    spark = web.call("text/spark", "sparkOf", series(3, "NaN", 1, 2))
    later = web.call("text/spark", "sparkOf", series(9, 5, start=3))

    assert spark == {"points": [[0, 3], [2, 1], [3, 2]], "lowest": 1, "highest": 3}
    assert web.call("text/spark", "longer", spark, later) == {
        "points": [[0, 3], [2, 1], [3, 2], [4, 5]], "lowest": 1, "highest": 5,
    }  # fmt: skip
    assert web.call("text/spark", "longer", spark, None) == spark
    assert web.call("text/spark", "sparkOf", series("NaN")) == NONE
    assert web.call("text/spark", "polyline", spark) == "0.0,1.0 60.0,19.0 90.0,10.0"


def test_a_small_curve_stays_small_and_keeps_its_spikes(web: WebFunctions) -> None:
    spark = web.call("text/spark", "sparkOf", series(*[1.0] * 200))
    for start in range(200, 2000, 100):
        values = [1.0] * 100
        values[37] = 99.0 if start == 700 else 1.0
        later = web.call("text/spark", "sparkOf", series(*values, start=start))
        spark = web.call("text/spark", "longer", spark, later)
    steps = [step for step, _ in spark["points"]]

    assert len(steps) <= 340
    assert steps == sorted(set(steps))
    assert steps[-1] == 1999
    assert [737, 99] in spark["points"]


@pytest.mark.parametrize(
    ("steps", "direction", "expected"),
    [
        ([100, 200], 1, [150, 250]),
        ([100, 200], -1, [50, 150]),
        ([20, 120], -1, [0, 100]),
        ([5, 5], 1, [6, 6]),
    ],
    ids=["later", "earlier", "not below 0", "a single step"],
)
def test_a_stretch_of_steps_moves_by_half_its_length(
    web: WebFunctions, steps: list[int], direction: int, expected: list[int]
) -> None:
    assert web.call("text/steps", "moved", steps, direction) == expected
