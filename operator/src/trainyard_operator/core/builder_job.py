"""The Job that installs the packages of a session, once, over those of its runtime.

Its pod has the runtime's image and takes no GPU. Of the volume it mounts only the installed
packages and the session's code. It reports lines of the session's log and nothing else.
"""

from __future__ import annotations

from typing import Final

import orjson

from trainyard_api import contract, names
from trainyard_api.attempt import AttemptSpec
from trainyard_api.program.packages import Packages
from trainyard_api.session.spec import TrainingSessionSpec
from trainyard_operator.core import expansion
from trainyard_operator.core.config import EnvironmentConfig, OperatorConfig, PodConfig
from trainyard_operator.core.manifests import Manifest, failure_rules, owner
from trainyard_operator.core.pod import placement, security, supervisor, token
from trainyard_operator.core.pod.storage import TEMPORARY_DIR
from trainyard_scheduler.objects.model import Session

JOB_TTL_SECONDS: Final = 24 * 3600
"""Finished Jobs and their pods are deleted after a day; status and logs stay."""
LONGEST_SECONDS: Final = 3600
"""A longer installation is ended."""
GRACE_SECONDS: Final = 30
_INSTALLER_SPACE: Final = "192Mi"
_SCRATCH: Final = "16Gi"
_SPOOL: Final = "64Mi"
_INDEX_DIR: Final = "/etc/trainyard-index"
_CA_FILE: Final = "ca.crt"
_POD: Final = "TRAINYARD_POD_UID"
_ARCHIVE: Final = f"{contract.BUILDER_DIR}/{contract.BUILDER_FILE}"
_DEFAULTS: Final = {
    "requests": {"cpu": "500m", "memory": "1Gi", "ephemeral-storage": "1Gi"},
    "limits": {"cpu": "2", "memory": "4Gi", "ephemeral-storage": "20Gi"},
}


def build_builder(session: Session, number: int, config: OperatorConfig) -> Manifest:
    """The Job of installation `number`, from 1. Raises ValueError if nothing is to be installed."""
    spec = TrainingSessionSpec.model_validate_json(session.spec.json)
    if spec.packages is None:
        raise ValueError("the session asks for no packages")
    labels = {
        names.LABEL_MANAGED_BY: names.MANAGED_BY,
        names.LABEL_SESSION: session.name,
        names.LABEL_COMPONENT: names.ENVIRONMENT_BUILDER,
        names.LABEL_PREPARES: session.uid,
        names.LABEL_BUILD: str(number),
        # The attempt that it prepares: in the log its lines stand before that attempt's.
        names.LABEL_ATTEMPT: str(session.status.attempt + 1),
    }
    runtime = config.pods[spec.runtime]
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": names.builder_name(session.name, session.uid, number),
            "namespace": config.namespace,
            "labels": labels,
            "annotations": {names.ANNOTATION_IMAGE: runtime.image},
            "ownerReferences": [owner(session)],
        },
        "spec": {
            "backoffLimit": 0,
            "activeDeadlineSeconds": LONGEST_SECONDS,
            "podReplacementPolicy": "Failed",
            "ttlSecondsAfterFinished": JOB_TTL_SECONDS,
            "podFailurePolicy": {"rules": failure_rules(names.BUILDER_CONTAINER)},
            "template": {
                "metadata": placement.metadata_of(runtime, labels),
                "spec": _pod(session, spec, spec.packages, runtime, config),
            },
        },
    }


def _pod(
    session: Session,
    spec: TrainingSessionSpec,
    packages: Packages,
    runtime: PodConfig,
    config: OperatorConfig,
) -> Manifest:
    container = _container(session, spec, packages, runtime, config)
    pod: Manifest = {
        "restartPolicy": "Never",
        "terminationGracePeriodSeconds": GRACE_SECONDS,
        "serviceAccountName": config.trainer_service_account,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "securityContext": security.of_pod(config.run_as),
        "initContainers": [
            supervisor.init_container(config.supervisor_image, container),
            _installer(config.supervisor_image, container),
        ],
        "containers": [container],
        "volumes": _volumes(config),
    }
    # No RuntimeClass: with one it could see the node's GPUs.
    pod |= placement.of_runtime(runtime)
    return pod


def _container(
    session: Session,
    spec: TrainingSessionSpec,
    packages: Packages,
    runtime: PodConfig,
    config: OperatorConfig,
) -> Manifest:
    return {
        "name": names.BUILDER_CONTAINER,
        "image": runtime.image,
        "imagePullPolicy": runtime.image_pull_policy,
        "command": list(supervisor.COMMAND),
        "args": [expansion.escape(word) for word in _program(packages, runtime)],
        "env": _environment(session, config),
        "workingDir": contract.RUN_DIR,
        "resources": _resources(config.environments),
        "securityContext": security.of_container(),
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "volumeMounts": _mounts(spec, config.environments),
    }


def _program(packages: Packages, runtime: PodConfig) -> list[str]:
    build = ["python3", "-I", "-S", _ARCHIVE, "build"]
    where = ["--environments", contract.ENVIRONMENTS_DIR, "--image", runtime.image]
    if packages.file is not None:
        what = ["--code", contract.CODE_DIR, "--file", packages.file]
    else:
        what = ["--requirements-json", orjson.dumps(packages.requirements).decode()]
    return [*build, *where, *what]


def _installer(image: str, container: Manifest) -> Manifest:
    """The init container that puts the program and uv into the pod."""
    return {
        **supervisor.init_container(image, container),
        "name": "installer",
        "command": ["python3", "-m", "trainyard_environment", "install", contract.BUILDER_DIR],
        "volumeMounts": [{"name": "installer", "mountPath": contract.BUILDER_DIR}],
    }


def _environment(session: Session, config: OperatorConfig) -> list[Manifest]:
    chosen = config.environments
    values = {
        contract.ENV_GATEWAY_URL: config.gateway_url,
        contract.ENV_TOKEN_FILE: contract.TOKEN_FILE,
        contract.ENV_GRACE_SECONDS: str(GRACE_SECONDS),
        contract.ENV_PROGRESS: "off",
        contract.ENV_EVENT_FILES: "off",
        contract.ENV_INDEX_URL: chosen.index_url,
        **_authorities(chosen),
        contract.ENV_ENVIRONMENTS_MAX_BYTES: str(chosen.max_bytes),
        "HOME": TEMPORARY_DIR,
        "TMPDIR": TEMPORARY_DIR,
        "XDG_CACHE_HOME": f"{TEMPORARY_DIR}/.cache",
        "PYTHONUNBUFFERED": "1",
        # An image may ask for all GPUs of its node.
        "NVIDIA_VISIBLE_DEVICES": "void",
    }
    # Expanded by the kubelet, so it stands behind the variable that it names. A Job that is made
    # again has another pod, so that its lines are another stream.
    uid = {"name": _POD, "valueFrom": {"fieldRef": {"fieldPath": "metadata.uid"}}}
    run = {"name": contract.ENV_RUN, "value": _run(session, config)}
    plain = [{"name": k, "value": expansion.escape(v)} for k, v in {**chosen.env, **values}.items()]
    return [uid, run, *plain, *_credentials(chosen)]


def _authorities(chosen: EnvironmentConfig) -> dict[str, str]:
    """Where the certificates of the index's authorities are, and what people call that."""
    if not (chosen.ca_config_map or chosen.ca_secret):
        return {contract.ENV_INDEX_CA: ""}
    kind, name = (
        ("ConfigMap", chosen.ca_config_map)
        if chosen.ca_config_map
        else ("Secret", chosen.ca_secret)
    )
    return {
        contract.ENV_INDEX_CA: f"{_INDEX_DIR}/{_CA_FILE}",
        contract.ENV_INDEX_CA_SOURCE: f"the key {chosen.ca_key} of {kind} {name}",
    }


def _run(session: Session, config: OperatorConfig) -> str:
    described = AttemptSpec(
        session=session.name,
        namespace=config.namespace,
        uid=session.uid,
        attempt=session.status.attempt + 1,
        stream=names.builder_stream("POD"),
        output_model=session.name,
    )
    text = expansion.escape(orjson.dumps(described.wire()).decode())
    return text.replace(names.builder_stream("POD"), names.builder_stream(f"$({_POD})"))


def _credentials(chosen: EnvironmentConfig) -> list[Manifest]:
    if not chosen.credentials_secret:
        return []
    keys = {
        contract.ENV_INDEX_USERNAME: "username",
        contract.ENV_INDEX_PASSWORD: "password",
    }
    return [
        {
            "name": name,
            "valueFrom": {"secretKeyRef": {"name": chosen.credentials_secret, "key": key}},
        }
        for name, key in keys.items()
    ]


def _resources(chosen: EnvironmentConfig) -> Manifest:
    return {
        "requests": {**_DEFAULTS["requests"], **chosen.requests},
        "limits": {**_DEFAULTS["limits"], **chosen.limits},
    }


def _mounts(spec: TrainingSessionSpec, chosen: EnvironmentConfig) -> list[Manifest]:
    mounts: list[Manifest] = [
        {"name": "data", "mountPath": contract.ENVIRONMENTS_DIR, "subPath": "environments"},
        {"name": "run", "mountPath": contract.RUN_DIR},
        {"name": "tmp", "mountPath": TEMPORARY_DIR},
        {"name": "installer", "mountPath": contract.BUILDER_DIR, "readOnly": True},
        token.mount(),
        supervisor.mount(),
    ]
    if spec.code and spec.packages and spec.packages.file:
        source = {"subPath": f"code/bundles/{spec.code.bundle}", "readOnly": True}
        mounts.append({"name": "data", "mountPath": contract.CODE_DIR, **source})
    if chosen.ca_config_map or chosen.ca_secret:
        mounts.append({"name": "index-ca", "mountPath": _INDEX_DIR, "readOnly": True})
    return mounts


def _volumes(config: OperatorConfig) -> list[Manifest]:
    volumes: list[Manifest] = [
        {"name": "data", "persistentVolumeClaim": {"claimName": config.data_claim}},
        {"name": "run", "emptyDir": {"sizeLimit": _SPOOL}},
        {"name": "tmp", "emptyDir": {"sizeLimit": _SCRATCH}},
        {"name": "installer", "emptyDir": {"sizeLimit": _INSTALLER_SPACE}},
        token.volume(),
        supervisor.volume(),
    ]
    if source := _authorities_source(config.environments):
        volumes.append({"name": "index-ca", **source})
    return volumes


def _authorities_source(chosen: EnvironmentConfig) -> Manifest:
    # Optional: if it is not there, the builder says so at once. The kubelet would wait for it.
    keys = {"items": [{"key": chosen.ca_key, "path": _CA_FILE}], "optional": True}
    if chosen.ca_config_map:
        return {"configMap": {"name": chosen.ca_config_map, **keys}}
    return {"secret": {"secretName": chosen.ca_secret, **keys}} if chosen.ca_secret else {}
