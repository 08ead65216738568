"""`python tests/upgrade REF --kubeconfig FILE`, or `make upgrade FROM=REF`: the chart of REF becomes this tree's.

The images and the chart of the older version are built from its own commit. Under live sessions the
release is then upgraded by `helm upgrade` with this tree's images and chart. The check ends with exit
code 1 at the first thing that an upgrade must not do: stop a trainer, lose or double a point, forget a
session, a dataset or a model, leave a status unread, drop a metric name, or refuse the older client.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "support"))

from cluster import fresh_namespace  # noqa: E402  # found by the line above
from installation import RELEASE, Installation, image_tags  # noqa: E402
from poll import eventually  # noqa: E402

from trainyard.client import Client  # noqa: E402
from trainyard_demo.data import write_digits  # noqa: E402

COMPONENTS: Final = ("operator", "gateway", "trainer", "bot")
CRDS: Final = ("trainingsessions.trainyard.io", "trainingqueues.trainyard.io")
LONG: Final = {
    "dataset": "digits",
    # Outlives the upgrade.
    "training": {"task": "tabular-classification", "epochs": 100_000, "batchSize": 512},
    "resources": {"gpus": 1, "cpu": "200m", "memory": "512Mi"},
    "retry": {"limit": 0},
}
SHORT: Final = {**LONG, "training": {**LONG["training"], "epochs": 2}}
WAITING: Final = {**LONG, "resources": {**LONG["resources"], "gpus": 3}}
"""Fits on the node of four GPUs, but not beside the sessions that train."""
METRIC: Final = re.compile(r"^# TYPE (\S+) ", re.MULTILINE)


def main() -> int:
    """Build both versions, install the older one, upgrade, compare. The exit code."""
    options = _options()
    with tempfile.TemporaryDirectory(prefix="upgrade-") as folder:
        tree = Path(folder) / "tree"
        _run("git", "-C", str(ROOT), "worktree", "add", "--detach", str(tree), options.ref)
        try:
            with fresh_namespace(options.kubeconfig, "upgrade") as namespace:
                _check(Installation(options.kubeconfig, namespace), tree, options.cluster)
        finally:
            _run("git", "-C", str(ROOT), "worktree", "remove", "--force", str(tree))
    _say("the upgrade kept everything")
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("ref", help="commit or tag of the version before")
    parser.add_argument("--kubeconfig", type=Path, required=True)
    parser.add_argument(
        "--cluster", default="upgrade", help="embedded cluster that gets the images"
    )
    return parser.parse_args()


def _check(release: Installation, tree: Path, cluster: str) -> None:
    older = _built(tree)
    # A check that was cut off leaves the CRDs, which belong to its release.
    release.kubectl("delete", "crd", *CRDS, "--ignore-not-found")
    for images in (tree, ROOT):
        for component in COMPONENTS:
            archive = images / "build" / "images" / f"{component}.tar"
            _run(
                sys.executable,
                "-m",
                "trainyard_cluster",
                "load-image",
                "--name",
                cluster,
                str(archive),
            )
    _step("install the older version", lambda: _helm(release, tree, older))
    with release.client() as people, tempfile.TemporaryDirectory() as data:
        people.upload_dataset("digits", write_digits(Path(data)))
        _prepare(people)
        before = _facts(release, people)
        metrics = _metric_names(release)
        _step("upgrade", lambda: _helm(release, ROOT, image_tags()))
    with release.client() as people:
        _compare(release, people, before)
        _resume(people)
    lost = metrics - _metric_names(release)
    assert not lost, f"metric names of the older version are gone: {sorted(lost)}"
    _older_client(release, tree)
    release.helm("uninstall", RELEASE, "--wait")


def _built(tree: Path) -> dict[str, str]:
    """Build the images of `tree` with its own builder. The chart's tag values."""
    sources = os.pathsep.join(str(path) for path in sorted(tree.glob("*/src")))
    environment = {**os.environ, "PYTHONPATH": sources}
    command = [sys.executable, "-m", "trainyard_images", "build"]
    subprocess.run(command, check=True, cwd=tree, env=environment)
    return {
        f"{name}.image.tag": json.loads((tree / "build/images" / f"{name}.json").read_text())["tag"]
        for name in COMPONENTS
    }


def _helm(release: Installation, tree: Path, tags: dict[str, str]) -> None:
    """As the administrator's guide does it, with the port on the node."""
    values = [f"--set={key}={value}" for key, value in tags.items()]
    release.helm(
        *("upgrade", "--install", RELEASE, str(tree / "charts" / "trainyard")),
        *("--wait", "--timeout=300s", "--set=gateway.service.type=NodePort", *values),
    )


def _prepare(people: Client) -> None:
    """One session in each state that lasts: ended, suspended, two that train, one that waits."""
    for name, spec in (("ended", SHORT), ("paused", LONG), ("one", LONG), ("two", LONG)):
        people.start_training(spec, name)
    eventually(lambda: people.status("ended").phase == "Succeeded", within=240, what="ended")
    eventually(lambda: _epochs(people, "paused") >= 3, within=120, what="points of paused")
    people.suspend("paused")
    eventually(lambda: people.status("paused").phase == "Suspended", within=120, what="suspended")
    people.start_training(WAITING, "waits")
    for name in ("one", "two"):
        eventually(
            lambda name=name: _epochs(people, name) >= 3, within=120, what=f"points of {name}"
        )  # type: ignore[misc]  # bound here
    eventually(
        lambda: people.status("waits").phase == "Queued", within=60, what="a waiting session"
    )


def _epochs(people: Client, name: str) -> int:
    """The newest epoch of `name`, after a check that none before it is missing or there twice."""
    series = people.history(name, "val/accuracy", max_points=10_000).series
    if not series:
        return 0
    found = [point.epoch for point in series[0].points]
    assert found == list(range(1, len(found) + 1)), f"{name}: {found[:5]} … {found[-5:]}"
    return len(found)


def _facts(release: Installation, people: Client) -> dict[str, Any]:
    return {
        "sessions": {s.name: s.uid for s in people.sessions().sessions},
        "pods": {
            pod["metadata"]["uid"]: sum(
                c["restartCount"] for c in pod["status"]["containerStatuses"]
            )
            for pod in release.items("pods", "trainyard.io/session-uid")
            if pod["status"]["phase"] == "Running"
        },
        "ended": _epochs(people, "ended"),
        "paused": _epochs(people, "paused"),
        "one": _epochs(people, "one"),
        "two": _epochs(people, "two"),
        "datasets": [d.name for d in people.datasets().datasets],
        "models": [m.name for m in people.models().models],
        "key": release.key,
    }


def _compare(release: Installation, people: Client, before: dict[str, Any]) -> None:
    for name in ("one", "two"):
        more = before[name] + 5
        eventually(lambda name=name, more=more: _epochs(people, name) > more, within=120, what=name)  # type: ignore[misc]  # bound here
    after = _facts(release, people)
    for fact in ("sessions", "pods", "ended", "paused", "datasets", "models", "key"):
        assert after[fact] == before[fact], f"{fact}: {before[fact]} became {after[fact]}"
    assert set(before["pods"].values()) == {0}
    assert people.status("ended").phase == "Succeeded"
    waits = people.status("waits")
    assert waits.phase == "Queued", waits.phase
    assert [entry.name for entry in people.queue().waiting] == ["waits"], people.queue()


def _resume(people: Client) -> None:
    """The newer trainer continues from the older one's checkpoint, and the queue moves on."""
    epochs = _epochs(people, "paused")
    for name in ("one", "two"):
        people.stop(name)
    people.resume("paused")
    eventually(lambda: _epochs(people, "paused") > epochs + 3, within=240, what="resumed epochs")
    people.stop("paused")
    eventually(
        lambda: people.status("waits").phase == "Running", within=240, what="the next in line"
    )
    people.stop("waits")
    eventually(
        lambda: {s.phase for s in people.sessions().sessions} <= {"Stopped", "Succeeded"},
        within=180,
        what="the end of all sessions",
    )


def _metric_names(release: Installation) -> set[str]:
    """The names that operator and gateway offer to Prometheus."""
    found: set[str] = set()
    for component in ("operator", "gateway"):
        selector = f"app.kubernetes.io/component={component}"
        pod = next(
            p["metadata"]["name"]
            for p in release.items("pods", selector)
            if p["status"]["phase"] == "Running" and "deletionTimestamp" not in p["metadata"]
        )
        path = f"/api/v1/namespaces/{release.namespace}/pods/{pod}:9090/proxy/metrics"
        names = METRIC.findall(release.kubectl("get", "--raw", path))
        assert names, f"{component} offers no metric"
        found.update(names)
    return found


def _older_client(release: Installation, tree: Path) -> None:
    """The command line of the older version reads from the newer gateway."""
    sources = os.pathsep.join(str(tree / package / "src") for package in ("client", "crds"))
    environment = {
        **os.environ,
        "PYTHONPATH": sources,
        "TRAINYARD_URL": release.url,
        "TRAINYARD_API_KEY": release.key,
    }
    for words in (["ls"], ["metrics", "ended"], ["datasets", "ls"], ["models", "ls"], ["queue"]):
        command = [sys.executable, "-m", "trainyard.cli", *words]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{' '.join(words)}: {done.stdout}{done.stderr}"


def _step(what: str, act: Callable[[], None]) -> None:
    began = time.monotonic()
    act()
    _say(f"{what}: {time.monotonic() - began:.0f} s")


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _run(*command: str) -> None:
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


if __name__ == "__main__":
    sys.exit(main())
