"""A part of a transaction fails alone, and a lost connection is no fault of that part."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection, event, text
from sqlalchemy.exc import IntegrityError

from trainyard_gateway.store.sql.savepoint import TransactionRolledBack, in_savepoint
from trainyard_gateway.store.sql.sqlite_engine import sqlite_engine


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[Connection]:
    with sqlite_engine(tmp_path / "a.db").connect() as found:
        found.execute(text("CREATE TABLE t (n INTEGER UNIQUE)"))
        yield found


def insert(connection: Connection, *numbers: int) -> None:
    for number in numbers:
        connection.execute(text("INSERT INTO t VALUES (:n)"), {"n": number})


def numbers(connection: Connection) -> list[int]:
    return [n for (n,) in connection.execute(text("SELECT n FROM t ORDER BY n"))]


def test_a_part_that_fails_takes_only_its_own_changes_with_it(connection: Connection) -> None:
    in_savepoint(connection, lambda c: insert(c, 1))
    with pytest.raises(IntegrityError):
        in_savepoint(connection, lambda c: insert(c, 2, 1))
    in_savepoint(connection, lambda c: insert(c, 3))

    assert numbers(connection) == [1, 3]


@pytest.mark.parametrize("moment", ["savepoint", "rollback_savepoint", "release_savepoint"])
@pytest.mark.parametrize("fault", [ConnectionResetError("reset"), TimeoutError("late")], ids=str)
def test_a_lost_connection_is_no_fault_of_what_was_done(
    connection: Connection, moment: str, fault: Exception
) -> None:
    """Drivers raise more than their own errors when a connection is lost."""

    def lose(*_: object) -> None:
        raise fault

    event.listen(connection, moment, lose)
    action = (lambda c: insert(c, 1, 1)) if moment == "rollback_savepoint" else (
        lambda c: insert(c, 1)
    )  # fmt: skip

    with pytest.raises(TransactionRolledBack):
        in_savepoint(connection, action)
