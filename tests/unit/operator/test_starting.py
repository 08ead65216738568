"""Workers that do not start, as a table: what Kubernetes shows → class, when it counts, in which words."""

# ruff: noqa: E501  # one case of a table is one line

from __future__ import annotations

from typing import Any

import pytest
from operator_state import CONFIG, NOW, make_job, make_pod, make_session, node

from trainyard_api.phase import RETRYABLE, UNCOUNTED, FailureClass, Phase, Reason
from trainyard_operator.core.attempts.surroundings import Surroundings
from trainyard_operator.core.lifecycle import evaluate
from trainyard_operator.core.session_state import SessionState
from trainyard_scheduler.admissibility import ADMISSIBLE
from trainyard_scheduler.facts import Node, Unready
from trainyard_scheduler.objects.model import Job, Pod, Session
from trainyard_scheduler.objects.warning_events import WarningEvent, WarningIndex

C = FailureClass
TIMEOUT = CONFIG.start_timeout_seconds
BOUND = {"assigned": "n1", "node": "n1", "scheduled": NOW, "created": NOW, "seen_by_kubelet": True}
CREATING = {**BOUND, "waiting_reason": "ContainerCreating"}
SILENT = Unready(silent=True, since=NOW - 400, message="Kubelet stopped posting node status.")
QUOTA = 'Error creating: pods "s1-0-abcde" is forbidden: exceeded quota: few, requested: pods=1, used: pods=5, limited: pods=3'
RANGE = 'Error creating: pods "s1-0-fghij" is forbidden: maximum memory usage per Container is 32Mi, but limit is 64Mi'
PULL = 'Failed to pull image "x": failed to do request: Head "https://r/v2": dial tcp 10.0.0.1:443: i/o timeout'


def warned(about: str, reason: str, message: str, at: float = NOW) -> WarningIndex:
    index = WarningIndex()
    index.put(WarningEvent("e1", about, 1, reason, message, at, at))
    return index


def state_of(
    session: Session,
    job: Job,
    pods: list[Pod],
    warnings: WarningIndex | None = None,
    nodes: tuple[Node, ...] = (node(),),
    now: float = NOW,
) -> SessionState:
    around = Surroundings({n.name: n for n in nodes}, warnings or WarningIndex())
    known = {p.uid: p for p in pods}
    return evaluate(session, {1: job}, known, ADMISSIBLE, True, now, CONFIG, (), around=around)


def starting(**status: Any) -> Session:
    return make_session(phase=Phase.STARTING, status={"attempt": 1, **status})


# what is seen of the pod (None: there is none), warning → class, seconds after which it counts, words
TABLE = [
    pytest.param(None, ("FailedCreate", QUOTA), C.QUOTA_EXCEEDED, TIMEOUT, "forbidden: exceeded quota: few, requested: pods=1", id="quota"),
    pytest.param(None, ("FailedCreate", RANGE), C.POD_REFUSED, TIMEOUT, "forbidden: maximum memory usage per Container is 32Mi", id="limit-range"),
    pytest.param(None, None, C.POD_REFUSED, TIMEOUT, "no event says why", id="no-pod-and-no-event"),
    pytest.param({"created": NOW, "unschedulable": "0/1 nodes: volume node affinity conflict", "unschedulable_since": NOW}, None, C.UNSCHEDULABLE, TIMEOUT, "volume node affinity conflict", id="unschedulable"),
    pytest.param({"created": NOW}, None, C.UNSCHEDULABLE, TIMEOUT, "kube-scheduler has not looked at pod", id="no-scheduler"),
    pytest.param({**BOUND, "seen_by_kubelet": False}, None, C.START_TIMEOUT, TIMEOUT, "The kubelet has not begun with pod", id="silent-kubelet"),
    pytest.param(CREATING, ("FailedCreatePodSandBox", 'no runtime for "nvidia" is configured'), C.START_TIMEOUT, TIMEOUT, 'no runtime for "nvidia" is configured', id="sandbox"),
    pytest.param(CREATING, ("FailedMount", "MountVolume.SetUp failed for volume x: timed out"), C.START_TIMEOUT, TIMEOUT, "MountVolume.SetUp failed", id="mount"),
    pytest.param(CREATING, None, C.START_TIMEOUT, TIMEOUT, "on node n1 are not created", id="creating-without-a-word"),
    pytest.param({**CREATING, "sandboxed": True}, None, C.START_TIMEOUT, 3600, "images of pod", id="long-pull"),
    pytest.param({**BOUND, "waiting_reason": "PodInitializing", "sandboxed": True}, None, C.START_TIMEOUT, 3600, "init containers run", id="long-preparation"),
    pytest.param({**BOUND, "waiting_reason": "InvalidImageName", "waiting_message": "bad"}, None, C.INVALID_IMAGE, 0, "bad", id="no-image-name"),
    pytest.param({**BOUND, "waiting_reason": "ErrImageNeverPull", "waiting_message": "never"}, None, C.INVALID_IMAGE, 0, "never", id="never-pulled"),
    pytest.param({**BOUND, "waiting_reason": "ImagePullBackOff", "waiting_message": "Back-off pulling"}, ("Failed", "manifest unknown: not found"), C.IMAGE_UNAVAILABLE, TIMEOUT, "not found", id="no-such-image"),
    pytest.param({**BOUND, "waiting_reason": "ErrImagePull", "waiting_message": "unauthorized"}, None, C.IMAGE_UNAVAILABLE, TIMEOUT, "unauthorized", id="no-right-to-pull"),
    pytest.param({**BOUND, "waiting_reason": "ImagePullBackOff", "waiting_message": "Back-off pulling"}, ("Failed", PULL), C.REGISTRY_UNAVAILABLE, TIMEOUT, "i/o timeout", id="registry-away"),
    pytest.param({**BOUND, "waiting_reason": "ErrImagePull", "waiting_message": "429 Too Many Requests"}, None, C.REGISTRY_UNAVAILABLE, TIMEOUT, "429", id="too-many-pulls"),
    pytest.param({**BOUND, "waiting_reason": "CreateContainerConfigError", "waiting_message": 'secret "hub" not found'}, None, C.CONTAINER_CONFIG, 0, "hub", id="no-secret"),
    pytest.param({**BOUND, "waiting_reason": "CreateContainerConfigError", "waiting_message": "failed to sync secret cache: timed out waiting for the condition"}, None, C.START_TIMEOUT, TIMEOUT, "failed to sync", id="secret-not-read-yet"),
    pytest.param({**BOUND, "waiting_reason": "CreateContainerError", "waiting_message": "context deadline exceeded"}, None, C.START_TIMEOUT, TIMEOUT, "context deadline exceeded", id="slow-runtime"),
    pytest.param({**BOUND, "waiting_reason": "PodInitializing", "setup_reason": "ImagePullBackOff", "setup_message": "no such image"}, None, C.SETUP_FAILED, TIMEOUT, "no such image", id="our-own-image"),
]  # fmt: skip


@pytest.mark.parametrize(("seen", "warning", "kind", "patience", "words"), TABLE)
def test_what_keeps_a_worker_from_its_start(
    seen: dict[str, Any] | None,
    warning: tuple[str, str] | None,
    kind: FailureClass,
    patience: float,
    words: str,
) -> None:
    session = starting()
    job = make_job(session, created=NOW)
    pods = [] if seen is None else [make_pod(job, session, "Pending", **seen)]
    about = pods[0].uid if pods else job.uid
    index = warned(about, *warning) if warning else None
    if patience:
        before = state_of(session, job, pods, index, now=NOW + patience - 1)
        assert "failure" not in before.changes
        assert before.wake == NOW + patience
        assert words in before.message, "it is told before it counts"
    after = state_of(session, job, pods, index, now=NOW + patience)
    assert after.changes["failure"]["class"] == kind
    assert words in after.changes["failure"]["message"]
    assert "abcde" not in after.message, "the name of a refused pod is another one each time"


@pytest.mark.parametrize(
    "seen",
    [CREATING, {**BOUND, "seen_by_kubelet": False}],
    ids=["creating", "silent-kubelet"],
)
def test_a_start_that_goes_its_usual_way_is_told_late(seen: dict[str, Any]) -> None:
    session = starting()
    job = make_job(session, created=NOW)
    pods = [make_pod(job, session, "Pending", **seen)]
    young = state_of(session, job, pods, now=NOW + 10)
    assert (young.message, young.wake) == (Reason.PODS_STARTING.sentence, NOW + TIMEOUT / 2)
    assert pods[0].name in state_of(session, job, pods, now=NOW + TIMEOUT / 2).message


def test_a_pull_that_fails_late_has_its_time_from_there() -> None:
    session = starting()
    job = make_job(session, created=NOW)
    seen = {**BOUND, "sandboxed": True, "waiting_reason": "ErrImagePull", "waiting_message": "x"}
    pods = [make_pod(job, session, "Pending", **seen)]
    index = warned(pods[0].uid, "Failed", "reset", NOW + 900)
    assert state_of(session, job, pods, index, now=NOW + 1000).wake == NOW + 900 + TIMEOUT
    assert "failure" in state_of(session, job, pods, index, now=NOW + 1020).changes


def test_a_gang_says_what_its_slowest_worker_waits_for() -> None:
    session = make_session(workers=3, phase=Phase.STARTING, status={"attempt": 1})
    job = make_job(session, created=NOW)
    runs = make_pod(job, session, worker=0)
    waits = make_pod(job, session, "Pending", worker=1, **CREATING)
    index = warned(job.uid, "FailedCreate", QUOTA)
    found = state_of(session, job, [runs, waits], index, now=NOW + 5)
    assert "no pod for worker 2 of Job" in found.message
    found = state_of(session, job, [runs, waits], index, now=NOW + TIMEOUT)
    assert found.changes["failure"]["class"] == C.QUOTA_EXCEEDED


def test_a_job_that_somebody_suspended_is_named() -> None:
    session = starting()
    job = make_job(session, created=NOW, suspended=True)
    assert job.name in state_of(session, job, [], now=NOW + 1).message


LOST = [
    pytest.param((node(unready=SILENT, usable=False),), "Node n1 does not answer since", id="silent"),
    pytest.param((node("n2"),), "Node n1 is not there any more.", id="deleted"),
]  # fmt: skip


@pytest.mark.parametrize(("nodes", "words"), LOST)
def test_a_start_on_a_lost_node_goes_back_to_the_queue(nodes: tuple[Node, ...], words: str) -> None:
    session = starting()
    job = make_job(session, created=NOW)
    pods = [make_pod(job, session, "Pending", **CREATING)]
    assert words in state_of(session, job, pods, nodes=nodes, now=NOW + 5).message
    found = state_of(session, job, pods, nodes=nodes, now=NOW + TIMEOUT)
    assert (found.phase, found.reason) == (Phase.SUSPENDING, Reason.DISRUPTED)
    assert found.changes["disruption"]["reason"] == "NodeLost"
    # Its Job is deleted once that is written; the pod stays, as nobody on the node ends it.
    told = make_session(
        phase=Phase.SUSPENDING,
        status={"attempt": 1, "disrupted_attempt": 1, "disruption_reason": "NodeLost"},
    )
    assert state_of(told, job, pods, nodes=nodes).delete_jobs == (job,)
    after = state_of(told, make_job(told, finished="Failed", reason="x"), [], nodes=nodes)
    assert (after.phase, after.changes["preemptions"]) == (Phase.QUEUED, 1)
    assert "failures" not in after.changes


CLASSES = sorted({row.values[2] for row in TABLE})


@pytest.mark.parametrize("kind", CLASSES, ids=str)
def test_what_follows_is_the_classes_own(kind: FailureClass) -> None:
    """The status has the failure; the Job is deleted and gone."""
    failure = {"failed_attempt": 1, "failure_class": kind, "failure_alike": 3}
    session = starting(**failure, failure_message="as the kubelet says", failures=0)
    job = make_job(session)
    assert state_of(session, job, []).delete_jobs == (job,)
    found = evaluate(session, {}, {}, ADMISSIBLE, True, NOW, CONFIG)
    assert "as the kubelet says" in found.message
    if kind in UNCOUNTED:
        assert (found.phase, found.reason) == (Phase.QUEUED, Reason.WAITING_FOR_RETRY)
        assert "failures" not in found.changes
        assert found.wake == NOW + 40, "the pause doubles while it lasts"
    elif kind in RETRYABLE:
        assert (found.phase, found.changes["failures"]) == (Phase.QUEUED, 1)
    else:
        assert (found.phase, found.reason) == (Phase.FAILED, kind)


def test_the_registrys_trouble_never_ends_a_session() -> None:
    failure = {"failed_attempt": 1, "failure_class": "RegistryUnavailable", "failure_alike": 60}
    session = starting(**failure, failures=3)
    found = evaluate(session, {}, {}, ADMISSIBLE, True, NOW, CONFIG)
    assert (found.phase, found.wake) == (Phase.QUEUED, NOW + 3600)


# ── it runs, and its node does not ────────────────────────────────────────────────────────────

RAN = {"attempt": 1, "attempt_started": NOW - 40, "started": NOW - 40, "queued": NOW - 90}


def test_a_dead_node_is_told_while_it_lasts() -> None:
    session = make_session(phase=Phase.RUNNING, status=RAN)
    job = make_job(session)
    nodes = (node(unready=SILENT, usable=False),)
    found = state_of(session, job, [make_pod(job, session)], nodes=nodes)
    assert (found.phase, found.reason) == (Phase.RUNNING, Reason.NODE_NOT_READY)
    assert "Node n1 does not answer since" in found.message
    assert "kubectl delete node n1" in found.message
    assert "out-of-service" in found.message
    lost = make_pod(job, session, deleting=True, disruption="DeletionByTaintManager")
    found = state_of(session, job, [lost], nodes=nodes)
    assert (found.phase, found.reason) == (Phase.RUNNING, Reason.NODE_NOT_READY)
    assert "kubectl delete node n1" in found.message


def test_a_deleted_node_need_not_be_deleted_again() -> None:
    session = make_session(phase=Phase.RUNNING, status=RAN)
    job = make_job(session)
    found = state_of(session, job, [make_pod(job, session)], nodes=(node("n2"),))
    assert (found.phase, found.reason) == (Phase.RUNNING, Reason.NODE_NOT_READY)
    assert found.message.startswith("Node n1 is not there any more. Kubernetes removes its pods")
    assert "kubectl delete node" not in found.message


def test_a_node_that_says_itself_that_it_is_not_ready_is_told_in_its_words() -> None:
    session = make_session(phase=Phase.RUNNING, status=RAN)
    job = make_job(session)
    ill = Unready(silent=False, since=NOW - 5, message="cni plugin not initialized")
    found = state_of(session, job, [make_pod(job, session)], nodes=(node(unready=ill),))
    assert "cni plugin not initialized" in found.message


# ── it does not go ────────────────────────────────────────────────────────────────────────────

GOING = {"deleting": True, "deletion": NOW - 60, "deletion_end": NOW}


@pytest.mark.parametrize("nodes", [(node(),), (node(unready=SILENT),)], ids=["well", "silent"])
@pytest.mark.parametrize("phase", [Phase.SUSPENDING, Phase.RUNNING], ids=str)
def test_a_pod_that_does_not_end_is_named(phase: Phase, nodes: tuple[Node, ...]) -> None:
    session = make_session(phase=phase, status={**RAN, "preempting": True})
    pod = make_pod(make_job(session), session, **GOING)
    known = {pod.uid: pod}
    around = Surroundings({n.name: n for n in nodes})

    def at(now: float) -> SessionState:
        return evaluate(session, {}, known, ADMISSIBLE, True, now, CONFIG, around=around)

    silent = nodes[0].unready is not None
    young = at(NOW)
    assert (pod.name in young.message) is silent
    assert young.wake == NOW + 30
    late = at(NOW + 30)
    assert f"Not gone yet: {pod.name} on node n1." in late.message
    assert ("kubectl delete node n1" in late.message) is silent
    waiting = make_session(phase=Phase.QUEUED, status={"attempt": 1, "queued": NOW})
    job = make_job(session, finished="Failed")
    found = evaluate(waiting, {1: job}, known, ADMISSIBLE, True, NOW + 30, CONFIG, around=around)
    assert found.reason == Reason.WAITING_FOR_PREVIOUS_PODS
    assert pod.name in found.message


def test_the_operators_own_verdict_is_not_overwritten() -> None:
    stated = {**RAN, "failed_attempt": 1, "failure_class": "Stalled", "failure_message": "no step"}
    session = make_session(workers=2, phase=Phase.RUNNING, status=stated)
    job = make_job(session)
    killed = make_pod(job, session, "Failed", worker=0, exit_code=137, ended=NOW)
    ending = make_pod(job, session, worker=1, deleting=True)
    known = {p.uid: p for p in (killed, ending)}
    found = evaluate(session, {}, known, ADMISSIBLE, True, NOW, CONFIG)
    assert "failure" not in found.changes


# ── another container beside the program ──────────────────────────────────────────────────────

BESIDE = {"exit_code": 0, "started": NOW - 100, "ended": NOW - 30}


def test_a_program_that_ended_well_beside_a_container_that_runs_on_has_succeeded() -> None:
    session = make_session(phase=Phase.RUNNING, status=RAN)
    job = make_job(session)
    pods = [make_pod(job, session, **BESIDE)]
    waits = state_of(session, job, pods, now=NOW - 15)
    assert (waits.phase, waits.wake) == (Phase.RUNNING, NOW)
    found = state_of(session, job, pods)
    assert found.phase == Phase.SUCCEEDED
    done = make_session(phase=Phase.SUCCEEDED, status=RAN)
    assert state_of(done, job, pods).delete_jobs == (job,)


def test_a_program_that_failed_beside_a_container_that_runs_on_has_failed() -> None:
    session = make_session(phase=Phase.RUNNING, status=RAN)
    job = make_job(session)
    pods = [make_pod(job, session, **{**BESIDE, "exit_code": 65})]
    found = state_of(session, job, pods, now=NOW - 15)
    assert found.changes["failure"]["class"] == C.BAD_DATA
    failure = {"failed_attempt": 1, "failure_class": "BadData", "failure_time": NOW}
    told = make_session(phase=Phase.RUNNING, status={**RAN, **failure})
    waits = state_of(told, job, pods, now=NOW + 89)
    assert (waits.delete_jobs, waits.wake) == ((), NOW + 90)
    assert state_of(told, job, pods, now=NOW + 90).delete_jobs == (job,)
    after = evaluate(told, {}, {}, ADMISSIBLE, True, NOW, CONFIG)
    assert (after.phase, after.reason) == (Phase.FAILED, "BadData")
