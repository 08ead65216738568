"""The command that `notices add` names for a new receiver."""

from __future__ import annotations

import pytest

from trainyard.cli.commands.access.notices import trial_of


@pytest.mark.parametrize(
    ("team", "command"),
    [
        pytest.param(None, "trainyard notices test lab", id="own"),
        pytest.param("vision", "trainyard notices test lab --team vision", id="of-a-team"),
    ],
)
def test_it_names_the_team(team: str | None, command: str) -> None:
    assert trial_of("lab", team) == command
