"""Random ends of attempts: no session is Succeeded whose goal a disruption, or its own end, came before."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import event, given, settings
from hypothesis import strategies as st
from operator_state import CONFIG, NOW, make_job, make_pod, make_session

from trainyard_api.phase import DesiredState, Phase
from trainyard_operator.core.lifecycle import evaluate
from trainyard_scheduler.admissibility import ADMISSIBLE

GOAL = 1000
FINISH = NOW - 100
MARKS = ("EvictionByEvictionAPI", "DeletionByTaintManager", "TerminationByKubelet", "New", "")
STATES = ("", "Evicted", "NodeLost", "Terminated", "Shutdown", "Preempting")

steps = st.sampled_from([0, 16, 500, 998, 999, 1000, 1001])
times = st.floats(FINISH - 200, FINISH + 200) | st.none()
words = st.none() | st.builds(
    lambda step, stride: json.dumps({"end": {"step": step, "totalSteps": GOAL, "stride": stride}}),
    steps,
    st.integers(1, 200),
)
pods = st.fixed_dictionaries(
    {
        "disruption": st.sampled_from(MARKS),
        "disrupted": times,
        "reason": st.sampled_from(STATES),
        "deleting": st.booleans(),
        "deletion": times,
        "ended": st.floats(FINISH - 200, FINISH),
        "message": st.just(""),
    }
)
statuses = st.fixed_dictionaries(
    {
        "attempt": st.just(1),
        "attempt_started": st.just(NOW - 900),
        "progress_attempt": st.sampled_from([0, 1]),
        "steps_done": steps,
        "steps_total": st.sampled_from([0, GOAL]),
        "steps_per_second": st.sampled_from([0.0, 1.0, 1e18]),
        "eta_at": times,
        "disrupted_attempt": st.sampled_from([0, 1]),
        "disruption_reason": st.just("EvictionByEvictionAPI"),
        "preempting": st.booleans(),
        "failed_attempt": st.sampled_from([0, 0, 1]),
        "failure_class": st.sampled_from(["Stalled", "ProgramError"]),
    }
)
phases = st.sampled_from([Phase.STARTING, Phase.RUNNING, Phase.SUSPENDING, Phase.STOPPING])


def marked(pod: dict[str, Any]) -> bool:
    """Whether the cluster certainly took the pod away before it had ended."""
    since = pod["disrupted"]
    early = since is None or (since <= FINISH and since <= pod["ended"])
    return bool(pod["disruption"] or pod["reason"]) and early


@settings(max_examples=150)
@given(
    status=statuses,
    ends=st.lists(pods, max_size=3),
    word=words,
    workers=st.integers(1, 3),
    phase=phases,
    desired=st.sampled_from(list(DesiredState)),
    job_deleting=st.booleans(),
    after=st.sampled_from([0.0, 50.0, 5000.0]),
)
def test_no_end_before_the_goal_is_a_success(
    status: dict[str, Any],
    ends: list[dict[str, Any]],
    word: str | None,
    workers: int,
    phase: Phase,
    desired: DesiredState,
    job_deleting: bool,
    after: float,
) -> None:
    session = make_session(workers=workers, phase=phase, desired=desired, status=status)
    job = make_job(session, finished="Complete", finish_time=FINISH, deleting=job_deleting)
    ends = ends[:workers]
    made = [
        make_pod(job, session, "Succeeded", worker=i, exit_code=0, **end)
        for i, end in enumerate(ends)
    ]
    if word and made:
        made[0] = make_pod(
            job, session, "Succeeded", exit_code=0, termination_message=word, **ends[0]
        )
    known = {p.uid: p for p in made}
    now = NOW + after

    found = evaluate(session, {1: job}, known, ADMISSIBLE, True, now, CONFIG)

    event(str(found.phase))
    said = json.loads(word)["end"] if word and made else None
    reported = status["progress_attempt"] == 1 and status["steps_total"] > 0
    step = said["step"] if said else status["steps_done"] if reported else None
    disrupted = any(marked(end) for end in ends)
    if disrupted and (step is None or step < GOAL):
        assert found.phase != Phase.SUCCEEDED
    if said and step is not None and step + max(1, said["stride"]) < GOAL:
        assert found.phase != Phase.SUCCEEDED
    if step is not None and step >= GOAL:
        assert found.phase == Phase.SUCCEEDED
    if after == 5000.0:
        assert found.phase not in (Phase.STARTING, Phase.RUNNING), "a verdict comes in the end"
