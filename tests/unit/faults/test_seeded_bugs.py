"""Every seeded bug fits the source as it is now, and names scenarios that there are."""

from __future__ import annotations

from pathlib import Path

import pytest
from scenarios import SCENARIOS
from seeded_bugs import BUGS, Bug, source_of


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name)
def test_a_bug_fits_the_source(bug: Bug, tmp_path: Path) -> None:
    target = source_of(bug, tmp_path)

    for file, old, new in bug.edits:
        text = (target / file).read_text()
        assert compile(text, file, "exec")
        assert new in text
        assert old not in text or old in new
    assert set(bug.scenarios) <= set(SCENARIOS)


def test_there_are_enough_of_them() -> None:
    assert len({bug.name for bug in BUGS}) == len(BUGS) >= 20
