"""The scanners as programs: Python's from the pinned environment, Go's built once from the pinned modules in scan/go."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Final

from trainyard_cluster.programs.parts import cache_root
from trainyard_cluster.programs.versions import KUBERNETES

ROOT: Final = Path(__file__).resolve().parents[1]
OUT: Final = ROOT / "build" / "scan"
VENV: Final = OUT / "venv"
MODULES: Final = ROOT / "scan" / "go"


class ToolMissingError(Exception):
    """A scanner, or what it needs to know, cannot be had here; the message says what to do."""


def python_tool(name: str) -> Path:
    """A program of requirements/scan.lock. Raises ToolMissingError."""
    program = VENV / "bin" / name
    if not program.exists():
        raise ToolMissingError(f"{program} is not there: run `make scan`, which installs it")
    return program


def go_tool(name: str) -> Path:
    """A program of the module in scan/go/<name>, from the user's cache, else built. Raises ToolMissingError."""
    source = MODULES / name
    digest = (source / "go.sum").read_bytes() + (source / "go.mod").read_bytes()
    folder = cache_root() / "scanners" / hashlib.sha256(digest).hexdigest()[:12]
    if not (folder / name).exists():
        folder.mkdir(parents=True, exist_ok=True)
        building = folder / "building"
        building.mkdir(exist_ok=True)
        _go("build", "-trimpath", "-ldflags=-s -w", "-o", f"{building}/", "tool", cwd=source)
        built = next(p for p in building.iterdir() if p.is_file())
        built.replace(folder / name)
        building.rmdir()
    return folder / name


def module_dir(module: str, source: Path) -> Path:
    """Where Go has put the verified source of a module that `source`/go.mod pins. Raises ToolMissingError."""
    _go("mod", "download", module, cwd=source)
    return Path(_go("list", "-m", "-f", "{{.Dir}}", module, cwd=source).strip())


@cache
def cluster_tool(name: str) -> Path:
    """kubectl or helm of the embedded cluster."""
    command = [sys.executable, "-m", "trainyard_cluster", "tools"]
    shown = subprocess.run(command, capture_output=True, text=True, check=False)
    if shown.returncode != 0:
        raise ToolMissingError(shown.stderr.strip())
    return Path(json.loads(shown.stdout)[name])


def kubernetes_source() -> Path:
    """Source of exactly the Kubernetes that the cluster room builds."""
    return module_dir(f"k8s.io/kubernetes@{KUBERNETES}", ROOT / "cluster" / "node")


def _go(*arguments: str, cwd: Path) -> str:
    program = shutil.which("go")
    if program is None:
        raise ToolMissingError("Go 1.26 or newer is needed to build it (https://go.dev/dl)")
    done = subprocess.run(
        [program, *arguments],
        cwd=cwd,
        env={**os.environ, "CGO_ENABLED": "0", "GOFLAGS": "-buildvcs=false"},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise ToolMissingError(f"go {arguments[0]} in {cwd}: {done.stderr.strip()[-600:]}")
    return done.stdout
