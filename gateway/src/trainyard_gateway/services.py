"""Everything that routes need, built once and run for the life of the program."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

import structlog

from trainyard_gateway.auth import ApiKeys
from trainyard_gateway.files.atomic import FOLDER_MODE, Store
from trainyard_gateway.identity import TrainerIdentity
from trainyard_gateway.registry import Datasets, Models
from trainyard_gateway.sessions.cache import SessionCache
from trainyard_gateway.sessions.commands import SessionCommands
from trainyard_gateway.sessions.publisher import Publisher
from trainyard_gateway.settings import Settings
from trainyard_gateway.store.database import Database
from trainyard_gateway.system import SystemMonitor
from trainyard_kube import KubeClient, KubeConfig

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Services:
    """The running parts of the gateway."""

    settings: Settings
    database: Database
    keys: ApiKeys
    cache: SessionCache
    commands: SessionCommands
    datasets: Datasets
    models: Models
    identity: TrainerIdentity
    publisher: Publisher
    system: SystemMonitor


@asynccontextmanager
async def running(settings: Settings, config: KubeConfig) -> AsyncIterator[Services]:
    """Open files and database, follow the cluster, and close everything in the reverse order."""
    async with AsyncExitStack() as stack:
        kube = await stack.enter_async_context(KubeClient(config, user_agent="trainyard-gateway"))
        for name in ("runs", "db"):
            (settings.data_dir / name).mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
        database = Database(settings.data_dir / "db" / "trainyard.sqlite3")
        database.open()
        stack.callback(database.close)
        services = _build(settings, kube, database)
        for work in (services.cache.run(), services.publisher.run(), services.system.run()):
            stack.push_async_callback(_cancel, asyncio.create_task(_endless(work)))
        yield services


def _build(settings: Settings, kube: KubeClient, database: Database) -> Services:
    namespace = settings.namespace
    stores = [
        Store(settings.data_dir / name, settings.reserve_bytes) for name in ("datasets", "models")
    ]
    for store in stores:
        store.open()
    datasets = Datasets(stores[0], database)
    models = Models(stores[1], settings.data_dir / "runs", database)
    cache = SessionCache(kube, namespace, database)
    publisher = Publisher(kube, namespace, cache, database, datasets, models)
    cache.on_change(publisher.touch)
    return Services(
        settings=settings,
        database=database,
        keys=ApiKeys(settings.admin_key(), database),
        cache=cache,
        commands=SessionCommands(kube, namespace, cache, database, datasets),
        datasets=datasets,
        models=models,
        identity=TrainerIdentity(kube, namespace, settings.trainer_audience),
        publisher=publisher,
        system=SystemMonitor(kube, settings.gpu_resource_name, settings.data_dir),
    )


async def _endless(work: Coroutine[object, object, None]) -> None:
    """A background part that ends is a bug; say so, since nobody waits for its result."""
    try:
        await work
    except Exception:  # whatever it is, it must be seen
        _log.exception("a background part ended")
        raise


async def _cancel(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
