"""The gateway that the tests of a module share."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest
from gateway_lab import GatewayFactory, GatewayLab


@pytest.fixture(scope="module")
def lab(gateway_factory: GatewayFactory) -> GatewayLab:
    """A gateway that a module's tests share. Modules that need other settings have their own `lab`."""
    return gateway_factory()


@pytest.fixture(scope="module")
def http(lab: GatewayLab) -> Iterator[httpx.Client]:
    """HTTP with the administrator's key."""
    with lab.http() as http:
        yield http
