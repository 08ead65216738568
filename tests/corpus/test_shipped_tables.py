"""Tables that packages ship train at once with the right target and types, or are refused at upload.

There is no third outcome. TRAINYARD_CORPUS=all trains each table and predicts many rows alone;
without it, tables above 300 kB are inspected only.
"""

from __future__ import annotations

import os
from pathlib import Path

import package_files
import pytest
import tables_of_learning
import tables_of_plots
import tables_of_statistics
from data_trial import Trial

CASES = {
    case.name: case
    for module in (tables_of_learning, tables_of_plots, tables_of_statistics)
    for case in module.CASES
}
ALL = os.environ.get("TRAINYARD_CORPUS") == "all"
TRAINED = 300_000
"""Bytes up to which a table is trained in the short form."""


@pytest.fixture(scope="module", autouse=True)
def _packages() -> None:
    """Without the packages there is nothing to try."""
    try:
        package_files.fetch()
    except package_files.IndexUnreachable as error:
        pytest.skip(f"the package index cannot be reached: {error}")


@pytest.mark.parametrize("name", CASES)
def test_what_comes_of_it(name: str, tmp_path: Path, gateway_url: str) -> None:
    most = None if ALL else TRAINED
    trial = Trial(CASES[name], tmp_path, gateway_url, alone=40 if ALL else 5, trained_bytes=most)

    assert trial.run() == []


def test_there_are_sixty_of_them() -> None:
    assert len(CASES) >= 60
