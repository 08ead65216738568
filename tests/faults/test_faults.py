"""A sample of the fault suite that fits into a few minutes; `make faults-full` tries every point (docs/faults.md)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from zlib import crc32

import pytest
from fault_plan import CRASHES, PERTURBATIONS, points, sample
from lane import Lane, lane
from scenarios import SCENARIOS

pytestmark = pytest.mark.integration

CRASH_POINTS = 2
"""Tried of each scenario; which ones depends on its name alone."""


@pytest.fixture(scope="module")
def own(kubeconfig: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lane]:
    with lane(kubeconfig, tmp_path_factory.mktemp("faults")) as found:
        yield found


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_nothing_is_lost_or_doubled(own: Lane, scenario: str) -> None:
    usual = own.run(scenario)
    assert list(map(str, usual.violations)) == []
    offset = crc32(scenario.encode())
    faults = sample(points(usual.counts, CRASHES), CRASH_POINTS, offset)
    faults += sample(points(usual.counts, PERTURBATIONS), 1, offset)
    for fault in faults:
        outcome = own.run(scenario, fault, usual.counts)
        assert list(map(str, outcome.violations)) == [], outcome
