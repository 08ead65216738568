"""Programs of other people run as their wheels ship them, and go on after an interruption; `make programs` runs more."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from cluster import ROOT
from installation import installed
from lifecycle import Interruption, Yard, evicted, preempted, prove
from program import programs
from wheels import fetch_locked, node_of, served, write_index

from trainyard_cluster import registry

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(3000)]

LOCK = ROOT / "requirements" / "programs.lock"


@pytest.fixture(scope="module")
def yard(kubeconfig: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Yard]:
    """An installation whose packages come from an index within the node's network."""
    record = registry.read(kubeconfig.parent.name)
    if record is None or record.provider != "embedded":
        pytest.skip("the index of packages answers within the embedded node's network")
    wheels = fetch_locked(LOCK, ROOT / "build" / "locked-wheels")
    write_index(wheels)
    scratch = tmp_path_factory.mktemp("programs")
    with served(wheels, node_of(kubeconfig)) as url:
        values = {"operator.minimumRunSeconds": 1, "environments.indexUrl": url}
        with installed(kubeconfig, **values) as release, release.client() as people:
            yield Yard(release, people, scratch, scratch / "logs")


@pytest.mark.parametrize(
    ("name", "interruption", "progress"),
    [
        pytest.param("trl, ", evicted, {"steps", "percent", "time left"}, id="trl-sft-evicted"),
        pytest.param("spaCy", preempted, {"steps"}, id="spacy-train-preempted"),
    ],
)
def test_a_program_as_its_wheel_ships_it_goes_on_after_an_interruption(
    yard: Yard, name: str, interruption: Interruption, progress: set[str]
) -> None:
    [program] = [p for p in programs() if p.name.startswith(name)]

    row = prove(yard, program, [interruption])

    assert (row.phase, row.problem) == ("Succeeded", "")
    assert (row.attempts, row.preemptions, row.failures) == (2, 1, 0)
    assert row.missing == [], "lines that the containers printed and the log lacks"
    assert row.wrong == [], "files that are missing, or not as they lie on the volume"
    assert progress <= set(row.progress)
    assert bool(row.resumed) == (program.resumed is not None)
    assert row.good
