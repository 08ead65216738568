"""A stand-in for the gateway that all trials of a module share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from report_stand_in import report_stand_in


@pytest.fixture(scope="module")
def gateway_url() -> Iterator[str]:
    """Where trainings report to."""
    with report_stand_in() as gateway:
        yield gateway.url
