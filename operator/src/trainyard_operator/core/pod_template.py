"""The pods of an attempt.

The template meets Pod Security `restricted`. It has a read-only root and no API token. Of the
volume it mounts only the datasets (read-only) and the session's run folder.
"""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Any

import orjson

from trainyard_api import contract, names
from trainyard_api.attempt import AttemptDataset, AttemptSpec, ResumeSource
from trainyard_api.session import TrainingSessionSpec
from trainyard_operator.core import expansion
from trainyard_operator.core.config import OperatorConfig, PodConfig
from trainyard_scheduler.objects.model import Session

Manifest = dict[str, Any]

CONTAINER = "trainer"
TEMPORARY_DIR = str(PurePosixPath("/", "tmp"))
"""Where programs look for scratch space: an emptyDir."""
TEMPORARY_SPACE = "1Gi"
"""Most that a worker may write there."""
DISK_REQUEST, DISK_LIMIT = "64Mi", "1280Mi"
"""Scratch space and logs on the node's disk.

A worker that writes more is evicted before it fills the node.
"""
SHARED_MEMORY_DIR = str(PurePosixPath("/", "dev", "shm"))
_INDEX_FIELD = "metadata.labels['batch.kubernetes.io/job-completion-index']"


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
    pod: Manifest = {
        "restartPolicy": "Never",
        "terminationGracePeriodSeconds": contract.GRACE_SECONDS,
        "serviceAccountName": config.trainer_service_account,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        # As process 1 of a process namespace, a program without a handler would not receive
        # SIGTERM.
        "shareProcessNamespace": True,
        "securityContext": _security_context(),
        "affinity": _affinity(nodes),
        "containers": [_container(session, spec, attempt, config, runtime, resume_uid)],
        "volumes": _volumes(spec, config),
    }
    if spec.workers > 1:
        pod["subdomain"] = names.rendezvous_name(session.name, session.uid)
    if runtime.node_selector:
        pod["nodeSelector"] = dict(runtime.node_selector)
    if runtime.tolerations:
        pod["tolerations"] = [dict(t) for t in runtime.tolerations]
    if runtime.runtime_class:
        pod["runtimeClassName"] = runtime.runtime_class
    if runtime.image_pull_secrets:
        pod["imagePullSecrets"] = [{"name": name} for name in runtime.image_pull_secrets]
    return pod


def _security_context() -> Manifest:
    return {
        "runAsNonRoot": True,
        "runAsUser": contract.POD_USER,
        "runAsGroup": contract.POD_USER,
        "fsGroup": contract.POD_USER,
        # Otherwise the kubelet visits every file of the volume at every start.
        "fsGroupChangePolicy": "OnRootMismatch",
        "seccompProfile": {"type": "RuntimeDefault"},
    }


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
    container: Manifest = {
        "name": CONTAINER,
        "image": runtime.image,
        "imagePullPolicy": runtime.image_pull_policy,
        "env": _environment(session, spec, attempt, config, resume_uid),
        "resources": _resources(spec, runtime),
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "volumeMounts": _mounts(session, spec, resume_uid),
    }
    if spec.command:
        container["command"] = [expansion.escape(word) for word in spec.command]
    return container


def _resources(spec: TrainingSessionSpec, runtime: PodConfig) -> Manifest:
    amounts = {"cpu": spec.resources.cpu, "memory": spec.resources.memory}
    if spec.resources.gpus:
        amounts[runtime.gpu_resource] = str(spec.resources.gpus)
    return {
        "requests": {**amounts, "ephemeral-storage": DISK_REQUEST},
        "limits": {**amounts, "ephemeral-storage": DISK_LIMIT},
    }


def _environment(
    session: Session,
    spec: TrainingSessionSpec,
    attempt: int,
    config: OperatorConfig,
    resume_uid: str | None,
) -> list[Manifest]:
    run = _attempt_spec(session, spec, attempt, config, resume_uid)
    values = {
        contract.ENV_RUN: orjson.dumps(run.wire()).decode(),
        contract.ENV_GATEWAY_URL: config.gateway_url,
        contract.ENV_TOKEN_FILE: contract.TOKEN_FILE,
        # Libraries write caches to the home folder; the root is read-only.
        "HOME": TEMPORARY_DIR,
    }
    if spec.workers > 1:
        values |= _rendezvous(session, spec, attempt)
    environment: list[Manifest] = [
        {"name": k, "value": expansion.escape(v)} for k, v in values.items()
    ]
    if spec.workers > 1:
        environment.append({"name": "RANK", "valueFrom": {"fieldRef": {"fieldPath": _INDEX_FIELD}}})
    return environment


def _rendezvous(session: Session, spec: TrainingSessionSpec, attempt: int) -> dict[str, str]:
    """torch.distributed's environment, without the rank.

    The first worker's host name is `<job>-0` (Indexed Jobs set it).
    """
    job = names.job_name(session.name, session.uid, attempt)
    return {
        "WORLD_SIZE": str(spec.workers),
        "MASTER_ADDR": f"{job}-0.{names.rendezvous_name(session.name, session.uid)}",
        "MASTER_PORT": str(contract.RENDEZVOUS_PORT),
    }


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
        dataset=AttemptDataset.model_validate_json(session.status.dataset)
        if spec.dataset
        else None,
        resume_from=resume,
    )


def _mounts(session: Session, spec: TrainingSessionSpec, resume_uid: str | None) -> list[Manifest]:
    mounts: list[Manifest] = [
        {
            "name": "data",
            "mountPath": contract.DATASETS_DIR,
            "subPath": "datasets",
            "readOnly": True,
        },
        {"name": "data", "mountPath": contract.RUN_DIR, "subPath": f"runs/{session.uid}"},
        {"name": "token", "mountPath": contract.TOKEN_DIR, "readOnly": True},
        {"name": "tmp", "mountPath": TEMPORARY_DIR},
        {"name": "shm", "mountPath": SHARED_MEMORY_DIR},
    ]
    if spec.resume_from and resume_uid:
        source = {"subPath": f"runs/{resume_uid}", "readOnly": True}
        mounts.append({"name": "data", "mountPath": contract.RESUME_DIR, **source})
    return mounts


def _volumes(spec: TrainingSessionSpec, config: OperatorConfig) -> list[Manifest]:
    token = {
        "audience": contract.TOKEN_AUDIENCE,
        "expirationSeconds": contract.TOKEN_SECONDS,
        "path": contract.TOKEN_FILE.rpartition("/")[2],
    }
    return [
        {"name": "data", "persistentVolumeClaim": {"claimName": config.data_claim}},
        {"name": "token", "projected": {"sources": [{"serviceAccountToken": token}]}},
        {"name": "tmp", "emptyDir": {"sizeLimit": TEMPORARY_SPACE}},
        {
            "name": "shm",
            "emptyDir": {"medium": "Memory", "sizeLimit": spec.resources.shared_memory},
        },
    ]
