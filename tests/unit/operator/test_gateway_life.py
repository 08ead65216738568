"""A session is called stalled only if the gateway was there to show its steps: truth tables, and what the operator sees of the Lease."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

import pytest
from operator_state import CONFIG, NOW, make_job, make_pod, make_session, text

from trainyard_api.phase import Phase
from trainyard_kube import KubeClient, errors
from trainyard_operator.core.attempts.gateway_life import (
    LOOK_SECONDS,
    USUAL_PAUSE_SECONDS,
    GatewayLife,
    StallClock,
    pause_of,
    stall_clock,
)
from trainyard_operator.core.attempts.surroundings import Surroundings
from trainyard_operator.core.lifecycle import evaluate
from trainyard_operator.core.session_state import SessionState
from trainyard_operator.leases.gateway_watch import GatewayWatch
from trainyard_scheduler.admissibility import ADMISSIBLE

TIMEOUT = 100.0
LOOK = NOW + LOOK_SECONDS


def life(
    renewed: float | None = None, steady: float | None = None, watched: float = -1000
) -> GatewayLife:
    """By seconds from now."""
    return GatewayLife(
        NOW + watched,
        renewed=None if renewed is None else NOW + renewed,
        steady=None if steady is None else NOW + steady,
    )


STALLS: dict[str, tuple[float, GatewayLife | None, StallClock]] = {
    "no Lease, in time": (-99, None, StallClock(False, NOW + 1)),
    "no Lease, too late": (-100, None, StallClock(True, NOW)),
    "alive, in time": (-99, life(-1, -900), StallClock(False, NOW + 1)),
    "alive, too late": (-105, life(-1, -900), StallClock(True, NOW - 5)),
    "no renewal since its time was over": (-101, life(-2, -900), StallClock(False, LOOK)),
    "a renewal when its time was over": (-102, life(-2, -900), StallClock(True, NOW - 2)),
    "silent": (-150, life(-60, -900), StallClock(False, LOOK, NOW - 60)),
    "silent, but it had stalled before": (-300, life(-60, -900), StallClock(True, NOW - 200)),
    "silent, in time": (-90, life(-60, -900), StallClock(False, NOW + 10)),
    "back a moment ago": (-5000, life(0, 0), StallClock(False, LOOK)),
    "back for less than the timeout": (-5000, life(-1, -99), StallClock(False, LOOK)),
    "back for the timeout": (-5000, life(0, -100), StallClock(True, NOW)),
    "back for less, and silent again": (-5000, life(-20, -99), StallClock(False, LOOK, NOW - 20)),
    "the operator has just started": (-5000, life(watched=-1), StallClock(False, LOOK)),
    "no renewal since the operator started": (-5000, life(watched=-16), StallClock(False, LOOK, NOW - 16)),
}  # fmt: skip


@pytest.mark.parametrize(("stepped", "seen", "want"), STALLS.values(), ids=STALLS)
def test_a_stall(stepped: float, seen: GatewayLife | None, want: StallClock) -> None:
    assert stall_clock(NOW + stepped, TIMEOUT, NOW, seen) == want


RENEWALS: dict[str, tuple[GatewayLife, float]] = {
    "the first": (life(), 0),
    "in time": (life(-15, -900), -900),
    "after a pause": (life(-16, -900), 0),
    "a Lease with longer pauses": (replace(life(-16, -900), pause=20), -900),
}


@pytest.mark.parametrize(("before", "steady"), RENEWALS.values(), ids=RENEWALS)
def test_a_renewal(before: GatewayLife, steady: float) -> None:
    found = before.seen(NOW)
    assert (found.renewed, found.steady) == (NOW, NOW + steady)


@pytest.mark.parametrize(
    ("given", "want"),
    [(20, 20), (1, 5), (10**9, 300), (None, USUAL_PAUSE_SECONDS), ("9", USUAL_PAUSE_SECONDS)],
    ids=["as it says", "too short", "too long", "absent", "no number"],
)
def test_the_pause_that_a_lease_allows(given: object, want: float) -> None:
    assert pause_of(given) == want


def state_of(seen: GatewayLife | None) -> SessionState:
    """A session with a timeout of 30 s whose step has not risen for 200 s."""
    started = {
        "attempt": 1,
        "attempt_started": NOW - 900,
        "progress_attempt": 1,
        "stepped": NOW - 200,
    }
    session = make_session(phase=Phase.RUNNING, spec={"stall_timeout": 30}, status=started)
    job = make_job(session, created=NOW - 1000)
    pod = make_pod(job, session, started=NOW - 900)
    around = Surroundings(gateway=seen)
    return evaluate(session, {1: job}, {pod.uid: pod}, ADMISSIBLE, True, NOW, CONFIG, around=around)


def test_a_session_says_that_the_gateway_is_silent() -> None:
    found = state_of(life(-190, -900))
    assert (found.phase, found.wake, "failure" in found.changes) == (Phase.RUNNING, LOOK, False)
    assert f"the gateway has not renewed its Lease since {text(-190)}" in found.message


@pytest.mark.parametrize("seen", [None, life(-1, -900)], ids=["no Lease", "the gateway reports"])
def test_a_session_that_has_stalled(seen: GatewayLife | None) -> None:
    assert state_of(seen).changes["failure"]["class"] == "Stalled"


class Cluster:
    """An API server with one Lease, or none, or trouble; and a clock."""

    def __init__(self) -> None:
        self.found: dict[str, Any] | errors.KubeError | None = None
        self.time = 50.0

    async def get(self, path: str) -> dict[str, Any]:
        assert path.endswith("/namespaces/yard/leases/ty-gateway")
        if self.found is None:
            raise errors.NotFound(404, "NotFound", "no such Lease")
        if isinstance(self.found, errors.KubeError):
            raise self.found
        return self.found

    def renewed(self, time: str) -> None:
        self.found = {
            "spec": {"holderIdentity": "gw", "renewTime": time, "leaseDurationSeconds": 20}
        }

    def clock(self) -> float:
        return self.time


@pytest.fixture
def cluster() -> Cluster:
    return Cluster()


async def seen(watch: GatewayWatch, cluster: Cluster, after: float = 5) -> GatewayLife | None:
    """What is known once it has looked again, `after` seconds later; its times by the cluster's clock."""
    cluster.time += after
    await watch.look()
    return watch.life(cluster.time)


def watching(cluster: Cluster) -> GatewayWatch:
    return GatewayWatch(cast(KubeClient, cluster), "yard", "ty", clock=cluster.clock)


async def test_a_lease_that_was_there_first_is_no_renewal(cluster: Cluster) -> None:
    watch = watching(cluster)
    assert watch.life(1050) == GatewayLife(1050)
    cluster.renewed("a")
    assert await seen(watch, cluster) == GatewayLife(50, pause=20)
    assert await seen(watch, cluster) == GatewayLife(50, pause=20)
    cluster.renewed("b")
    assert await seen(watch, cluster) == GatewayLife(50, 65, 65, pause=20)
    cluster.renewed("c")
    assert await seen(watch, cluster) == GatewayLife(50, 70, 65, pause=20)
    assert watch.life(1070) == GatewayLife(1050, 1070, 1065, pause=20)


async def test_a_lease_that_appears_is_a_renewal(cluster: Cluster) -> None:
    watch = watching(cluster)
    assert await seen(watch, cluster) is None
    cluster.renewed("a")
    assert await seen(watch, cluster) == GatewayLife(60, 60, 60, pause=20)


async def test_an_api_server_that_does_not_answer_shows_no_renewal(cluster: Cluster) -> None:
    watch = watching(cluster)
    for time in ("a", "b"):
        cluster.renewed(time)
        await seen(watch, cluster)
    cluster.found = errors.Unreachable("refused")
    assert await seen(watch, cluster, after=40) == GatewayLife(50, 60, 60, pause=20)
    cluster.renewed("c")
    assert await seen(watch, cluster) == GatewayLife(50, 105, 105, pause=20)


async def test_without_the_right_to_read_it_nothing_is_known(cluster: Cluster) -> None:
    watch = watching(cluster)
    cluster.found = errors.Forbidden(403, "Forbidden", "leases")
    assert await seen(watch, cluster) is None


async def test_a_lease_that_holds_nonsense_is_read(cluster: Cluster) -> None:
    watch = watching(cluster)
    for spec in (None, "x", {"leaseDurationSeconds": "x"}):
        cluster.found = {"spec": spec}
        assert await seen(watch, cluster) is not None
