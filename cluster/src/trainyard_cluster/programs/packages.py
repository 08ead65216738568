"""Programs of the distribution that a node needs; missing ones are installed."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from trainyard_cluster.errors import NotPossible
from trainyard_cluster.programs.versions import DEBIAN_PACKAGES
from trainyard_cluster.progress import Progress
from trainyard_cluster.shell import run


def missing(packages: dict[str, str]) -> list[str]:
    """Packages whose program or file is missing on this machine."""
    return sorted({package for program, package in packages.items() if not _there(program)})


def ensure(progress: Progress, log: Path, packages: dict[str, str] | None = None) -> None:
    """Install missing packages. Raises NotPossible without apt or without root."""
    absent = missing(DEBIAN_PACKAGES if packages is None else packages)
    if not absent:
        return
    names = " ".join(absent)
    if shutil.which("apt-get") is None:
        raise NotPossible(
            f"this machine lacks {names}, and there is no apt-get to install them with"
        )
    if os.geteuid() != 0:
        raise NotPossible(f"this machine lacks {names}: run `sudo apt-get install {names}`")
    env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    with progress.step(f"install {names}"):
        run(["apt-get", "update", "-q"], log=log, env=env)
        # Packages may start services; the cluster starts what it needs itself.
        run(
            ["apt-get", "install", "-qy", "--no-install-recommends", *absent],
            log=log,
            env=env,
        )


def _there(program: str) -> bool:
    return Path(program).exists() if program.startswith("/") else shutil.which(program) is not None
