"""A local Ray with its job server, as `ray job submit --working-dir` needs it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
from lines import Lines
from poll import eventually
from ports import free_port


@dataclass(frozen=True)
class Ray:
    """The programs of one Ray that runs."""

    programs: Path
    dashboard: str
    env: dict[str, str]

    @property
    def version(self) -> str:
        """Such as "2.9.0"."""
        command = [str(self.programs / "python"), "-c", "import ray; print(ray.__version__)"]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    def takes_jobs(self) -> bool:
        """Whether a job ends well; the server refuses them for some seconds after its start."""
        submit = [str(self.programs / "ray"), "job", "submit", "--address", self.dashboard]
        command = [*submit, "--", "true"]
        return subprocess.run(command, env=self.env, capture_output=True).returncode == 0

    def first_line(self, folder: Path, mark: str) -> float:
        """Submit the folder; when the line with `mark` arrived, in seconds since the epoch."""
        command = [
            str(self.programs / "ray"), "job", "submit", "--address", self.dashboard,
            "--working-dir", str(folder), "--entrypoint-num-gpus", "1", "--", "python", "train.py",
        ]  # fmt: skip
        lines = Lines(command, self.env, folder)
        lines.finish()
        return lines.moment(mark)


@contextmanager
def ray(programs: Path, scratch: Path) -> Iterator[Ray]:
    """Ray on this machine with four simulated GPUs, on loopback only."""
    scratch.mkdir()
    port, dashboard = free_port(), free_port()
    env = {
        **os.environ,
        "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0",
    }
    start = [
        str(programs / "ray"), "start", "--head", "--node-ip-address=127.0.0.1", f"--port={port}",
        "--dashboard-host=127.0.0.1", f"--dashboard-port={dashboard}", "--num-gpus=4",
        f"--temp-dir={scratch}", "--disable-usage-stats", "--min-worker-port=0",
        "--max-worker-port=0", f"--ray-client-server-port={free_port()}",
        f"--dashboard-agent-listen-port={free_port()}",
    ]  # fmt: skip
    url = f"http://127.0.0.1:{dashboard}"
    process = subprocess.Popen([*start, "--block"], env=env, stdout=subprocess.DEVNULL)
    try:
        eventually(lambda: _answers(url, process), within=120, what=f"Ray's job server at {url}")
        found = Ray(programs, url, env)
        eventually(found.takes_jobs, within=120, every=1, what="Ray taking jobs")
        yield found
    finally:
        process.terminate()
        process.wait(60)


def _answers(url: str, process: subprocess.Popen[bytes]) -> bool:
    if process.poll() is not None:
        raise SystemExit("Ray has ended")
    try:
        return httpx.get(f"{url}/api/version").is_success
    except httpx.TransportError:
        return False
