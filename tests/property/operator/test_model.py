"""Every interleaving of operator, API server, watch, kubelet and users, in small scope."""

from __future__ import annotations

import os

import pytest
from operator_model import Explorer

STATES = int(os.environ.get("TRAINYARD_MODEL_STATES", "40000"))
"""`make model-operator` explores more than a million."""


@pytest.mark.parametrize("packages", [(), (0, 1)], ids=["without-packages", "with-packages"])
def test_the_invariants_hold_in_every_reachable_state(packages: tuple[int, ...]) -> None:
    explorer = Explorer(STATES, frozenset(packages))
    explorer.run()
    print(  # noqa: T201  # the figure is what a longer run is made for
        f"\n{len(explorer.seen)} states, {explorer.quiet} of them at rest, "
        f"{'all there are' if explorer.exhausted else 'more exist'}"
    )
    assert explorer.exhausted or len(explorer.seen) >= STATES
