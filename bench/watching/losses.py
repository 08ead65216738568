"""What an arm knows after a fault during which sessions came, changed and went."""

from __future__ import annotations

import argparse
import asyncio
import tempfile
from pathlib import Path
from typing import Any

import yaml
from arms import session
from fault_plan import Kind
from fault_proxy import FaultProxy
from handing_in import create
from watcher import Watcher

from trainyard_kube import KubeClient, KubeConfig, paths

SESSIONS = 200
HOLD_SECONDS = 10.0
"""How long a fault hides changes, but for the outage."""
WATCHES = 7
"""Kinds that an arm watches."""
WITHIN = 180.0
"""How long after the fault the arm may take to know what there is."""


async def run(options: argparse.Namespace, namespace: str) -> list[dict[str, Any]]:
    """One row for each arm and fault."""
    found = []
    faults = [
        (Kind.UNSEEN, HOLD_SECONDS),
        (Kind.STREAM_ERROR, 0.0),
        (Kind.DROPPED, 0.0),
        (Kind.SILENT, 0.0),
        (Kind.OUTAGE, options.away),
    ]
    config = KubeConfig.from_file(options.kubeconfig)
    async with KubeClient(config) as kube:
        for kind, seconds in faults:
            for arm in options.arms:
                names = (f"{_prefix(arm, kind)}-{i}" for i in range(SESSIONS))
                bodies = (session(name, ["true"]) for name in names)
                await create(kube, paths.sessions(namespace), bodies)
            # At the same time: an outage of ten minutes is long enough once.
            rows = await asyncio.gather(
                *(_tried(kube, namespace, arm, kind, seconds) for arm in options.arms)
            )
            found += rows
            print(json_line(rows), flush=True)
    return found


def _prefix(arm: str, kind: Kind) -> str:
    return f"{arm}-{kind.name.lower().replace('_', '-')}"


def json_line(rows: list[dict[str, Any]]) -> str:
    """The rows of one fault in a line."""
    return "; ".join(f"{r['arm']} {r['fault']}: {r['outcome']}" for r in rows)


async def _tried(
    kube: KubeClient, namespace: str, arm: str, kind: Kind, seconds: float
) -> dict[str, Any]:
    prefix, where = _prefix(arm, kind), paths.sessions(namespace)
    mine = {s["metadata"]["uid"]: s["metadata"]["name"] for s in await _all(kube, where, prefix)}
    with (
        tempfile.TemporaryDirectory(prefix="bench-watching-") as folder,
        FaultProxy(kube.config) as near,
    ):
        kubeconfig = _kubeconfig(Path(folder), near.url, namespace)
        async with Watcher(arm, namespace, kubeconfig, Path(folder) / "log") as watcher:
            known, _ = await watcher.until(
                "uids", lambda a: mine.keys() <= {*a["uids"]}, within=120
            )
            if known == float("inf"):
                raise SystemExit(f"{arm} does not come to know all: {watcher.said()}")
            while near.open_watches < WATCHES:  # noqa: ASYNC110  # the proxy has a loop of its own
                await asyncio.sleep(0.1)
            near.trouble(kind, seconds)
            await asyncio.sleep(1)
            gone = [name for name in mine.values() if int(name.rpartition("-")[2]) < 10]
            for name in gone:
                await kube.delete(paths.sessions(namespace, name))
            new = (session(f"{prefix}-new-{i}", ["true"]) for i in range(10))
            await create(kube, where, new)
            await asyncio.sleep(max(0.0, seconds - 1))
            truth = {s["metadata"]["uid"] for s in await _all(kube, where, prefix)}

            def right(answer: dict[str, Any]) -> bool:
                seen = {*answer["uids"]}
                return truth <= seen and not (mine.keys() - truth) & seen

            late, answer = await watcher.until("uids", right, within=WITHIN)
            return _row(watcher, kind, late, answer, mine.keys() - truth, truth)


def _row(
    watcher: Watcher,
    kind: Kind,
    late: float,
    answer: dict[str, Any] | None,
    gone: set[str],
    truth: set[str],
) -> dict[str, Any]:
    """What came of it, in words and figures."""
    row: dict[str, Any] = {"arm": watcher.arm, "fault": kind.value}
    if answer is None:
        return {**row, "outcome": "the process ended", "said": watcher.said()[-300:]}
    seen = {*answer["uids"]}
    row |= {"deletedButKept": len(gone & seen), "newButUnknown": len(truth - seen)}
    if late == float("inf"):
        return {**row, "outcome": f"wrong for {WITHIN:.0f} s"}
    return {**row, "outcome": f"right after {late:.1f} s", "seconds": round(late, 1)}


async def _all(kube: KubeClient, where: str, prefix: str) -> list[dict[str, Any]]:
    found = (await kube.list(where))["items"]
    return [s for s in found if s["metadata"]["name"].startswith(f"{prefix}-")]


def _kubeconfig(folder: Path, url: str, namespace: str) -> Path:
    """A kubeconfig of the proxy, which adds the credentials."""
    path = folder / "kubeconfig"
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "proxy", "cluster": {"server": url}}],
        "users": [{"name": "bench", "user": {}}],
        "contexts": [
            {
                "name": "proxy",
                "context": {"cluster": "proxy", "user": "bench", "namespace": namespace},
            }
        ],
        "current-context": "proxy",
    }
    path.write_text(yaml.safe_dump(content))
    return path
