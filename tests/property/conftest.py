"""Processes that the property tests start are not measured: their thousands of examples add minutes to coverage, not lines."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

COVERAGE = ("COVERAGE_PROCESS_CONFIG", "COVERAGE_PROCESS_START")
"""What coverage.py puts into the environment of the processes that it is to measure."""


@pytest.fixture(scope="module", autouse=True)
def unmeasured() -> Iterator[None]:
    """Take coverage out of the environment while a module runs."""
    with pytest.MonkeyPatch.context() as environment:
        for name in COVERAGE:
            environment.delenv(name, raising=False)
        yield
