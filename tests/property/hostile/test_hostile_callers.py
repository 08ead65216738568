"""No request below its documented limit moves the gateway's memory by more than 64 MiB.

Nor does it delay another caller's small read by more than half a second.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from gateway_lab import GatewayFactory
from gateway_watch import GONE, MOST_DELAY, MOST_MEMORY, watching
from hostile_callers import ATTACKS, Target

pytestmark = pytest.mark.integration

LONG = "TRAINYARD_HOSTILE_ATTACK_SECONDS" in os.environ
SECONDS = float(os.environ.get("TRAINYARD_HOSTILE_ATTACK_SECONDS", "0.5"))
"""How long each attack lasts; `make hostile` asks for more."""
MEMORY, DELAY = (MOST_MEMORY, MOST_DELAY) if LONG else (4 * MOST_MEMORY, GONE)
"""A moment beside other tests tells what grows or waits without bound, no more."""
RESULTS = Path(__file__).resolve().parents[3] / "build" / "hostile"
FIGURES: dict[str, dict[str, float]] = {}


@pytest.fixture(scope="module")
def target(gateway_factory: GatewayFactory) -> Iterator[Target]:
    lab = gateway_factory(report_bytes_per_second=str(4 << 20))
    yield Target(lab, [lab.new_trainer() for _ in range(4)])
    RESULTS.mkdir(parents=True, exist_ok=True)
    whole = {"seconds": SECONDS, "attacks": FIGURES}
    (RESULTS / "callers.json").write_text(json.dumps(whole, indent=1))


@pytest.mark.timeout(600)
@pytest.mark.parametrize("attack", ATTACKS)
def test_a_caller_below_every_limit_costs_others_little(target: Target, attack: str) -> None:
    with watching(target.lab) as watch:
        ATTACKS[attack](target, SECONDS)
    FIGURES[attack] = {
        "growth": watch.growth,
        "delay": watch.slowest_read,
        "cpu": watch.cpu_share,
        "after": watch.memory_after,
    }
    sys.stdout.write(f"{attack}: {watch}\n")

    watch.check(MEMORY, DELAY)
    assert target.lab.process is not None
    assert target.lab.process.poll() is None
