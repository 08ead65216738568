"""The pods of an attempt.

The template meets Pod Security `restricted`. It has a read-only root and no API token. Of the
volume it mounts only what the session names (datasets, code, packages, the run to resume from, all
read-only), its run folder, and its user's caches.
"""

from __future__ import annotations

from typing import Any

import orjson

from trainyard_api import contract, names
from trainyard_api.attempt import AttemptCode, AttemptSpec, ResumeSource
from trainyard_api.session.spec import TrainingSessionSpec
from trainyard_operator.core import expansion
from trainyard_operator.core.config import OperatorConfig, PodConfig
from trainyard_operator.core.pod import (
    caches,
    datasets,
    environment,
    placement,
    secrets,
    security,
    storage,
    supervisor,
    token,
)
from trainyard_scheduler.objects.model import Session

Manifest = dict[str, Any]


def pod_spec(
    session: Session,
    spec: TrainingSessionSpec,
    attempt: int,
    nodes: tuple[str, ...],
    config: OperatorConfig,
    *,
    resume_uid: str | None,
) -> Manifest:
    """The pod spec of one attempt's workers.

    `nodes` are the nodes chosen for them; `resume_uid` is the UID of the session that resumeFrom
    names.
    """
    runtime = config.pods[spec.runtime]
    container = _container(session, spec, attempt, config, runtime, resume_uid)
    pod: Manifest = {
        "restartPolicy": "Never",
        "terminationGracePeriodSeconds": spec.grace_period_seconds,
        "serviceAccountName": config.trainer_service_account,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "securityContext": security.of_pod(config.run_as),
        "affinity": _affinity(nodes),
        "initContainers": [supervisor.init_container(config.supervisor_image, container)],
        "containers": [container],
        "volumes": _volumes(spec, config),
    }
    if spec.workers > 1:
        pod["subdomain"] = names.rendezvous_name(session.name, session.uid)
    if runtime.runtime_class:
        pod["runtimeClassName"] = runtime.runtime_class
    pod |= placement.of_runtime(runtime)
    return pod


def _affinity(nodes: tuple[str, ...]) -> Manifest:
    """Preferred, not required: kube-scheduler knows more, and a node may go away meanwhile."""
    chosen = sorted(set(nodes))
    matching = {"key": "metadata.name", "operator": "In"}
    return {
        "nodeAffinity": {
            "preferredDuringSchedulingIgnoredDuringExecution": [
                {"weight": 100, "preference": {"matchFields": [{**matching, "values": [name]}]}}
                for name in chosen
            ]
        }
    }


def _container(
    session: Session,
    spec: TrainingSessionSpec,
    attempt: int,
    config: OperatorConfig,
    runtime: PodConfig,
    resume_uid: str | None,
) -> Manifest:
    program = [expansion.escape(w) for w in spec.command or runtime.command]
    container: Manifest = {
        "name": names.TRAINER_CONTAINER,
        "image": runtime.image,
        "imagePullPolicy": runtime.image_pull_policy,
        "command": list(supervisor.COMMAND),
        "args": program or list(supervisor.DEFAULT_PROGRAM),
        "env": _environment(session, spec, attempt, config, resume_uid),
        "workingDir": contract.RUN_DIR,
        "resources": _resources(spec, config, runtime),
        "securityContext": security.of_container(),
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "volumeMounts": _mounts(session, spec, config, resume_uid),
    }
    if spec.secrets:
        container["envFrom"] = secrets.variables(spec.secrets)
    return container


def _resources(spec: TrainingSessionSpec, config: OperatorConfig, runtime: PodConfig) -> Manifest:
    amounts = {"cpu": spec.resources.cpu, "memory": spec.resources.memory, **runtime.resources}
    if spec.resources.gpus:
        amounts[runtime.gpu_resource] = str(spec.resources.gpus)
    limit = storage.disk_limit(spec.resources, config.scratch)
    return {
        "requests": {**amounts, "ephemeral-storage": storage.DISK_REQUEST},
        "limits": {**amounts, "ephemeral-storage": limit},
    }


def _environment(
    session: Session,
    spec: TrainingSessionSpec,
    attempt: int,
    config: OperatorConfig,
    resume_uid: str | None,
) -> list[Manifest]:
    run = _attempt_spec(session, spec, attempt, config, resume_uid)
    own = {
        contract.ENV_RUN: orjson.dumps(run.wire()).decode(),
        contract.ENV_GATEWAY_URL: config.gateway_url,
        contract.ENV_TOKEN_FILE: contract.TOKEN_FILE,
        contract.ENV_GRACE_SECONDS: str(spec.grace_period_seconds),
        **environment.switched_off(spec.reporting),
    }
    own |= datasets.variables(spec)
    if session.status.environment:
        own[contract.ENV_ENVIRONMENT_DIR] = contract.ENVIRONMENT_DIR
    runtime = config.pods[spec.runtime].env
    kept = caches.variables(session.user, on_volume=config.caches)
    return environment.variables(spec, runtime, own, _first_worker(session, attempt), kept)


def _first_worker(session: Session, attempt: int) -> str:
    """Host name of worker 0: Indexed Jobs call it `<job>-0`."""
    job = names.job_name(session.name, session.uid, attempt)
    return f"{job}-0.{names.rendezvous_name(session.name, session.uid)}"


def _attempt_spec(
    session: Session,
    spec: TrainingSessionSpec,
    attempt: int,
    config: OperatorConfig,
    resume_uid: str | None,
) -> AttemptSpec:
    resume = None
    if spec.resume_from and resume_uid:
        resume = ResumeSource(
            session=spec.resume_from.session,
            session_uid=resume_uid,
            checkpoint=spec.resume_from.checkpoint,
        )
    return AttemptSpec(
        session=session.name,
        namespace=config.namespace,
        uid=session.uid,
        attempt=attempt,
        workers=spec.workers,
        gpus=spec.resources.gpus,
        output_model=spec.output_model or session.name,
        training=spec.training,
        dataset=datasets.one(spec, session.status),
        datasets=datasets.several(spec, session.status),
        code=_code(spec),
        outputs=spec.outputs or None,
        resume=spec.resume,
        resume_from=resume,
    )


def _code(spec: TrainingSessionSpec) -> AttemptCode | None:
    if spec.code is None:
        return None
    return AttemptCode(bundle=spec.code.bundle, working_dir=spec.code.working_dir or "")


def _mounts(
    session: Session, spec: TrainingSessionSpec, config: OperatorConfig, resume_uid: str | None
) -> list[Manifest]:
    mounts: list[Manifest] = [
        *datasets.mounts(spec, session.status),
        {"name": "data", "mountPath": contract.RUN_DIR, "subPath": f"runs/{session.uid}"},
        token.mount(),
        *storage.mounts(),
        supervisor.mount(),
        *secrets.mounts(spec.secrets or ()),
        *caches.mounts(session.user, on_volume=config.caches),
    ]
    if spec.code:
        # The bundle of this session alone: others are other people's programs.
        source = {"subPath": f"code/bundles/{spec.code.bundle}", "readOnly": True}
        mounts.append({"name": "data", "mountPath": contract.CODE_DIR, **source})
    if session.status.environment:
        source = {"subPath": f"environments/{session.status.environment}", "readOnly": True}
        mounts.append({"name": "data", "mountPath": contract.ENVIRONMENT_DIR, **source})
    if spec.resume_from and resume_uid:
        source = {"subPath": f"runs/{resume_uid}", "readOnly": True}
        mounts.append({"name": "data", "mountPath": contract.RESUME_DIR, **source})
    return mounts


def _volumes(spec: TrainingSessionSpec, config: OperatorConfig) -> list[Manifest]:
    return [
        {"name": "data", "persistentVolumeClaim": {"claimName": config.data_claim}},
        token.volume(),
        *storage.volumes(spec.resources, config.scratch),
        supervisor.volume(),
        *secrets.volumes(spec.secrets or ()),
    ]
