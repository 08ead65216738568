"""Get the program that enforces NetworkPolicies: from a named folder, the cache or `go build`."""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path

from trainyard_cluster.errors import ClusterError, StepFailed
from trainyard_cluster.programs import engine_source, parts
from trainyard_cluster.progress import Progress
from trainyard_cluster.shell import run

PROGRAM = "kube-network-policies"
_SOURCES = parts.SOURCES / "policies"


def obtain(progress: Progress) -> Path | None:
    """The program; None where it cannot be had, which is said: then nothing enforces policies."""
    program = location()
    if program.exists():
        return program
    try:
        _build(program, progress)
    except ClusterError as error:
        progress.note(f"NetworkPolicies will NOT be enforced: {error}")
        return None
    return program


def location() -> Path:
    """Where the program of exactly these sources is, or will be."""
    named = os.environ.get(parts.ENV_FOLDER)
    if named:
        return Path(named).resolve() / PROGRAM
    return parts.cache_root() / "parts" / f"policies-{_key()}" / "bin" / PROGRAM


def _key() -> str:
    """A hash of our sources and of the changes to the module."""
    files = [_SOURCES / name for name in ("main.go", "go.mod", f"added/{engine_source.ADDED}")]
    files.append(Path(engine_source.__file__))
    digest = hashlib.sha256()
    for file in files:
        digest.update(file.read_bytes())
    return digest.hexdigest()[:12]


def _build(program: Path, progress: Progress) -> None:
    if os.environ.get(parts.ENV_FOLDER):
        raise StepFailed(f"{program.parent} (from ${parts.ENV_FOLDER}) has no {PROGRAM}")
    if shutil.which("go") is None:
        raise StepFailed(f"{PROGRAM} is built with Go, which is not installed")
    program.parent.mkdir(parents=True, exist_ok=True)
    work = program.parent.parent
    with parts.locked(work / "lock"):
        if program.exists():
            return
        with progress.step(f"build {PROGRAM} with Go (a few minutes the first time)"):
            modfile = _changed_module(work)
            log = work / "logs" / "build.log"
            parts.go_build(_SOURCES, program, "-s -w", log, f"-modfile={modfile}")


def _changed_module(work: Path) -> Path:
    """Copy the module with our changes into `work`; returns a go.mod that takes the copy."""
    run(["go", "mod", "download", engine_source.MODULE], cwd=_SOURCES)
    shown = run(["go", "list", "-m", "-f", "{{.Dir}}", engine_source.MODULE], cwd=_SOURCES)
    copy = work / "module"
    shutil.rmtree(copy, ignore_errors=True)
    # Without the modes: Go's module cache is read-only.
    shutil.copytree(shown.strip(), copy, copy_function=shutil.copyfile)
    for folder in (copy, *(p for p in copy.rglob("*") if p.is_dir())):
        folder.chmod(0o755)
    file = copy / engine_source.FILE
    try:
        file.write_text(engine_source.changed(file.read_text()))
    except engine_source.UnknownSourceError as error:
        raise StepFailed(str(error)) from error
    shutil.copyfile(_SOURCES / "added" / engine_source.ADDED, file.with_name(engine_source.ADDED))
    modfile = work / "go.mod"
    replaced = f"replace {engine_source.MODULE} => {copy}\n"
    modfile.write_text(f"{(_SOURCES / 'go.mod').read_text()}\n{replaced}")
    shutil.copyfile(_SOURCES / "go.sum", work / "go.sum")
    return modfile
