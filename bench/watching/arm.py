"""One process that keeps the operator's state in step with the cluster, and says what it knows.

    python bench/watching/arm.py ours|kopf|kopf-tuned NAMESPACE

It reads lines and answers each with one line of JSON: `figures`, or `uids` of the sessions that it
knows. All arms put raw objects into the same `Informer`. They differ in who watches: our seven
`ListWatch`, or seven `kopf.on.event` handlers.
"""

from __future__ import annotations

import asyncio
import json
import resource
import sys
from pathlib import Path
from typing import Any

import kopf
import structlog

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "operator"))
from example_settings import example  # found by the line above

from trainyard_api import names
from trainyard_kube import KubeClient, KubeConfig
from trainyard_operator.informer import Informer
from trainyard_operator.main import EndlessBackoff, connection

RESOURCES: dict[str, tuple[str, ...]] = {
    "sessions": (names.GROUP, names.VERSION, names.SESSION_PLURAL),
    "queues": (names.GROUP, names.VERSION, names.QUEUE_PLURAL),
    "jobs": ("batch", "v1", "jobs"),
    "pods": ("v1", "pods"),
    "nodes": ("v1", "nodes"),
    "secrets": ("v1", "secrets"),
    "warnings": ("v1", "events"),
}
"""kopf's names of what the operator watches."""


class Fed:
    """The state that an arm feeds."""

    def __init__(self, kube: KubeClient, namespace: str) -> None:
        self.informer = Informer(kube, example(namespace).config(), lambda: None)
        self._began = _cpu_seconds()

    def event(self, kind: str, raw: dict[str, Any]) -> None:
        """What kopf delivers: an object as it is now, or the last state of one that is gone."""
        if raw["type"] == "DELETED":
            self.informer.remove(kind, raw["object"]["metadata"]["uid"])
        else:
            self.informer.absorb(kind, dict(raw["object"]))

    def answer(self, question: str) -> dict[str, Any]:
        """One line's answer."""
        sessions = self.informer.state.sessions
        if question == "uids":
            return {"uids": sorted(sessions)}
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        status = Path("/proc/self/status").read_text().splitlines()
        rss = next(line for line in status if line.startswith("VmRSS"))
        return {
            "sessions": len(sessions),
            "newest": max((s.version for s in sessions.values()), default=0),
            "cpu": _cpu_seconds() - self._began,
            "mib": round(int(rss.split()[1]) / 1024, 1),
            "peakMib": round(peak / 1024, 1),
        }


def _cpu_seconds() -> float:
    """User and system time of this process so far."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


async def answer_lines(fed: Fed) -> None:
    """Answer standard input until it ends."""
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        sys.stdout.write(json.dumps(fed.answer(line.decode().strip())) + "\n")
        sys.stdout.flush()


def handlers(fed: Fed, config: KubeConfig, *, tuned: bool) -> kopf.OperatorRegistry:
    """One `on.event` for each kind, and nothing that writes."""
    registry = kopf.OperatorRegistry()

    @kopf.on.startup(registry=registry)
    async def start(settings: kopf.OperatorSettings, **_: object) -> None:
        settings.posting.enabled = False
        settings.scanning.disabled = True
        settings.peering.standalone = True
        settings.networking.error_backoffs = EndlessBackoff()
        settings.watching.field_selectors["events"] = "type=Warning"
        settings.watching.label_selectors["secrets"] = f"{names.LABEL_RELEASED}=true"
        if tuned:
            # Pages of 500 and workers that end soon: the least memory that its settings give.
            settings.watching.chunk_size = 500
            settings.queueing.idle_timeout = 0.1

    @kopf.on.login(registry=registry)
    async def login(**_: object) -> kopf.ConnectionInfo:
        return connection(config)

    for kind, where in RESOURCES.items():

        async def handle(event: Any, kind: str = kind, **_: object) -> None:
            fed.event(kind, event)

        kopf.on.event(*where, registry=registry, id=kind)(handle)
    return registry


async def run(arm: str, namespace: str) -> None:
    """Watch as `arm` does until standard input ends."""
    config = KubeConfig.find()
    async with KubeClient(config, user_agent="trainyard-bench") as kube:
        fed = Fed(kube, namespace)
        if arm == "ours":
            work = [asyncio.create_task(fed.informer.follow(k)) for k in fed.informer.watches]
        else:
            operator = kopf.operator(
                registry=handlers(fed, config, tuned=arm == "kopf-tuned"),
                namespaces=[namespace],
                standalone=True,
            )
            work = [asyncio.create_task(operator)]
        lines = asyncio.create_task(answer_lines(fed))
        done, _ = await asyncio.wait([lines, *work], return_when=asyncio.FIRST_COMPLETED)
        if lines not in done:
            # A watch that ends is what the bench is about: say why, and end.
            await next(iter(done))
        for task in work:
            task.cancel()


if __name__ == "__main__":
    # Standard output is for answers.
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    asyncio.run(run(sys.argv[1], sys.argv[2]))
