"""A PostgreSQL server of the tests' own, from the distribution's package, with a database for each test."""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from poll import eventually
from ports import free_port

USER = "trainyard"
_INSTALL_SECONDS = 300


@dataclass(frozen=True)
class Postgres:
    """A running server."""

    binaries: Path
    port: int
    password_file: Path
    address: str = "127.0.0.1"

    def database(self, *options: str) -> str:
        """The URL of a new, empty database, without the password; `options`: of `createdb`."""
        name = f"t{secrets.token_hex(6)}"
        self._run("createdb", *options, name)
        return f"postgresql://{USER}@{self.address}:{self.port}/{name}"

    def sql(self, url: str, query: str) -> list[str]:
        """The lines that a query gives."""
        return self._run("psql", "-At", "-d", url.rpartition("/")[2], "-c", query).splitlines()

    def ready(self) -> bool:
        """Whether it takes connections."""
        asked = [str(self.binaries / "pg_isready"), "-q", "-h", self.address, "-p", str(self.port)]
        return subprocess.run(asked, check=False).returncode == 0

    def _run(self, program: str, *arguments: str) -> str:
        environment = {**os.environ, "PGPASSWORD": self.password_file.read_text()}
        command = [str(self.binaries / program), "-h", self.address, "-p", str(self.port)]
        done = subprocess.run(
            [*command, "-U", USER, *arguments],
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout


@contextmanager
def running_postgres(
    durable: bool = False, address: str = "127.0.0.1", netns: str = ""
) -> Iterator[Postgres]:
    """A server for the length of a session; skips where there is none and none can be installed.

    Without `durable` it does not wait for the disk: the tests kill gateways, not the machine. It listens at `address`, where `netns`
    names a network namespace within that one.
    """
    binaries = _binaries() or _install()
    # Not below pytest's folder, which the server's own user may not enter.
    folder = Path(tempfile.mkdtemp(prefix="trainyard-postgres-"))
    try:
        password_file = folder / "password"
        password_file.write_text(secrets.token_hex(16))
        _hand_over(folder)
        data, port = folder / "data", free_port()
        create: list[Path | str] = [
            binaries / "initdb",
            "-D",
            data,
            "-U",
            USER,
            "-A",
            "scram-sha-256",
            "-E",
            "UTF8",
        ]
        _as_server([*create, "--locale=C.UTF-8", f"--pwfile={password_file}", "--no-sync"])
        with (data / "pg_hba.conf").open("a") as rules:
            rules.write("host all all all scram-sha-256\n")
        settings = {
            "listen_addresses": address,
            "port": str(port),
            "unix_socket_directories": str(folder),
            "fsync": "on" if durable else "off",
            "max_connections": "100",
        }
        flags = [word for k, v in settings.items() for word in ("-c", f"{k}={v}")]
        entered = ["ip", "netns", "exec", netns] if netns else []
        with (folder / "log").open("wb") as log:
            server = subprocess.Popen(
                [*entered, *_command([binaries / "postgres", "-D", data, *flags])],
                stdout=subprocess.DEVNULL,
                stderr=log,
            )
        found = Postgres(binaries, port, password_file, address)
        try:
            eventually(found.ready, within=30, what="PostgreSQL taking connections")
            yield found
        finally:
            # Not waiting for clients to leave.
            server.send_signal(signal.SIGINT)
            server.wait(timeout=30)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _binaries() -> Path | None:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
    if found:
        return found[-1].parent
    elsewhere = shutil.which("postgres")
    return Path(elsewhere).parent if elsewhere else None


def _install() -> Path:
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        pytest.skip(
            "PostgreSQL is not installed (apt-get install postgresql), and this user cannot"
        )
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (["update", "-qq"], ["install", "-qq", "-y", "postgresql"]):
        subprocess.run(
            ["apt-get", *command],
            env=environment,
            check=False,
            capture_output=True,
            timeout=_INSTALL_SECONDS,
        )
    found = _binaries()
    if found is None:
        pytest.skip("PostgreSQL is not installed, and apt-get could not bring it")
    return found


def _command(arguments: list[Path | str]) -> list[str]:
    """PostgreSQL refuses to run as root; its package brings a user for it."""
    plain = [str(a) for a in arguments]
    if os.geteuid() != 0:
        return plain
    owner = pwd.getpwnam("postgres")
    return [
        "setpriv",
        f"--reuid={owner.pw_uid}",
        f"--regid={owner.pw_gid}",
        "--clear-groups",
        *plain,
    ]


def _as_server(arguments: list[Path | str]) -> None:
    done = subprocess.run(_command(arguments), capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"initdb failed: {done.stderr[-500:]}")


def _hand_over(folder: Path) -> None:
    if os.geteuid() == 0:
        owner = pwd.getpwnam("postgres")
        for path in (folder, *folder.iterdir()):
            os.chown(path, owner.pw_uid, owner.pw_gid)
