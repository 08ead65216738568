"""Everything that routes need, built once and run for the life of the program."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

import structlog

from trainyard_gateway.auth.api_key_store import ApiKeyStore
from trainyard_gateway.auth.audit_log import AuditLog
from trainyard_gateway.auth.authenticator import Authenticator
from trainyard_gateway.auth.trainer_identity import TrainerIdentity
from trainyard_gateway.estimates.estimator import Estimator
from trainyard_gateway.estimates.snapshot import SnapshotReader
from trainyard_gateway.events.hub import Hub
from trainyard_gateway.files.file_store import FileStore, make_folder
from trainyard_gateway.files.runs import RunFolders
from trainyard_gateway.files.spool import SpoolFolders
from trainyard_gateway.nodes.system import SystemMonitor
from trainyard_gateway.registry.datasets import Datasets
from trainyard_gateway.registry.models import Models
from trainyard_gateway.registry.quota import Quota
from trainyard_gateway.registry.uploads import Uploads
from trainyard_gateway.sessions.cache import SessionCache
from trainyard_gateway.sessions.commands import SessionCommands
from trainyard_gateway.sessions.retention import Retention
from trainyard_gateway.sessions.spool_recovery import SpoolRecovery
from trainyard_gateway.sessions.status_writer import StatusWriter
from trainyard_gateway.settings import Settings
from trainyard_gateway.store.connect import connect
from trainyard_gateway.store.metrics.chart_cache import ChartCache
from trainyard_gateway.store.store import Store
from trainyard_gateway.task_supervisor import TaskSupervisor
from trainyard_kube import KubeClient, KubeConfig

SHARED_AGE_SECONDS = 86_400.0
"""Where several gateways share the volume, what looks left over may be under way; after a day it is not."""

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Services:
    """The running parts of the gateway."""

    settings: Settings
    database: Store
    charts: ChartCache
    keys: ApiKeyStore
    audit_log: AuditLog
    hub: Hub
    authenticator: Authenticator
    cache: SessionCache
    commands: SessionCommands
    estimator: Estimator
    datasets: Datasets
    models: Models
    dataset_uploads: Uploads
    model_uploads: Uploads
    identity: TrainerIdentity
    status_writer: StatusWriter
    system: SystemMonitor
    tasks: TaskSupervisor


@asynccontextmanager
async def running(settings: Settings, config: KubeConfig) -> AsyncIterator[Services]:
    """Open files and database, follow the cluster, and close everything in the reverse order."""
    async with AsyncExitStack() as stack:
        kube = await stack.enter_async_context(KubeClient(config, user_agent="trainyard-gateway"))
        for name in ("runs", "db"):
            make_folder(settings.data_dir / name)
        database = connect(settings.database(), settings.database_password_file)
        await database.open()
        stack.push_async_callback(database.close)
        services = await _build(settings, kube, database)
        await services.keys.load()
        stack.push_async_callback(services.audit_log.flush)
        await stack.enter_async_context(services.tasks)
        for part in (
            services.cache, services.status_writer, services.system, services.keys, services.audit_log,
        ):  # fmt: skip
            services.tasks.start(type(part).__name__, part.run)
        runs = settings.data_dir / "runs"
        folders = RunFolders(runs)
        await asyncio.to_thread(folders.open)
        leftovers = SpoolRecovery(folders, SpoolFolders(runs), services.cache, database)
        services.tasks.start(SpoolRecovery.__name__, leftovers.run)
        if settings.run_retention_days is not None:
            retention = Retention(folders, services.cache, database, settings.run_retention_days)
            services.tasks.start(Retention.__name__, retention.run)
        yield services


async def _build(settings: Settings, kube: KubeClient, database: Store) -> Services:
    namespace = settings.namespace
    stores = {
        name: FileStore(settings.data_dir / name, settings.reserve_bytes)
        for name in ("datasets", "models", "uploads/datasets", "uploads/models")
    }
    of_datasets = Quota("dataset", settings.datasets_max_bytes, settings.datasets_max_count)
    of_models = Quota("model", settings.models_max_bytes, settings.models_max_count)
    datasets = Datasets(stores["datasets"], database, of_datasets)
    models = Models(stores["models"], settings.data_dir / "runs", database, of_models)
    dataset_uploads = Uploads(stores["uploads/datasets"], database, of_datasets)
    model_uploads = Uploads(stores["uploads/models"], database, of_models)
    known = (
        await datasets.identities(),
        await models.identities(),
        await dataset_uploads.clean(),
        await model_uploads.clean(),
    )
    for (name, store), mine in zip(stores.items(), known, strict=True):
        store.open()
        age, aside = 0.0 if database.exclusive else SHARED_AGE_SECONDS, "/" not in name
        if gone := await asyncio.to_thread(store.clean, mine, age, aside):
            words = "put aside what no row names" if aside else "removed uploads that are over"
            _log.warning(words, root=str(store.root), folders=len(gone))
    cache = SessionCache(kube, namespace, database)
    status_writer = StatusWriter(kube, namespace, cache, database, datasets, models)
    cache.on_change(status_writer.notify)
    hub = Hub()
    cache.on_change(hub.notify)
    database.on_applied(status_writer.notify)
    database.on_applied(hub.notify)
    api_keys, audit_log = ApiKeyStore(settings.admin_key(), database), AuditLog(database)
    return Services(
        settings=settings,
        database=database,
        charts=ChartCache(database),
        keys=api_keys,
        audit_log=audit_log,
        hub=hub,
        authenticator=Authenticator(api_keys, audit_log, settings.requests_per_second),
        cache=cache,
        commands=SessionCommands(kube, namespace, cache, database, datasets),
        estimator=Estimator(SnapshotReader(kube, namespace, cache), settings.installation()),
        datasets=datasets,
        models=models,
        dataset_uploads=dataset_uploads,
        model_uploads=model_uploads,
        identity=TrainerIdentity(
            kube, namespace, settings.trainer_audience, settings.monitor_service_account
        ),
        status_writer=status_writer,
        system=SystemMonitor(kube, settings.gpu_resource_name, settings.data_dir),
        tasks=TaskSupervisor(),
    )
