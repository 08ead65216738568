"""A real installation: the chart, our images, real trainer pods on the embedded node."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from installation import Installation, installed

from trainyard.client import Client


@pytest.fixture(scope="session")
def installation(kubeconfig: Path) -> Iterator[Installation]:
    """One release for all tests of this ring."""
    with installed(kubeconfig) as release:
        yield release


@pytest.fixture(scope="session")
def gateway(installation: Installation) -> Iterator[Client]:
    """A client with the administrator's key."""
    with installation.client() as client:
        yield client
