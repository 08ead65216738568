"""What the operator creates: the Job of an attempt, and the Service of a gang."""

from __future__ import annotations

from typing import Any

from trainyard_api import contract, names
from trainyard_api.session.spec import TrainingSessionSpec
from trainyard_operator.core.config import OperatorConfig
from trainyard_operator.core.pod import placement
from trainyard_operator.core.pod_template import pod_spec
from trainyard_scheduler.objects.model import Session

Manifest = dict[str, Any]

JOB_TTL_SECONDS = 7 * 24 * 3600
"""Finished Jobs and their pods are deleted after a week; status and logs stay."""


def build_job(
    session: Session,
    attempt: int,
    nodes: tuple[str, ...],
    config: OperatorConfig,
    *,
    resume_uid: str | None = None,
    backfilled: bool = False,
) -> Manifest:
    """The Job of one attempt.

    `nodes` are the nodes chosen for the workers; `resume_uid` is the UID of the session that
    resumeFrom names.
    """
    spec = TrainingSessionSpec.model_validate_json(session.spec.json)
    labels = _labels(session, attempt)
    pod = pod_spec(session, spec, attempt, nodes, config, resume_uid=resume_uid)
    runtime = config.pods[spec.runtime]
    reach = {names.LABEL_EGRESS: "internet"} if runtime.egress else {}
    about_pod = placement.metadata_of(runtime, {**labels, **reach})
    annotations = {
        names.ANNOTATION_NODES: ",".join(nodes),
        names.ANNOTATION_BACKFILLED: "true" if backfilled else "false",
    }
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": names.job_name(session.name, session.uid, attempt),
            "namespace": config.namespace,
            "labels": labels,
            "annotations": annotations,
            "ownerReferences": [owner(session)],
        },
        "spec": _job_spec(spec.workers, {"metadata": about_pod, "spec": pod}),
    }


def _job_spec(workers: int, template: Manifest) -> Manifest:
    return {
        "completionMode": "Indexed",
        "completions": workers,
        "parallelism": workers,
        "backoffLimit": 0,
        "podReplacementPolicy": "Failed",
        "ttlSecondsAfterFinished": JOB_TTL_SECONDS,
        "podFailurePolicy": {"rules": failure_rules(names.TRAINER_CONTAINER)},
        "template": template,
    }


def build_service(session: Session, config: OperatorConfig) -> Manifest:
    """The headless Service that gives each worker of a gang a name before it is ready."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {
            "name": names.rendezvous_name(session.name, session.uid),
            "namespace": config.namespace,
            "labels": _own_labels(session),
            "ownerReferences": [owner(session)],
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


def owner(session: Session) -> Manifest:
    """The reference by which Kubernetes deletes an object with its session."""
    return {
        "apiVersion": names.API_VERSION,
        "kind": names.SESSION_KIND,
        "name": session.name,
        "uid": session.uid,
        "controller": True,
        "blockOwnerDeletion": False,
    }


def failure_rules(container: str) -> list[Manifest]:
    """The policy of a Job whose first failure ends it."""
    # The first failure of any worker ends the attempt; the operator retries, not the Job. The
    # matched rule leaves pod and exit code in the Job's message, which outlives the pod.
    return [
        {"action": "FailJob", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]},
        {
            "action": "FailJob",
            "onExitCodes": {"containerName": container, "operator": "NotIn", "values": [0]},
        },
    ]
