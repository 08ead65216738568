"""Every CSV file of tests/support/data_cases trains, or is refused at upload, as a person expects."""

from __future__ import annotations

from pathlib import Path

import pytest
from data_catalogue import CASES, GROUPS
from data_trial import Trial

NAMES = [case.name for heading, cases in GROUPS.items() if "CSV" in heading for case in cases]


@pytest.mark.parametrize("name", NAMES)
def test_what_comes_of_it(name: str, tmp_path: Path, gateway_url: str) -> None:
    assert Trial(CASES[name], tmp_path, gateway_url).run() == []
