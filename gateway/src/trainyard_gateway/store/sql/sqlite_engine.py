"""SQLAlchemy's engine for SQLite, with the options that the store relies on."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event

from trainyard_gateway.errors import SettingsError

_NETWORK_FILE_SYSTEMS = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "ceph", "glusterfs", "fuse.sshfs", "9p"}
)

WRITES = "writes"
"""The execution option of connections whose transactions write."""


def sqlite_engine(path: Path) -> Engine:
    """An engine for the file at `path`, in WAL mode with synchronous FULL. Opens no connection."""
    engine = create_engine(
        f"sqlite:///{path}",
        connect_args={"timeout": 30, "check_same_thread": False},
        pool_size=8,
        # Logged lines must not appear in error messages.
        hide_parameters=True,
    )

    @event.listens_for(engine, "connect")
    def configure(connection: Any, _: object) -> None:
        # SQLAlchemy begins transactions itself. The driver's BEGIN comes too late for savepoints.
        connection.isolation_level = None
        # Only a file that has no table yet takes this. For any other file it is a write, which
        # would make the transaction of the writer fail.
        if connection.execute("PRAGMA page_count").fetchone() == (0,):
            connection.execute("PRAGMA auto_vacuum=INCREMENTAL")
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA foreign_keys=ON")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        # A transaction that reads first and then writes fails if another one wrote in between;
        # one that takes the lock at its start waits for it.
        writes = connection.get_execution_options().get(WRITES, False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


def refuse_network_file_system(folder: Path) -> None:
    """Raise SettingsError for a network file system, where WAL loses data silently.

    WAL shares memory between the processes of one machine.
    """
    import psutil  # here, since PostgreSQL does not need it

    mounts = {os.path.realpath(p.mountpoint): p.fstype for p in psutil.disk_partitions(all=True)}
    for place in (folder.resolve(), *folder.resolve().parents):
        kind = mounts.get(str(place))
        if kind is not None:
            if kind in _NETWORK_FILE_SYSTEMS:
                raise SettingsError(
                    f"{folder} is on {kind}, where SQLite loses data; "
                    "use PostgreSQL (databaseUrl) or a local volume"
                )
            return
