"""What the API says of queues."""

from __future__ import annotations

from typing import Any

from trainyard_gateway.queues.info import queue_infos


def queue(name: str, status: dict[str, Any] | None = None, **spec: Any) -> dict[str, Any]:
    metadata = {"name": name, "uid": f"uid-{name}", "resourceVersion": "1", "generation": 1}
    return {"metadata": metadata, "spec": spec, "status": status or {}}


def test_shares_are_by_weight_among_queues_that_are_not_paused() -> None:
    found = queue_infos([queue("b", weight=3), queue("a"), queue("c", weight=7, paused=True)])

    assert [(each.name, each.share) for each in found] == [("a", 0.25), ("b", 0.75), ("c", 0.0)]


def test_limits_and_counts_are_told_and_what_is_not_counted_is_absent() -> None:
    status = {"running": 2, "waiting": 0, "gpusUsed": 6, "gpusTotal": 8}
    counted, fresh = queue_infos(
        [queue("a", status, gpuQuota=4, borrow=False, maxGpusPerSession=8), queue("b")]
    )

    assert (counted.gpu_quota, counted.borrow, counted.max_gpus_per_session) == (4, False, 8)
    assert (counted.running, counted.waiting, counted.gpus_used, counted.gpus_total) == (2, 0, 6, 8)
    assert (fresh.queueing_strategy, fresh.time_slice_seconds) == ("BestEffortFIFO", None)
    assert (fresh.gpu_quota, fresh.running, fresh.waiting, fresh.gpus_used) == (None,) * 4


def test_a_time_slice_belongs_to_shortest_remaining_time() -> None:
    shortest = {"queueingStrategy": "ShortestRemainingTime"}
    found = queue_infos(
        [
            queue("a", **shortest),
            queue("b", **shortest, timeSliceSeconds=60),
            queue("c", timeSliceSeconds=60),
        ]
    )

    assert [(each.queueing_strategy, each.time_slice_seconds) for each in found] == [
        ("ShortestRemainingTime", 3600),
        ("ShortestRemainingTime", 60),
        ("BestEffortFIFO", None),
    ]


def test_a_queue_that_makes_no_sense_hides_no_other_one() -> None:
    assert [each.name for each in queue_infos([queue("bad", weight="x"), queue("good")])] == [
        "good"
    ]


def test_where_all_are_paused_no_queue_has_a_share() -> None:
    assert [each.share for each in queue_infos([queue("a", paused=True)])] == [0.0]
