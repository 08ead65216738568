"""Kueue's manager and its chart, from the Go module of a pinned version, built once into the cache."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

from trainyard_cluster.errors import NotPossible
from trainyard_cluster.programs import parts
from trainyard_cluster.shell import run

MODULE, VERSION = "sigs.k8s.io/kueue", "v0.19.2"


def obtain() -> tuple[Path, Path]:
    """The program, and the folder of the chart.

    Raises NotPossible without Go, and StepFailed where the module cannot be had.
    """
    if shutil.which("go") is None:
        raise NotPossible("Kueue is built with Go: install Go 1.26 or newer")
    folder = parts.cache_root() / "parts" / f"kueue-{VERSION}"
    folder.mkdir(parents=True, exist_ok=True)
    program, log = folder / "kueue", folder / "build.log"
    with parts.locked(folder / "lock"):
        shown = run(["go", "mod", "download", "-json", f"{MODULE}@{VERSION}"], cwd=folder)
        if not program.exists():
            print(f"build Kueue {VERSION} with Go (a few minutes the first time)", flush=True)
            env = {**os.environ, "CGO_ENABLED": "0", "GOFLAGS": "-buildvcs=false"}
            package = f"{MODULE}/cmd/kueue@{VERSION}"
            built = folder / "building"
            argv = ["go", "install", "-trimpath", "-ldflags", "-s -w", package]
            run(argv, log=log, env={**env, "GOBIN": str(built)})
            (built / "kueue").replace(program)
    return program, Path(json.loads(shown)["Dir"]) / "charts" / "kueue"
