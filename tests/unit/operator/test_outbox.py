"""Which write goes next: truth table of the outbox and of the lanes, and how many waiting sessions one look tells."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from operator_state import CONFIG, NOW, make_job, make_pod, make_session, make_state, node, shape

from trainyard_api.phase import DesiredState, Phase, Reason
from trainyard_operator.core.actions import (
    CreateJob,
    DeleteJobs,
    DeleteSession,
    Lane,
    PatchQueue,
    PatchStatus,
    Write,
)
from trainyard_operator.core.cache import DecisionCache
from trainyard_operator.core.decide import decide
from trainyard_operator.core.outbox import PATIENCE, Outbox, replaceable
from trainyard_operator.core.queue_status import QueueStatus
from trainyard_scheduler.forecast import QueuePosition
from trainyard_scheduler.objects.model import Assumed


def create(uid: str) -> CreateJob:
    return CreateJob(uid, f"job-{uid}", 1, ("n1",), shape(), {})


def delete(uid: str) -> DeleteJobs:
    return DeleteJobs(uid, ((f"job-{uid}", "u"),))


def status(uid: str, lane: Lane = Lane.PHASES, text: str = "") -> PatchStatus:
    return PatchStatus(uid, uid, 1, {"status": {"message": text}}, lane=lane)


def drain(outbox: Outbox, lane: Lane, now: float = 0.0) -> list[Write]:
    """Everything that a lane gives until it has to wait, each sent at once."""
    found = []
    while (write := outbox.take(lane, now)) is not None:
        found.append(write)
        outbox.sent(write.uid)
    return found


@pytest.mark.parametrize(
    ("write", "lane", "may_be_replaced"),
    [
        (create("a"), Lane.JOBS, False),
        (delete("a"), Lane.JOBS, False),
        (status("a", Lane.JOBS), Lane.JOBS, False),
        (status("a"), Lane.PHASES, True),
        (DeleteSession("a", "a"), Lane.PHASES, False),
        (status("a", Lane.INFORMATIONAL), Lane.INFORMATIONAL, True),
        (PatchQueue("a", "a", {}), Lane.INFORMATIONAL, False),
    ],
    ids=[
        "create a Job",
        "delete a Job",
        "status before a Job",
        "status",
        "delete a session",
        "informational status",
        "queue",
    ],
)
def test_lane_of_each_write(write: Write, lane: Lane, may_be_replaced: bool) -> None:
    assert write.lane == lane
    assert replaceable(write) is may_be_replaced


def test_jobs_are_made_before_any_are_deleted_and_both_before_all_others() -> None:
    outbox = Outbox()
    writes = [
        status("n", Lane.INFORMATIONAL),
        status("p"),
        status("l", Lane.JOBS),
        delete("d"),
        create("c"),
    ]
    for write in writes:
        outbox.put(write)
    assert outbox.take(Lane.PHASES, 0.0) == writes[1], "this lane has waited long enough"
    assert outbox.take(Lane.INFORMATIONAL, 0.0) == writes[0]
    outbox.put(status("p2"))
    outbox.put(status("n2", Lane.INFORMATIONAL))
    assert outbox.take(Lane.PHASES, 0.1) is None
    assert [w.uid for w in drain(outbox, Lane.JOBS)] == ["c", "l", "d"]
    assert outbox.take(Lane.INFORMATIONAL, 0.1) is None
    assert [w.uid for w in drain(outbox, Lane.PHASES, 0.1)] == ["p2"]
    assert [w.uid for w in drain(outbox, Lane.INFORMATIONAL, 0.1)] == ["n2"]


@pytest.mark.parametrize("lane", [Lane.PHASES, Lane.INFORMATIONAL])
def test_no_lane_is_held_back_for_ever(lane: Lane) -> None:
    outbox = Outbox()
    for uid in ("a", "b"):
        outbox.put(status(uid, lane))
    outbox.put(create("c"))
    assert outbox.take(lane, 0.0) is not None
    assert outbox.take(lane, PATIENCE[lane] - 0.01) is None
    assert outbox.take(lane, PATIENCE[lane]) is not None


def test_a_session_has_one_write_under_way() -> None:
    outbox = Outbox()
    outbox.put(status("a", Lane.INFORMATIONAL))
    assert outbox.take(Lane.INFORMATIONAL, 0.0) is not None
    outbox.put(create("a"))
    outbox.put(create("b"))
    assert [w.uid for w in drain(outbox, Lane.JOBS)] == ["b"], "the other need not wait"
    assert outbox.promises("a")
    outbox.sent("a")
    assert outbox.promises("a"), "its Job is still to be made"
    assert [w.uid for w in drain(outbox, Lane.JOBS)] == ["a"]
    assert not outbox.promises("a")


def test_a_later_status_replaces_an_earlier_one_in_its_place() -> None:
    outbox = Outbox()
    for uid in ("a", "b"):
        outbox.put(status(uid, text="early"))
    outbox.withdraw("a")
    outbox.put(status("a", text="late"))
    outbox.put(status("b", text="late"))
    assert outbox.waiting(Lane.PHASES) == 2
    assert drain(outbox, Lane.PHASES) == [status("a", text="late"), status("b", text="late")]


def test_a_status_that_turned_out_urgent_is_no_news_any_more() -> None:
    outbox = Outbox()
    outbox.put(status("a", Lane.INFORMATIONAL))
    outbox.put(status("a", Lane.PHASES))
    assert (outbox.waiting(Lane.INFORMATIONAL), outbox.waiting(Lane.PHASES)) == (0, 1)
    outbox.put(status("a", Lane.JOBS))
    assert (outbox.waiting(Lane.PHASES), outbox.waiting(Lane.JOBS)) == (0, 1)


def test_a_withdrawn_status_is_never_sent() -> None:
    outbox = Outbox()
    outbox.put(status("a"))
    outbox.withdraw("a")
    outbox.withdraw("never put")
    assert outbox.waiting(Lane.PHASES) == 0
    assert drain(outbox, Lane.PHASES) == []


def test_a_job_makes_what_its_session_was_to_be_told_as_a_waiting_one_void() -> None:
    outbox = Outbox()
    outbox.put(status("a", Lane.INFORMATIONAL))
    outbox.put(create("a"))
    assert drain(outbox, Lane.JOBS) == [create("a")]
    assert drain(outbox, Lane.INFORMATIONAL) == []


# ── what decisions hand out ───────────────────────────────────────────────────────────────────────────────


def statuses(writes: tuple[Write, ...]) -> dict[str, PatchStatus]:
    return {w.name: w for w in writes if isinstance(w, PatchStatus)}


def _running(name: str, desired: DesiredState = DesiredState.RUNNING, **pod: Any) -> list[Any]:
    session = make_session(name, phase=Phase.RUNNING, desired=desired, status={"attempt": 1})
    job = make_job(session)
    return [session, job, make_pod(job, session, **pod)]


def test_only_what_a_deletion_waits_for_is_urgent() -> None:
    ended = {"phase": "Succeeded", "ended": NOW - 60}
    stuck = {"phase": "Pending", "unschedulable": "no room", "unschedulable_since": NOW - 1000}
    state = make_state(
        node(gpus=16),
        *_running("stop", DesiredState.STOPPED),
        *_running("suspend", DesiredState.SUSPENDED),
        *_running("stuck", **stuck),
        *_running("runs"),
        *_running("ends", **ended),
        *_running("starts", phase="Pending"),
        make_session("unknown", spec={"queue": "nowhere"}),
    )
    lanes = {name: w.lane for name, w in statuses(decide(state, NOW, CONFIG).writes).items()}
    urgent = dict.fromkeys(("stop", "suspend", "stuck"), Lane.JOBS)
    assert urgent.items() <= lanes.items()
    informational = {"starts": Lane.INFORMATIONAL}
    rest = dict.fromkeys(("runs", "ends", "unknown"), Lane.PHASES)
    assert lanes == {**urgent, **rest, **informational}


def _queue_of(count: int) -> list[Any]:
    return [make_session(f"s{i:03}", status={"queued": NOW - 1000 + i}) for i in range(count)]


def test_positions_are_published_at_a_bounded_rate_from_the_front_and_for_everyone() -> None:
    state, cache = (
        make_state(node(gpus=0), node("n2", gpus=1), *_queue_of(30)),
        DecisionCache.create(CONFIG.installation),
    )
    (job,) = decide(state, NOW, CONFIG, cache, status_updates=0).writes
    assert isinstance(job, CreateJob), "Jobs do not wait for positions"
    state.begin(job.uid, Assumed(job.attempt, job.nodes, job.shape))
    published: list[str] = []
    for _ in range(3):
        writes = decide(state, NOW, CONFIG, cache, status_updates=10).writes
        names = list(statuses(writes))
        assert len(names) <= 10
        assert all(w.lane == Lane.INFORMATIONAL for w in writes)
        published += names
        for name in names:
            state.begin(f"uid-{name}")
    assert published == [f"s{i:03}" for i in range(1, 30)]


def _position(reason: Reason, position: int = 10) -> QueueStatus:
    return QueueStatus(QueuePosition(position, position - 1, position - 1, reason), NOW)


@pytest.mark.parametrize(
    ("published", "reason", "must"),
    [
        (Reason.WAITING_FOR_TURN, Reason.WAITING_FOR_GPUS, False),
        (Reason.WAITING_FOR_GPUS, Reason.WAITING_FOR_RESOURCES, False),
        (Reason.RESERVED_FOR_OTHER, Reason.WAITING_FOR_TURN, False),
        (Reason.WAITING_FOR_TURN, Reason.QUEUE_PAUSED, True),
        (Reason.QUEUE_PAUSED, Reason.WAITING_FOR_TURN, True),
        (Reason.WAITING_FOR_GPUS, Reason.WAITING_FOR_QUOTA, True),
        (Reason.WAITING_FOR_USER_LIMIT, Reason.WAITING_FOR_GPUS, True),
    ],
)
def test_reasons_that_change_without_action_are_rate_limited(
    published: Reason, reason: Reason, must: bool
) -> None:
    change = _position(reason).change(_position(published).render())
    assert (change == float("inf")) is must
    assert change >= 1
    assert _position(reason).change(_position(reason).render()) == 0
    assert 0 < _position(reason).change(_position(reason, 11).render()) < 1


@pytest.mark.parametrize(
    ("before", "later", "earliest", "other"),
    [
        pytest.param(600, 100, 600, False, id="the same time"),
        pytest.param(0, 300, 300, False, id="at any time, as before"),
        pytest.param(600, 0, 0, True, id="much sooner"),
        pytest.param(0, 300, 900, True, id="not yet after all"),
    ],
)
def test_an_estimate_is_written_again_only_if_it_says_something_else(
    before: int, later: int, earliest: int, other: bool
) -> None:
    """All are seconds after `NOW`; the second estimate is made at `later`."""
    published = QueueStatus(_found(NOW + before), NOW).render()
    change = QueueStatus(_found(NOW + earliest), NOW + later).change(published)

    assert (change > 0) is other


def _found(earliest: float) -> QueuePosition:
    return QueuePosition(1, 0, 0, Reason.WAITING_FOR_GPUS, earliest, NOW + 5000)


def test_a_patch_is_bound_to_the_version_that_it_was_made_from() -> None:
    session = replace(make_session("a", spec={"queue": "nowhere"}), version=42)
    assert statuses(decide(make_state(session), NOW, CONFIG).writes)["a"].version == 42


def test_that_a_dataset_is_being_looked_up_is_written_only_when_it_lasts() -> None:
    state = make_state(make_session("a", spec={"datasets": ("d",)}, created=NOW - 1))
    first = decide(state, NOW, CONFIG)
    assert (statuses(first.writes), first.wake) == ({}, NOW + 1)
    assert set(statuses(decide(state, NOW + 1, CONFIG).writes)) == {"a"}
