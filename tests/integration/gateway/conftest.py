"""Trainers, and the two kinds of database without a gateway around them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from gateway_lab import GatewayLab, Trainer

from trainyard_gateway.store.connect import connect
from trainyard_gateway.store.store import Store


@pytest.fixture
def trainer(lab: GatewayLab) -> Trainer:
    """A trainer of a new session."""
    return lab.new_trainer()


@pytest.fixture(params=["sqlite", "postgresql"])
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
