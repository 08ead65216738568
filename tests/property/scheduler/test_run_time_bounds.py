"""Survival curves of any sessions: what few samples, running sessions and age may do to a bound."""

from __future__ import annotations

import math

from hypothesis import given, settings
from hypothesis import strategies as st

from trainyard_scheduler.durations.survival import SurvivalCurve

EXAMPLES = 300
seconds = st.integers(1, 60).map(float)
runs = st.lists(seconds, min_size=1, max_size=40)
misses = st.sampled_from([0.02, 0.05, 0.1, 0.2, 0.25, 0.5])


@settings(max_examples=EXAMPLES, deadline=None)
@given(runs, misses)
def test_of_equals_each_bound_misses_at_most_the_share_asked_for(
    times: list[float], miss: float
) -> None:
    """Each session in turn is predicted from all others: that is what exchangeable means."""
    short = long = 0
    for at, time in enumerate(times):
        others = SurvivalCurve.of(times[:at] + times[at + 1 :])
        longest = others.longest(miss)
        short += time < others.shortest(miss)
        long += longest is not None and time > longest

    assert short <= miss * len(times) + 1e-9
    assert long <= miss * len(times) + 1e-9


@settings(max_examples=EXAMPLES, deadline=None)
@given(runs, st.lists(seconds, max_size=20))
def test_a_curve_falls_from_one_towards_nothing(ended: list[float], running: list[float]) -> None:
    curve = SurvivalCurve.of(ended, running)

    assert list(curve.times) == sorted(set(ended))
    falls = [1.0, *curve.shares]
    assert all(before > after >= -1e-9 for before, after in zip(falls, falls[1:], strict=False))
    if not running:
        for time, share in zip(curve.times, curve.shares, strict=True):
            longer = sum(t > time for t in ended) / len(ended)
            assert math.isclose(share, longer, abs_tol=1e-9)


@settings(max_examples=EXAMPLES, deadline=None)
@given(runs, st.lists(seconds, max_size=20), seconds, misses)
def test_one_more_that_runs_makes_nobody_shorter(
    ended: list[float], running: list[float], more: float, miss: float
) -> None:
    before, after = SurvivalCurve.of(ended, running), SurvivalCurve.of(ended, [*running, more])

    assert after.shortest(miss) >= before.shortest(miss) or after.shortest(miss) == 0
    assert (after.longest(miss) or math.inf) >= (before.longest(miss) or math.inf)


@settings(max_examples=EXAMPLES, deadline=None)
@given(runs, st.lists(seconds, max_size=20), seconds, misses)
def test_bounds_lie_beyond_what_has_run_and_widen_with_certainty(
    ended: list[float], running: list[float], ran: float, miss: float
) -> None:
    curve = SurvivalCurve.of(ended, running)
    shortest, longest = curve.shortest(miss, ran), curve.longest(miss, ran)

    assert ran <= shortest
    assert longest is None or longest > ran
    assert longest is None or shortest <= longest
    assert curve.shortest(miss / 2, ran) <= shortest or shortest == ran
    assert (curve.longest(miss / 2, ran) or math.inf) >= (longest or math.inf)
    assert longest is None or curve.samples(ran) + 1 >= 1 / miss - 1e-9
