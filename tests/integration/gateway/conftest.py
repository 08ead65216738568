"""Gateways for the tests of this folder, and the two kinds of database without one."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest
from gateway_lab import GatewayFactory, GatewayLab, Trainer, on_postgres

from trainyard_gateway.store.connect import connect
from trainyard_gateway.store.store import Store

DATABASES = ("sqlite", "postgresql")


@pytest.fixture(scope="module")
def lab(gateway_factory: GatewayFactory) -> GatewayLab:
    """A gateway that a module's tests share. Modules that need other settings have their own `lab`."""
    return gateway_factory()


@pytest.fixture(scope="module", params=DATABASES)
def database_settings(request: pytest.FixtureRequest) -> dict[str, str]:
    """The settings of a gateway with a new database, of each kind in turn."""
    if request.param == "sqlite":
        return {}
    return on_postgres(request.getfixturevalue("postgres"))


@pytest.fixture(scope="module")
def http(lab: GatewayLab) -> Iterator[httpx.Client]:
    """HTTP with the administrator's key."""
    with lab.http() as http:
        yield http


@pytest.fixture
def trainer(lab: GatewayLab) -> Trainer:
    """A trainer of a new session."""
    return lab.new_trainer()


@pytest.fixture(params=DATABASES)
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, Path | None]:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'db.sqlite3'}", None
    server = request.getfixturevalue("postgres")
    return server.database(), server.password_file


@pytest.fixture
async def database(database_url: tuple[str, Path | None]) -> AsyncIterator[Store]:
    database = connect(*database_url)
    await database.open()
    yield database
    await database.close()
