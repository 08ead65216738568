"""`kill -9` of the operator, again and again, at any moment: nothing is lost, nothing runs twice, no GPU is given away twice."""

from __future__ import annotations

import os
import random
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from operator_lab import Lab, Witness, held, laboratory, unique
from poll import eventually

from trainyard_api.timestamps import parse

pytestmark = pytest.mark.integration

KILLS = int(os.environ.get("TRAINYARD_OPERATOR_KILLS", "20"))
SEED = int(
    os.environ.get("TRAINYARD_OPERATOR_KILLS_SEED", str(random.SystemRandom().randrange(10**6)))
)
SESSIONS = 20
OVER = {"Succeeded", "Failed", "Stopped", "Cancelled"}


@pytest.fixture(scope="module")
def lab(kubeconfig: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with laboratory(kubeconfig, tmp_path_factory.mktemp("operator"), (4, 2)) as found:
        yield found


def test_kills_at_any_moment(lab: Lab) -> None:
    print(f"\nTRAINYARD_OPERATOR_KILLS_SEED={SEED}")  # noqa: T201  # to see the same moments again
    chance = random.Random(SEED)
    names = [unique("k") for _ in range(SESSIONS)]
    # Longer together than the kills take, so that every kill finds work half done.
    length = max(1.0, KILLS * 0.5)
    with Witness(lab) as witness:
        for i, name in enumerate(names):
            spec = {
                "command": ["sleep", f"{chance.uniform(0.2, length):.1f}"],
                "resources": {"gpus": 1 + i % 2, "cpu": "1", "memory": "1Gi"},
                "retry": {"limit": 0},
            }
            lab.create(name, spec)
        for i in range(KILLS):
            lab.kill()
            # By turns while it works and while it still starts.
            lab.start(wait=i % 2 == 0)
            time.sleep(chance.uniform(0.0, 1.5))  # the moment of the kill is what is tried out

        def all_over() -> bool:
            return set(lab.phases(names)) <= OVER

        eventually(all_over, within=120, every=0.2, what="every session over")
        found, pods = lab.sessions(), lab.pods()
    assert Counter(found[n]["status"]["phase"] for n in names) == {"Succeeded": SESSIONS}
    assert {found[n]["status"]["attempt"] for n in names} == {1}, "nothing ran twice"
    assert len(witness.jobs_seen) == SESSIONS, "one Job per session"
    assert witness.violations == [], "at every event of an independent watch"
    assert max(witness.highest.values()) > 0
    for name in names:
        (record,) = found[name]["status"]["allocations"]
        own = [p for p in pods if p.metadata.name.startswith(f"{name}-")]
        recorded = (parse(record["startTime"]), parse(record["endTime"]))
        assert recorded == held(own), "what was held, by the pods' own times"
