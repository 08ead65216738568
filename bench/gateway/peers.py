"""The others: an MLflow tracking server, nginx and a server that does nothing, as processes of their own."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx
from load import cpu_seconds
from poll import eventually
from ports import free_port
from postgres import Postgres

CONNECTIONS = 60
"""MLflow's own 15 are too few for 20 clients: a request holds one while it waits for a second, until all time out after 30 s."""

_CALM_SECONDS = 3.0


def end(*processes: subprocess.Popen[Any]) -> None:
    """End processes, and wait until they are gone."""
    for process in processes:
        process.terminate()
    for process in processes:
        process.wait(timeout=30)


class Mlflow:
    """`mlflow server` with one worker on SQLite or on a database of the same PostgreSQL."""

    def __init__(
        self, binaries: Path, folder: Path, server: Postgres | None, *, serves_files: bool = False
    ) -> None:
        if not (binaries / "mlflow").exists():
            raise SystemExit(f"there is no mlflow in {binaries}; make bench-gateway brings it")
        self._binaries, self._folder, self._port = binaries, folder, free_port()
        folder.mkdir(parents=True, exist_ok=True)
        # Clients send files to the server, or write them where it says.
        self._root = "--artifacts-destination" if serves_files else "--default-artifact-root"
        if server is None:
            # Whatever MLflow sets: its durability on SQLite is its own choice.
            self.store = f"sqlite:///{folder / 'mlflow.db'}"
        else:
            address = server.database().removeprefix("postgresql://trainyard")
            password = server.password_file.read_text().strip()
            self.store = f"postgresql+psycopg2://trainyard:{password}{address}"

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._port}"

    @property
    def pid(self) -> int:
        """The server's first process."""
        return self._process.pid

    def __enter__(self) -> Self:
        command = [
            str(self._binaries / "mlflow"), "server", "--host=127.0.0.1", f"--port={self._port}",
            f"--backend-store-uri={self.store}", "--workers=1",
            f"{self._root}={self._folder / 'artifacts'}",
        ]  # fmt: skip
        with (self._folder / "log").open("wb") as log:
            self._process = subprocess.Popen(
                command, stdout=log, stderr=log, cwd=self._folder, start_new_session=True,
                env={**os.environ, "MLFLOW_SQLALCHEMYSTORE_POOL_SIZE": str(CONNECTIONS)},
            )  # fmt: skip
        eventually(self._ready, within=120, every=0.5, what="mlflow being ready")
        eventually(self._calm, within=300, what="mlflow having started its other processes")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        end(self._process)

    def _ready(self) -> bool:
        if self._process.poll() is not None:
            raise SystemExit(f"mlflow ended: {(self._folder / 'log').read_text()[-2000:]}")
        try:
            return httpx.get(f"{self.url}/health", timeout=2).status_code == httpx.codes.OK
        except httpx.HTTPError:
            return False

    def _calm(self) -> bool:
        """Whether it does nothing by itself: its helpers take half a minute of both cores to start."""
        before = cpu_seconds(self.pid)
        time.sleep(_CALM_SECONDS)
        return cpu_seconds(self.pid) - before < _CALM_SECONDS / 20


@contextmanager
def replaying(upstream: str) -> Iterator[str]:
    """The server of `replaying.py`, which asks another one for what it does not know; where it listens."""
    port = free_port()
    program = Path(__file__).with_name("replaying.py")
    process = subprocess.Popen([sys.executable, str(program), str(port), upstream])
    try:
        eventually(lambda: listens(port), within=60, what="the server that does nothing listening")
        yield f"http://127.0.0.1:{port}"
    finally:
        end(process)


def listens(port: int) -> bool:
    """Whether a server takes connections there."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


_NGINX = """
daemon off; worker_processes 1; pid {folder}/pid; error_log {folder}/error.log; user {user};
events {{ worker_connections 64; }}
http {{
  access_log off; sendfile on; tcp_nopush on;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  server {{
    listen 127.0.0.1:{port}; root {root}; client_max_body_size 0;
    location /put/ {{ alias {folder}/put/; dav_methods PUT; create_full_put_path on; }}
  }}
}}
"""


@contextmanager
def nginx(root: Path) -> Iterator[str]:
    """nginx with sendfile over a folder, which takes PUT below /put/; where it listens."""
    program = shutil.which("nginx", path="/usr/sbin:/usr/bin:/usr/local/bin")
    if program is None:
        raise SystemExit("nginx is not installed (apt-get install nginx-light)")
    folder, port = Path(tempfile.mkdtemp(prefix="bench-nginx-")), free_port()
    (folder / "put").mkdir()
    config = folder / "nginx.conf"
    config.write_text(_NGINX.format(folder=folder, port=port, root=root, user=root.owner()))
    process = subprocess.Popen([program, "-c", str(config), "-p", str(folder)])
    try:
        eventually(lambda: listens(port), within=10)
        yield f"http://127.0.0.1:{port}"
    finally:
        end(process)
        shutil.rmtree(folder, ignore_errors=True)
