"""A sample of the fault suite: two faults in every scenario; `make faults-full` tries every point (docs/faults.md).

A test takes some seconds: sessions live and die in it twice, on a real API server, and an operator is started again.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from fault_plan import CRASHES, PERTURBATIONS, Call, Fault, Kind
from lane import Lane, lane
from scenarios import SCENARIOS

pytestmark = pytest.mark.integration

STATUS, JOBS, DELETION = (
    Call("PATCH trainingsessions/status", 1),
    Call("POST jobs", 1),
    Call("DELETE jobs", 1),
)
STOPS: Final = frozenset(
    {"preemption", "suspend-and-resume", "cancel", "stop-running", "deadline", "packages-stopped"}
)
"""Scenarios in which the operator deletes a Job whatever happens."""


def call_of(scenario: str, turn: int) -> Call:
    """A request that the operator sends in this scenario, on every machine."""
    if scenario == "suspended":
        return STATUS
    calls = (JOBS, STATUS, DELETION) if scenario in STOPS else (JOBS, STATUS)
    return calls[turn % len(calls)]


def faults_of(scenario: str) -> tuple[Fault, Fault]:
    """One crash and one other fault; which ones depends on the scenario's place in the list alone."""
    turn = list(SCENARIOS).index(scenario)
    crash = Fault(CRASHES[turn // 2 % 2], call_of(scenario, turn))
    other = Fault(PERTURBATIONS[turn % len(PERTURBATIONS)], call_of(scenario, turn + 1))
    return crash, other


@pytest.fixture(scope="module")
def own(kubeconfig: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lane]:
    with lane(kubeconfig, tmp_path_factory.mktemp("faults")) as found:
        yield found


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_nothing_is_lost_or_doubled(own: Lane, scenario: str) -> None:
    for fault in faults_of(scenario):
        outcome = own.run(scenario, fault)
        assert list(map(str, outcome.violations)) == [], outcome
        assert outcome.struck, fault


@pytest.mark.parametrize(
    ("scenario", "call"),
    [("submit", JOBS), ("stop-running", DELETION)],
    ids=["creation", "deletion"],
)
def test_a_conflict_of_the_api_server_is_tried_again(own: Lane, scenario: str, call: Call) -> None:
    """As a busy quota answers: the operator neither gives up for half a minute nor takes the Job for gone."""
    outcome = own.run(scenario, Fault(Kind.CONFLICT, call))

    assert list(map(str, outcome.violations)) == [], outcome
    assert outcome.struck
