"""kopf runs the process: start, credentials, clean-up, signals. The rest is in `process`."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field

import kopf
import structlog

from trainyard_kube import KubeConfig
from trainyard_operator.process import Operator
from trainyard_operator.settings import Settings

_log = structlog.stdlib.get_logger(__name__)


class EndlessBackoff:
    """1, 2, 3, 5, 5, … seconds, from the start for every iteration.

    So kopf never gives up on the API server.
    """

    def __iter__(self) -> Iterator[float]:
        yield from (1.0, 2.0, 3.0)
        while True:
            yield 5.0


@dataclass
class Process:
    """This process: its settings, and why it stops."""

    settings: Settings
    config: KubeConfig
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    failure: BaseException | None = None
    operator: Operator | None = None

    def failed(self, error: BaseException) -> None:
        """A task that must never end failed: stop, so that Kubernetes restarts the operator."""
        _log.error("stopping", error=str(error), exc_info=error)
        self.failure = error
        self.stop.set()


def registry(process: Process) -> kopf.OperatorRegistry:
    """kopf's handlers for `process`."""
    handlers = kopf.OperatorRegistry()

    @kopf.on.startup(registry=handlers)
    async def start(settings: kopf.OperatorSettings, **_: object) -> None:
        tune(settings)
        process.operator = Operator(process.settings, process.config)
        await process.operator.start(process.failed)

    @kopf.on.login(registry=handlers)
    async def login(**_: object) -> kopf.ConnectionInfo:
        return connection(process.config)

    @kopf.on.cleanup(registry=handlers)
    async def stop(**_: object) -> None:
        if process.operator is not None:
            await process.operator.stop()
        # kopf waits five seconds for its own waiter on this flag otherwise.
        process.stop.set()

    return handlers


def tune(settings: kopf.OperatorSettings) -> None:
    """No Events, annotations, finalizers or scanning; endless retries with the API server."""
    settings.posting.enabled = False
    settings.scanning.disabled = True
    settings.peering.standalone = True
    settings.queueing.worker_limit = 8
    settings.networking.error_backoffs = EndlessBackoff()
    settings.watching.server_timeout = 600
    settings.watching.client_timeout = 660


def connection(config: KubeConfig) -> kopf.ConnectionInfo:
    """The API server's address and credentials, as kopf takes them."""
    return kopf.ConnectionInfo(
        server=config.server,
        ca_data=config.ca.encode() if config.ca else None,
        insecure=not config.verify,
        token=config.bearer(),
        certificate_data=config.client_certificate.encode() if config.client_certificate else None,
        private_key_data=config.client_key.encode() if config.client_key else None,
        default_namespace=config.namespace,
    )


async def run(process: Process) -> None:
    """Run until a signal comes or a task fails; raises the error of that task."""
    await kopf.operator(
        registry=registry(process),
        namespaces=[process.settings.namespace],
        standalone=True,
        stop_flag=process.stop,
    )
    if process.failure is not None:
        raise process.failure
