"""promtool, Prometheus' own checker of rules and metrics, from the distribution's package."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path

import pytest
from cluster import ROOT

_HERE = ROOT / "build" / "promtool"
_DOWNLOAD_SECONDS = 300


@cache
def promtool() -> Path:
    """Its path; skips where it is neither installed nor to be had."""
    installed = shutil.which("promtool")
    if installed:
        return Path(installed)
    if not _HERE.is_file():
        _fetch()
    return _HERE


def _fetch() -> None:
    """Take the one program out of the package: installing that would start a server."""
    if shutil.which("apt-get") is None or shutil.which("dpkg-deb") is None:
        pytest.skip("promtool is not installed, and there is no apt-get to bring it")
    with tempfile.TemporaryDirectory(prefix="trainyard-promtool-") as folder:
        for command in (
            ["apt-get", "download", "-qq", "-o", "APT::Sandbox::User=", "prometheus"],
            ["sh", "-c", "dpkg-deb --fsys-tarfile prometheus_*.deb | tar -x ./usr/bin/promtool"],
        ):
            done = subprocess.run(
                command,
                cwd=folder,
                capture_output=True,
                text=True,
                check=False,
                timeout=_DOWNLOAD_SECONDS,
            )
            if done.returncode != 0:
                pytest.skip(
                    f"promtool is not installed, and apt-get could not bring it: {done.stderr[-300:]}"
                )
        _HERE.parent.mkdir(parents=True, exist_ok=True)
        # Whole or not at all, also beside another run.
        partial = _HERE.with_name(f"promtool.{os.getpid()}")
        shutil.copy2(Path(folder) / "usr" / "bin" / "promtool", partial)
        partial.replace(_HERE)


def run(*arguments: str | Path, text: str | None = None) -> subprocess.CompletedProcess[str]:
    """What promtool says of it."""
    return subprocess.run(
        [promtool(), *arguments], input=text, capture_output=True, text=True, check=False
    )
