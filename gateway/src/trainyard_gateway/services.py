"""The services that routes use, built once and run as long as the program."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field

import structlog

from trainyard_api.limits.published import Subject, SubjectKind
from trainyard_gateway.audit.bound import AuditBound
from trainyard_gateway.audit.cluster import ClusterChanges
from trainyard_gateway.audit.observed import Watched
from trainyard_gateway.audit.trail import AuditTrail
from trainyard_gateway.auth import keys
from trainyard_gateway.auth.api_key_store import ApiKeyStore
from trainyard_gateway.auth.audit_log import AuditLog
from trainyard_gateway.auth.authenticator import Authenticator
from trainyard_gateway.auth.logins import Logins
from trainyard_gateway.auth.sso.service import SingleSignOn
from trainyard_gateway.auth.token_authenticator import TokenAuthenticator
from trainyard_gateway.auth.trainer_identity import Accounts, TrainerIdentity
from trainyard_gateway.code.bundles import CodeBounds, CodeBundles, CodeLimits
from trainyard_gateway.code.folders import CodeFolders
from trainyard_gateway.estimates.estimator import Estimator
from trainyard_gateway.estimates.snapshot import SnapshotReader
from trainyard_gateway.events.hub import Hub
from trainyard_gateway.events.session_changes import ALL, SessionChanges
from trainyard_gateway.events.watcher import StreamWatcher
from trainyard_gateway.files.file_store import FileStore, make_folder
from trainyard_gateway.files.inspect import Inspector
from trainyard_gateway.files.relayed import RelayedArtifacts
from trainyard_gateway.files.runs import RunFolders
from trainyard_gateway.files.spool import SpoolFolders
from trainyard_gateway.limits.service import Limits
from trainyard_gateway.mlflow.artifact_quota import ArtifactQuota
from trainyard_gateway.mlflow.artifact_recovery import ArtifactRecovery
from trainyard_gateway.mlflow.door import MlflowDoor, open_door
from trainyard_gateway.mlflow.registry.making import RegistryPlaces
from trainyard_gateway.nodes.system import SystemMonitor
from trainyard_gateway.notices import service as notices
from trainyard_gateway.notices.service import Notices
from trainyard_gateway.registry.datasets import Datasets
from trainyard_gateway.registry.models import Models
from trainyard_gateway.registry.quota import Quota
from trainyard_gateway.registry.uploads import Uploads
from trainyard_gateway.rights.asking import Rights
from trainyard_gateway.rights.users import Users
from trainyard_gateway.run_files.sending import ArchiveSlots
from trainyard_gateway.run_files.service import RunFiles
from trainyard_gateway.sessions.cache import SessionCache
from trainyard_gateway.sessions.code_retention import CodeRetention
from trainyard_gateway.sessions.commands import SessionCommands
from trainyard_gateway.sessions.history_retention import HistoryRetention
from trainyard_gateway.sessions.reported.measured_cache import MeasuredCache
from trainyard_gateway.sessions.reported.report_rates import ReportRates
from trainyard_gateway.sessions.retention import Retention
from trainyard_gateway.sessions.spool_recovery import SpoolRecovery
from trainyard_gateway.sessions.status_writer import StatusWriter
from trainyard_gateway.sessions.teams.team_labels import TeamLabels
from trainyard_gateway.sessions.user_caches import UserCaches
from trainyard_gateway.settings import Settings
from trainyard_gateway.sign_of_life import SignOfLife
from trainyard_gateway.store.connect import connect
from trainyard_gateway.store.errors import is_unavailable
from trainyard_gateway.store.metrics.chart_cache import ChartCache
from trainyard_gateway.store.sql.sqlite_move import move_in, require_not_moved
from trainyard_gateway.store.store import Store
from trainyard_gateway.task_supervisor import TaskSupervisor
from trainyard_gateway.trees.recovery import TreeRecovery
from trainyard_gateway.trees.service import TreePlaces, Trees
from trainyard_gateway.trees.staged import StagedTrees
from trainyard_gateway.usage.figures import UsageFigures
from trainyard_gateway.usage.reports import UsageReports
from trainyard_kube import KubeClient, KubeConfig

SHARED_AGE_SECONDS = 86_400.0
"""If several gateways share the volume, only older files count as abandoned."""

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Services:
    """The services of the running gateway."""

    settings: Settings
    database: Store
    charts: ChartCache
    keys: ApiKeyStore
    trail: AuditTrail
    hub: Hub
    measured: MeasuredCache
    session_changes: SessionChanges
    authenticator: Authenticator
    cache: SessionCache
    commands: SessionCommands
    estimator: Estimator
    code: CodeBundles
    datasets: Datasets
    models: Models
    dataset_uploads: Uploads
    model_uploads: Uploads
    tokens: TokenAuthenticator
    report_rates: ReportRates
    run_files: RunFiles
    status_writer: StatusWriter
    system: SystemMonitor
    trees: Trees
    mlflow: MlflowDoor
    sign_of_life: SignOfLife
    usage: UsageReports
    notices: Notices
    tasks: TaskSupervisor = field(default_factory=lambda: TaskSupervisor(is_outage=is_unavailable))

    @property
    def rights(self) -> Rights:
        """Whose objects are, and what callers may do with them."""
        return Rights(self.keys.users, self.database)

    def require_subject(self, subject: Subject) -> None:
        """Raises NotFound or Unprocessable if there is no such user, team or key."""
        if subject.kind == SubjectKind.TEAM:
            self.users.team(subject.name)
        elif subject.kind == SubjectKind.USER:
            self.users.require_user(subject.name)
        elif subject.name != keys.ADMIN.key_id:
            self.keys.one(subject.name)

    @property
    def limits(self) -> Limits:
        """Limits of users, teams and keys."""
        return self.commands.limits

    @property
    def audit_log(self) -> AuditLog:
        """Attempts to authenticate."""
        return self.authenticator.audit_log

    @property
    def sso(self) -> SingleSignOn | None:
        """Single sign-on, None without it."""
        return self.authenticator.sso

    @property
    def users(self) -> Users:
        """Users and teams, read with the keys."""
        return self.keys.users


@asynccontextmanager
async def running(settings: Settings, config: KubeConfig) -> AsyncIterator[Services]:
    """Open files and database, follow the cluster, and close everything in the reverse order."""
    async with AsyncExitStack() as stack:
        kube = await stack.enter_async_context(KubeClient(config, user_agent="trainyard-gateway"))
        for name in ("runs", "environments", "cache", "db"):
            make_folder(settings.data_dir / name)
        await asyncio.to_thread(_place_database, settings)
        database = connect(
            settings.database(), settings.database_password_file, settings.log_max_bytes
        )
        await database.open()
        stack.push_async_callback(database.close)
        inspector = Inspector()
        stack.push_async_callback(inspector.close)
        services = await _build(settings, kube, database, inspector)
        await services.keys.load()
        stack.push_async_callback(services.audit_log.close)
        stack.push_async_callback(services.trail.close)
        stack.push_async_callback(services.trees.close)
        stack.push_async_callback(services.mlflow.close)
        await stack.enter_async_context(services.tasks)
        _label_sessions(kube, services)
        _bound_audit_log(services)
        services.notices.watcher.limits = services.limits.spent
        await _start_tasks(services)
        yield services


def _place_database(settings: Settings) -> None:
    """Bring SQLite's database to the folder of the settings. Raises SettingsError."""
    if settings.database_url is not None:
        return
    new, old = settings.sqlite_file(), settings.shared_database_dir() / settings.sqlite_file().name
    if settings.database_dir is None:
        require_not_moved(old)
    elif move_in(old, new):
        _log.warning("the database was moved; the earlier file stays", old=str(old), new=str(new))


def _label_sessions(kube: KubeClient, services: Services) -> None:
    """Sessions by `kubectl` get the label of their team."""
    namespace, cache = services.settings.namespace, services.cache
    labels = TeamLabels(kube, namespace, cache, services.rights)
    cache.on_change(labels.notify)
    services.tasks.start(TeamLabels.__name__, labels.run)


def _bound_audit_log(services: Services) -> None:
    settings = services.settings
    bound = AuditBound(services.database, settings.audit_days, settings.audit_max_events)
    services.tasks.start(AuditBound.__name__, bound.run)


async def _start_tasks(services: Services) -> None:
    await services.charts.prepare()
    for service in (
        services.cache, services.status_writer, services.system, services.keys, services.audit_log,
        services.sign_of_life, services.trail,
    ):  # fmt: skip
        services.tasks.start(type(service).__name__, service.run)
    services.tasks.start("DatasetSchemas", services.datasets.keep_schemas_current)
    cache, database, days = services.cache, services.database, services.settings.run_retention_days
    services.tasks.start("expiry of dataset uploads", services.dataset_uploads.run)
    services.tasks.start("expiry of model uploads", services.model_uploads.run)
    await asyncio.to_thread(services.code.folders.open)
    unused = CodeRetention(services.code, cache, services.settings.code_retention_days)
    services.tasks.start(CodeRetention.__name__, unused.run)
    if (most := services.settings.cache_max_bytes) is not None:
        caches = UserCaches(services.settings.data_dir / "cache", cache, most)
        services.tasks.start(UserCaches.__name__, caches.run)
    services.tasks.start(UsageFigures.__name__, UsageFigures(database).run)
    watcher = StreamWatcher(services.hub, database)
    services.tasks.start(StreamWatcher.__name__, watcher.run)
    runs = services.settings.data_dir / "runs"
    folders = RunFolders(runs)
    await asyncio.to_thread(folders.open)
    recovery = SpoolRecovery(folders, SpoolFolders(runs), cache, database)
    services.tasks.start(SpoolRecovery.__name__, recovery.run)
    trees = TreeRecovery(folders, StagedTrees(runs), cache, database, services.trees)
    services.tasks.start(TreeRecovery.__name__, trees.run)
    artifacts = ArtifactRecovery(
        folders, RelayedArtifacts(runs), cache, database, services.mlflow.artifacts
    )
    services.tasks.start(ArtifactRecovery.__name__, artifacts.run)
    if days is not None:
        retention = Retention(folders, cache, database, days)
        services.tasks.start(Retention.__name__, retention.run)
    services.notices.start(services.tasks)
    if services.sso is not None:
        services.tasks.start("single sign-on", services.sso.verification.run)
    if services.settings.history_retention_days is not None:
        history = HistoryRetention(cache, database, services.settings.history_retention_days)
        services.tasks.start(HistoryRetention.__name__, history.run)


@dataclass(frozen=True, slots=True)
class _Registries:
    datasets: Datasets
    models: Models
    dataset_uploads: Uploads
    model_uploads: Uploads
    code: CodeBundles
    volume: FileStore
    trees: TreePlaces
    artifacts: FileStore


async def _open_registries(
    settings: Settings, database: Store, inspector: Inspector
) -> _Registries:
    """The registries on the volume, after their folders were made and cleaned."""
    stores = {
        name: FileStore(settings.data_dir / name, settings.reserve_bytes)
        for name in ("datasets", "models", "uploads/datasets", "uploads/models")
    }
    of_datasets = Quota("dataset", settings.datasets_max_bytes, settings.datasets_max_count)
    of_models = Quota("model", settings.models_max_bytes, settings.models_max_count)
    made = _Registries(
        datasets=Datasets(stores["datasets"], database, of_datasets, inspector),
        models=Models(stores["models"], settings.data_dir / "runs", database, of_models),
        dataset_uploads=Uploads(stores["uploads/datasets"], database, of_datasets),
        model_uploads=Uploads(stores["uploads/models"], database, of_models),
        code=_code(settings, stores["datasets"]),
        volume=stores["datasets"],
        trees=TreePlaces(stores["models"], settings.data_dir / "runs", database, of_models),
        artifacts=FileStore(settings.data_dir / "artifacts", settings.reserve_bytes),
    )
    known = (
        await made.datasets.identities(),
        await made.models.identities(),
        await made.dataset_uploads.clean(),
        await made.model_uploads.clean(),
    )
    older_than = 0.0 if database.exclusive else SHARED_AGE_SECONDS
    for (name, store), identities in zip(stores.items(), known, strict=True):
        store.open()
        aside = not name.startswith("uploads/")
        if folders := await asyncio.to_thread(store.clean, identities, older_than, aside):
            message = "moved unknown folders to .lost" if aside else "removed old uploads"
            _log.warning(message, root=str(store.root), folders=len(folders))
    made.artifacts.open()
    await asyncio.to_thread(made.artifacts.clean_incoming, older_than)
    return made


def _code(settings: Settings, volume: FileStore) -> CodeBundles:
    bounds = CodeBounds(
        CodeLimits(max_bytes=settings.code_max_bytes, max_files=settings.code_max_files),
        settings.code_key_bytes_per_day,
        settings.code_max_total_bytes,
    )
    return CodeBundles(CodeFolders(settings.data_dir / "code"), volume, bounds)


def _connect(cache: SessionCache, database: Store, *listeners: Callable[[str], None]) -> None:
    """Tell the listeners of sessions that change in the cluster or in the database."""
    for listener in listeners:
        cache.on_change(listener)
        database.on_applied(listener)


def _estimator(
    settings: Settings,
    kube: KubeClient,
    cache: SessionCache,
    datasets: Datasets,
    rights: Rights,
    limits: Limits,
) -> Estimator:
    snapshots = SnapshotReader(kube, settings.namespace, cache, limits)
    return Estimator(snapshots, settings.installation(), datasets, rights)


async def _mlflow(
    settings: Settings, registries: _Registries, cache: SessionCache, status_writer: StatusWriter
) -> MlflowDoor:
    trees, artifacts = registries.trees, registries.artifacts
    places = RegistryPlaces(
        store=trees.store,
        artifacts=artifacts.root,
        database=trees.database,
        quota=trees.quota,
        sessions=cache,
        on_registered=status_writer.notify,
    )
    quota = ArtifactQuota(settings.artifacts_run_max_bytes, settings.artifacts_max_bytes)
    return await open_door(artifacts, quota, registries.models, places)


def _tokens(
    settings: Settings, kube: KubeClient, cache: SessionCache, audit_log: AuditLog
) -> TokenAuthenticator:
    accounts = Accounts(
        settings.namespace, settings.trainer_audience, settings.monitor_service_account
    )
    return TokenAuthenticator(TrainerIdentity(kube, accounts, cache.live), audit_log)


def _measured(cache: SessionCache, database: Store) -> MeasuredCache:
    measured = MeasuredCache(database)
    _connect(cache, database, measured.forget)
    return measured


def _session_changes(hub: Hub, cache: SessionCache, database: Store) -> SessionChanges:
    changes = SessionChanges(hub)
    cache.on_change(changes.changed)
    database.on_measured(changes.measured)
    return changes


def _look_again(  # what changes, and what looks
    cache: SessionCache,
    database: Store,
    users: Users,
    datasets: Datasets,
    hub: Hub,
    status_writer: StatusWriter,
) -> None:
    """At new schemas and rights, sessions that wait and streams look again at what they see."""
    _connect(cache, database, status_writer.notify, hub.notify)
    cache.on_change(status_writer.notify_resuming)
    datasets.on_schema(status_writer.notify_waiting_for)
    users.on_change(status_writer.notify_waiting)
    users.on_change(lambda: hub.notify(ALL))
    users.on_change(hub.wake_refused)


def _authenticator(
    settings: Settings, api_keys: ApiKeyStore, audit_log: AuditLog, database: Store
) -> Authenticator:
    digest = keys.digest(settings.admin_key())
    sso = SingleSignOn(settings.sso, api_keys, database, digest) if settings.sso else None
    return Authenticator(api_keys, audit_log, Logins(digest), settings.requests_per_second, sso)


def _cache(
    settings: Settings, kube: KubeClient, database: Store, users: Users
) -> tuple[Rights, SessionCache]:
    rights = Rights(users, database)
    watched = Watched(settings.audit_kubernetes_users, settings.session_retention_seconds)
    changes = ClusterChanges(watched)
    return rights, SessionCache(kube, settings.namespace, database, rights, changes)


def _api_keys(settings: Settings, database: Store) -> ApiKeyStore:
    issuer = settings.sso.issuer if settings.sso else None
    return ApiKeyStore(settings.admin_key(), database, issuer)


async def _build(
    settings: Settings, kube: KubeClient, database: Store, inspector: Inspector
) -> Services:
    registries = await _open_registries(settings, database, inspector)
    datasets, models, code = registries.datasets, registries.models, registries.code
    namespace, volume, hub, slots = settings.namespace, registries.volume, Hub(), ArchiveSlots()
    api_keys, audit_log = _api_keys(settings, database), AuditLog(database)
    rights, cache = _cache(settings, kube, database, api_keys.users)
    known = (kube, namespace, cache, database, datasets, code)
    status_writer = StatusWriter(*known, models, rights)
    _look_again(cache, database, api_keys.users, datasets, hub, status_writer)
    return Services(
        settings=settings,
        database=database,
        charts=ChartCache(database),
        keys=api_keys,
        trail=AuditTrail(database),
        hub=hub,
        measured=_measured(cache, database),
        session_changes=_session_changes(hub, cache, database),
        authenticator=_authenticator(settings, api_keys, audit_log, database),
        cache=cache,
        commands=SessionCommands(*known, volume, rights, limits := Limits(database, cache.synced)),
        estimator=_estimator(settings, kube, cache, datasets, rights, limits),
        code=code,
        datasets=datasets,
        models=models,
        dataset_uploads=registries.dataset_uploads,
        model_uploads=registries.model_uploads,
        tokens=_tokens(settings, kube, cache, audit_log),
        report_rates=ReportRates(settings.report_bytes_per_second),
        run_files=RunFiles(settings.data_dir / "runs", cache, settings.run_retention_days, slots),
        status_writer=status_writer,
        system=SystemMonitor(kube, settings.gpu_resource_name, settings.data_dir, namespace),
        trees=Trees(registries.trees, models, cache, slots, status_writer.notify),
        mlflow=await _mlflow(settings, registries, cache, status_writer),
        sign_of_life=SignOfLife(kube, namespace, settings.release, database, limits.published),
        usage=UsageReports(database, lambda: time.time_ns() // 1000),
        notices=notices.build(settings, cache, database, api_keys.users.of),
    )
