"""MLflow's own clients, each version in a folder of its own, run as programs."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from filelock import FileLock
from uv import find_uv_bin

ROOT = Path(__file__).parents[2]
CLIENTS = ROOT / "build" / "clients"
VERSIONS = ("2.22", "3.0", "newest")


@dataclass(frozen=True)
class MlflowClient:
    """One version of MLflow's client, and the address and key that it has."""

    version: str
    folder: Path
    url: str
    key: str
    environment: dict[str, str] = field(default_factory=dict)

    def run(self, script: str, *, check: bool = True, **environment: str) -> Any:
        """Run a script in a process of its own; returns what it gave to `give(…)`, the last time."""
        done = subprocess.run(
            [sys.executable, "-S", "-c", _HEAD + script],
            env={
                "PATH": os.environ["PATH"],
                "HOME": os.environ.get("HOME", "/"),
                "PYTHONPATH": str(self.folder),
                "MLFLOW_TRACKING_URI": f"{self.url}/mlflow",
                "MLFLOW_TRACKING_TOKEN": self.key,
                "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
                "MLFLOW_DISABLE_TELEMETRY": "true",
                "MLFLOW_ENABLE_ASYNC_LOGGING": "false",
                **self.environment,
                **environment,
            },
            capture_output=True,
            text=True,
            check=False,
            timeout=240,
        )
        if check and done.returncode != 0:
            raise AssertionError(f"mlflow {self.version}: {done.stderr[-4000:]}")
        given = [line for line in done.stdout.splitlines() if line.startswith(_MARK)]
        return json.loads(given[-1].removeprefix(_MARK)) if given else done.stderr


_MARK = "given: "
_HEAD = f"""
import json, logging, warnings
warnings.simplefilter("ignore")
import mlflow
from mlflow.tracking import MlflowClient
logging.disable(logging.WARNING)
client = MlflowClient()
def give(**found):
    print({_MARK!r} + json.dumps(found), flush=True)
def refused(work, *args, **kwargs):
    try:
        work(*args, **kwargs)
    except Exception as error:
        return [getattr(error, "error_code", type(error).__name__), str(error)]
    return ["accepted", ""]
"""


def installed(version: str) -> Path:
    """The folder of a version, installed once for each lock."""
    return packages(f"mlflow-client-{version}", CLIENTS / version)


def packages(name: str, folder: Path) -> Path:
    """What `requirements/<name>.lock` has, installed once for each lock beside `folder`."""
    lock = ROOT / "requirements" / f"{name}.lock"
    place = Path(f"{folder}-{hashlib.sha256(lock.read_bytes()).hexdigest()[:16]}")
    place.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{place}.lock"):
        if not (place / "complete").is_file():
            command = [find_uv_bin(), "pip", "install", "--quiet", "--no-config", "--no-deps"]
            target = ["--python", sys.executable, "--target", str(place)]
            subprocess.run([*command, *target, "--require-hashes", "-r", str(lock)], check=True)
            (place / "complete").touch()
    return place
