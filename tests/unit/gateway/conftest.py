"""What the tests of the gateway's parts share."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from trainyard_gateway.store.connect import connect
from trainyard_gateway.store.store import Store


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Store]:
    database = connect(f"sqlite:///{tmp_path / 'db.sqlite3'}")
    await database.open()
    yield database
    await database.close()
