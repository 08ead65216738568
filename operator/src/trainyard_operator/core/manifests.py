"""What the operator creates: the Job of an attempt, and the Service by which the workers of a gang find each other.

The pod template meets Pod Security `restricted`, has a read-only root, no API token, and sees of the volume only the
datasets (read-only) and its own run folder.
"""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Any

import orjson

from trainyard_api import contract, names
from trainyard_api.attempt import AttemptDataset, AttemptSpec, ResumeSource
from trainyard_api.session import TrainingSessionSpec
from trainyard_scheduler.objects.installation import InstallationConfig, RuntimeEntry
from trainyard_scheduler.objects.model import Session
from trainyard_scheduler.objects.parse import BACKFILLED_ANNOTATION, NODES_ANNOTATION

Manifest = dict[str, Any]

CONTAINER = "trainer"
TEMPORARY_DIR = str(PurePosixPath("/", "tmp"))
"""Where programs look for scratch space; an emptyDir of the pod alone."""
TEMPORARY_SPACE = "1Gi"
"""Most that a worker may write there."""
DISK_REQUEST, DISK_LIMIT = "64Mi", "1280Mi"
"""Scratch space and logs on the node's disk; a worker that writes more is evicted before it fills the node."""
SHARED_MEMORY_DIR = str(PurePosixPath("/", "dev", "shm"))
JOB_TTL_SECONDS = 7 * 24 * 3600
"""Finished Jobs and their pods are removed after a week; status and logs stay."""


def build_job(
    session: Session,
    attempt: int,
    nodes: tuple[str, ...],
    config: InstallationConfig,
    *,
    resume_uid: str | None = None,
    backfilled: bool = False,
) -> Manifest:
    """The Job of one attempt. `nodes` are the nodes chosen for the workers; `resume_uid` the UID of the session in resumeFrom."""
    spec = TrainingSessionSpec.model_validate_json(session.spec.json)
    labels = _labels(session, attempt)
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": names.job_name(session.name, session.uid, attempt),
            "namespace": config.namespace,
            "labels": labels,
            "annotations": {
                NODES_ANNOTATION: ",".join(nodes),
                BACKFILLED_ANNOTATION: "true" if backfilled else "false",
            },
            "ownerReferences": [_owner(session)],
        },
        "spec": {
            "completionMode": "Indexed",
            "completions": spec.workers,
            "parallelism": spec.workers,
            "backoffLimit": 0,
            "podReplacementPolicy": "Failed",
            "ttlSecondsAfterFinished": JOB_TTL_SECONDS,
            "podFailurePolicy": {"rules": _failure_rules()},
            "template": {
                "metadata": {"labels": labels},
                "spec": _pod_spec(session, spec, attempt, nodes, config, resume_uid),
            },
        },
    }


def build_service(session: Session, config: InstallationConfig) -> Manifest:
    """The headless Service that gives each worker of a gang a name before it is ready."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {
            "name": names.rendezvous_name(session.name, session.uid),
            "namespace": config.namespace,
            "labels": _own_labels(session),
            "ownerReferences": [_owner(session)],
        },
        "spec": {
            "clusterIP": "None",
            "publishNotReadyAddresses": True,
            "selector": {names.LABEL_SESSION_UID: session.uid},
            "ports": [{"name": "rendezvous", "port": contract.RENDEZVOUS_PORT}],
        },
    }


def _own_labels(session: Session) -> dict[str, str]:
    return {
        names.LABEL_MANAGED_BY: names.MANAGED_BY,
        names.LABEL_SESSION: session.name,
        names.LABEL_SESSION_UID: session.uid,
    }


def _labels(session: Session, attempt: int) -> dict[str, str]:
    return {**_own_labels(session), names.LABEL_ATTEMPT: str(attempt)}


def _owner(session: Session) -> Manifest:
    return {
        "apiVersion": names.API_VERSION,
        "kind": names.SESSION_KIND,
        "name": session.name,
        "uid": session.uid,
        "controller": True,
        "blockOwnerDeletion": False,
    }


def _failure_rules() -> list[Manifest]:
    # The first failure of any worker ends the attempt (retries are ours), and the matched rule leaves pod and exit code in
    # the Job's message, where they outlive the pod.
    return [
        {"action": "FailJob", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]},
        {
            "action": "FailJob",
            "onExitCodes": {"containerName": CONTAINER, "operator": "NotIn", "values": [0]},
        },
    ]


def _pod_spec(
    session: Session,
    spec: TrainingSessionSpec,
    attempt: int,
    nodes: tuple[str, ...],
    config: InstallationConfig,
    resume_uid: str | None,
) -> Manifest:
    entry = config.entries[spec.runtime]
    pod: Manifest = {
        "restartPolicy": "Never",
        "terminationGracePeriodSeconds": contract.GRACE_SECONDS,
        "serviceAccountName": config.trainer_service_account,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        # As process 1 of its own namespace a program that handles no SIGTERM would not notice one.
        "shareProcessNamespace": True,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": contract.POD_USER,
            "runAsGroup": contract.POD_USER,
            "fsGroup": contract.POD_USER,
            # A volume with a million files would otherwise be walked at every start.
            "fsGroupChangePolicy": "OnRootMismatch",
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "affinity": _affinity(nodes),
        "containers": [_container(session, spec, attempt, config, entry, resume_uid)],
        "volumes": _volumes(spec, config),
    }
    if spec.workers > 1:
        pod["subdomain"] = names.rendezvous_name(session.name, session.uid)
    if entry.node_selector:
        pod["nodeSelector"] = dict(entry.node_selector)
    if entry.tolerations:
        pod["tolerations"] = [dict(t) for t in entry.tolerations]
    if entry.runtime_class:
        pod["runtimeClassName"] = entry.runtime_class
    if entry.image_pull_secrets:
        pod["imagePullSecrets"] = [{"name": name} for name in entry.image_pull_secrets]
    return pod


def _affinity(nodes: tuple[str, ...]) -> Manifest:
    """Preferred, not required: kube-scheduler may know better, and a node may go away meanwhile."""
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
    config: InstallationConfig,
    entry: RuntimeEntry,
    resume_uid: str | None,
) -> Manifest:
    container: Manifest = {
        "name": CONTAINER,
        "image": entry.image,
        "imagePullPolicy": entry.image_pull_policy,
        "env": _environment(session, spec, attempt, config, resume_uid),
        "resources": _resources(spec, entry),
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "volumeMounts": _mounts(session, spec, resume_uid),
    }
    if spec.command:
        container["command"] = list(spec.command)
    return container


def _resources(spec: TrainingSessionSpec, entry: RuntimeEntry) -> Manifest:
    amounts = {"cpu": spec.resources.cpu, "memory": spec.resources.memory}
    if spec.resources.gpus:
        amounts[entry.gpu_resource] = str(spec.resources.gpus)
    return {
        "requests": {**amounts, "ephemeral-storage": DISK_REQUEST},
        "limits": {**amounts, "ephemeral-storage": DISK_LIMIT},
    }


def _environment(
    session: Session,
    spec: TrainingSessionSpec,
    attempt: int,
    config: InstallationConfig,
    resume_uid: str | None,
) -> list[Manifest]:
    run = _run(session, spec, attempt, config, resume_uid)
    values = {
        contract.ENV_RUN: orjson.dumps(run.wire()).decode(),
        contract.ENV_GATEWAY_URL: config.gateway_url,
        contract.ENV_TOKEN_FILE: contract.TOKEN_FILE,
        # Libraries look for a home to write caches to; the root is read-only.
        "HOME": TEMPORARY_DIR,
    }
    environment: list[Manifest] = [{"name": k, "value": v} for k, v in values.items()]
    return environment + (_rendezvous(session, spec, attempt) if spec.workers > 1 else [])


def _rendezvous(session: Session, spec: TrainingSessionSpec, attempt: int) -> list[Manifest]:
    """torch.distributed's environment. The first worker's host name is `<job>-0` (Indexed Jobs set it)."""
    job = names.job_name(session.name, session.uid, attempt)
    index = {
        "fieldRef": {"fieldPath": "metadata.labels['batch.kubernetes.io/job-completion-index']"}
    }
    return [
        {"name": "RANK", "valueFrom": index},
        {"name": "WORLD_SIZE", "value": str(spec.workers)},
        {
            "name": "MASTER_ADDR",
            "value": f"{job}-0.{names.rendezvous_name(session.name, session.uid)}",
        },
        {"name": "MASTER_PORT", "value": str(contract.RENDEZVOUS_PORT)},
    ]


def _run(
    session: Session,
    spec: TrainingSessionSpec,
    attempt: int,
    config: InstallationConfig,
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


def _volumes(spec: TrainingSessionSpec, config: InstallationConfig) -> list[Manifest]:
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
