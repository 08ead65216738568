"""Get the cluster's programs from a folder, the cache, official releases or `go build`."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from platformdirs import user_cache_path

from trainyard_cluster.errors import NotPossible
from trainyard_cluster.programs import versions
from trainyard_cluster.programs.download import UnavailableError, fetch, releases
from trainyard_cluster.progress import Progress
from trainyard_cluster.shell import run

ENV_FOLDER = "TRAINYARD_PARTS"
SOURCES = Path(__file__).resolve().parents[3]
_LDFLAGS = "-s -w"
_BUILD_DISK_GIB = 8


def cache_root() -> Path:
    """`$XDG_CACHE_HOME/trainyard`, usually ~/.cache/trainyard."""
    return user_cache_path("trainyard")


def bin_dir() -> Path:
    """Folder of the programs of exactly these versions."""
    folder = os.environ.get(ENV_FOLDER)
    return Path(folder).resolve() if folder else cache_root() / "parts" / cache_key() / "bin"


def cache_key() -> str:
    """A hash of the pinned versions and of our sources."""
    digest = hashlib.sha256()
    for file in ("node/main.go", "node/go.mod", "pause/main.go"):
        digest.update((SOURCES / file).read_bytes())
    return f"{versions.KUBERNETES}-{digest.hexdigest()[:12]}"


def obtain(wanted: set[str], progress: Progress) -> Path:
    """Get every program of `wanted`; returns their folder.

    Raises NotPossible when a program is neither in the named folder nor can be had in another way.
    """
    folder = bin_dir()
    missing = {name for name in wanted if not (folder / name).exists()}
    if not missing:
        return folder
    if os.environ.get(ENV_FOLDER):
        raise NotPossible(
            f"{folder} (from ${ENV_FOLDER}) lacks {', '.join(sorted(missing))}; put the programs there or unset it"
        )
    folder.mkdir(parents=True, exist_ok=True)
    with locked(folder.parent / "lock"):
        missing = {name for name in wanted if not (folder / name).exists()}
        missing -= _download(missing, folder, progress)
        _build(missing, folder, progress)
    return folder


def _download(missing: set[str], folder: Path, progress: Progress) -> set[str]:
    """Try the official releases; the first failure ends the attempt."""
    done: set[str] = set()
    for release in releases():
        if release.program not in missing:
            continue
        try:
            with progress.step(f"download {release.program}"):
                fetch(release, folder)
        except UnavailableError:
            progress.note(
                "official releases cannot be reached from here; building from source instead"
            )
            break
        done.add(release.program)
    return done


def _build(missing: set[str], folder: Path, progress: Progress) -> None:
    if not missing:
        return
    if shutil.which("go") is None:
        raise NotPossible(
            "official releases cannot be downloaded and Go is not installed: install Go 1.26 or newer, "
            f"or put {', '.join(sorted(missing))} into a folder and name it by {ENV_FOLDER}"
        )
    free = shutil.disk_usage(folder).free / 2**30
    if free < _BUILD_DISK_GIB:
        raise NotPossible(
            f"building needs {_BUILD_DISK_GIB} GiB of free disk at {folder}; there are {free:.1f}"
        )
    logs = folder.parent / "logs"
    if missing & set(versions.NODE_PARTS):
        with progress.step(
            "build Kubernetes, etcd and CoreDNS with Go (about 8 minutes the first time)"
        ):
            ldflags = (
                f"{_LDFLAGS} -X k8s.io/component-base/version.gitVersion={versions.KUBERNETES}"
            )
            go_build(SOURCES / "node", folder / "kube-node", ldflags, logs / "node.log")
        for name in versions.NODE_PARTS:
            _link(folder / name, "kube-node")
    if "pause" in missing:
        with progress.step("build the pod sandbox"):
            go_build(SOURCES / "pause", folder / "pause", _LDFLAGS, logs / "pause.log")
    _build_tools(missing, folder, logs, progress)


def _build_tools(missing: set[str], folder: Path, logs: Path, progress: Progress) -> None:
    if "helm3" in missing:
        with progress.step(f"build helm {versions.HELM_3} with Go (about a minute)"):
            program = "helm.sh/helm/v3/cmd/helm"
            log = logs / "helm3.log"
            go_build(SOURCES / "helm3", folder / "helm3", _helm_3_flags(), log, package=program)
    for name in sorted(missing & versions.GO_TOOLS.keys()):
        tool = versions.GO_TOOLS[name]
        with progress.step(f"build {name} {tool.version} with Go (about a minute)"):
            env = {**_go_env(), "GOBIN": str(folder)}
            argv = [
                "go",
                "install",
                "-trimpath",
                "-ldflags",
                _LDFLAGS,
                f"{tool.package}@{tool.version}",
            ]
            run(argv, log=logs / f"{name}.log", env=env)


def _helm_3_flags() -> str:
    """As its releases are linked; otherwise it renders for Kubernetes 1.20."""
    major, minor, _ = versions.KUBERNETES.removeprefix("v").split(".")
    set_to = {"Major": major, "Minor": minor}
    flags = [
        f"-X helm.sh/helm/v3/pkg/{package}.k8sVersion{part}={number}"
        for package in ("chartutil", "lint/rules")
        for part, number in set_to.items()
    ]
    return " ".join((_LDFLAGS, *flags))


def go_build(
    source: Path, target: Path, ldflags: str, log: Path, *options: str, package: str = "."
) -> None:
    """Build a package by the module in `source`.

    It is built into a temporary file and renamed, so that no partial program remains.
    """
    temporary = target.with_suffix(".building")
    run(
        ["go", "build", "-trimpath", "-ldflags", ldflags, *options, "-o", temporary, package],
        cwd=source,
        log=log,
        env=_go_env(),
    )
    temporary.replace(target)


def _go_env() -> dict[str, str]:
    return {**os.environ, "CGO_ENABLED": "0", "GOFLAGS": "-buildvcs=false"}


def _link(link: Path, target: str) -> None:
    link.unlink(missing_ok=True)
    link.symlink_to(target)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Lock out a second caller that builds the same programs."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
