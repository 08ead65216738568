"""The usual run time of a kind: the median over its last nine successful sessions that exist."""

from __future__ import annotations

from operator_state import NOW, make_session, make_state

from trainyard_api.phase import Phase
from trainyard_scheduler.durations.usual import SESSIONS_COUNTED, Durations
from trainyard_scheduler.objects.model import Session
from trainyard_scheduler.objects.store import ClusterState


def ended(name: str, seconds: int, at: float, phase: Phase = Phase.SUCCEEDED) -> Session:
    return make_session(name, phase=phase, status={"run_seconds": seconds, "completed": at})


def usual(state: ClusterState) -> float | None:
    return state.durations.usual_seconds.get(1)


def test_it_is_the_median_of_the_successful_ones() -> None:
    state = make_state(ended("a", 10, NOW), ended("b", 20, NOW + 1), ended("c", 900, NOW + 2))
    state.put_session(ended("d", 5, NOW + 3, Phase.FAILED))

    assert usual(state) == 20


def test_only_the_last_to_complete_count_in_whatever_order_they_come() -> None:
    sessions = [ended(f"s{i}", 100 + i, NOW + i) for i in range(3 * SESSIONS_COUNTED)]
    forwards, backwards = make_state(*sessions), make_state(*reversed(sessions))

    assert usual(forwards) == usual(backwards) == 100 + 2 * SESSIONS_COUNTED + 4


def test_a_session_that_is_gone_or_changed_does_not_count_as_before() -> None:
    state = make_state(ended("a", 10, NOW), ended("b", 30, NOW + 1))
    assert usual(state) == 20

    state.put_session(ended("b", 50, NOW + 1))
    assert usual(state) == 30
    state.drop_session("uid-b")
    assert usual(state) == 10
    state.drop_session("uid-a")
    assert usual(state) is None


def test_kinds_do_not_mix() -> None:
    durations = Durations()
    durations.put("a", 1, NOW, 10)
    durations.put("b", 2, NOW, 70)
    durations.put("a", 2, NOW, 30)

    assert durations.usual_seconds == {2: 50}
