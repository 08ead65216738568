"""A sample of the faults around the gateway; `make faults-full` tries every point (docs/faults.md)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from fault_plan import REQUEST, Call, Fault, Kind
from gateway_lane import GatewayLane, gateway_lane
from postgres import Postgres

pytestmark = pytest.mark.integration

CREATION, STATUS, CHANGE = (
    Call("POST trainingsessions", 1),
    Call("PATCH trainingsessions/status", 1),
    Call("PATCH trainingsessions", 1),
)
TRIALS: Final = [
    ("start-once", Fault(Kind.KILL_AFTER, CREATION)),
    ("start-unnamed", Fault(Kind.LOST, CREATION)),
    ("starts-at-once", Fault(Kind.CONFLICT, CREATION)),
    ("wishes", Fault(Kind.CONFLICT, CHANGE)),
    ("cancelled", Fault(Kind.UNCLEAR, CHANGE)),
    ("dataset-later", Fault(Kind.UNSEEN, STATUS)),
    ("reports", Fault(Kind.DATABASE_AWAY, Call(REQUEST, 4))),
    ("model", Fault(Kind.KILL_BEFORE, STATUS)),
]


@pytest.fixture(scope="module")
def own(
    kubeconfig: Path, postgres: Postgres, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[GatewayLane]:
    with gateway_lane(kubeconfig, tmp_path_factory.mktemp("gateway"), postgres) as found:
        yield found


@pytest.mark.parametrize(("scenario", "fault"), TRIALS, ids=[f"{s}, {f}" for s, f in TRIALS])
def test_what_was_acknowledged_is_there_once(own: GatewayLane, scenario: str, fault: Fault) -> None:
    outcome = own.run(scenario, fault)

    assert list(map(str, outcome.violations)) == [], outcome
    assert outcome.struck, fault
