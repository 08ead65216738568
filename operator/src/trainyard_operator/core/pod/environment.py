"""The environment variables of a worker's program.

The later wins: defaults, the runtime's `env`, `spec.env`, and what Trainyard alone sets.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from trainyard_api import contract
from trainyard_api.quantity import millicores
from trainyard_api.session.reporting import Reporting
from trainyard_api.session.spec import TrainingSessionSpec
from trainyard_operator.core import expansion
from trainyard_operator.core.pod.storage import TEMPORARY_DIR

Manifest = dict[str, Any]

_INDEX = {"fieldRef": {"fieldPath": "metadata.labels['batch.kubernetes.io/job-completion-index']"}}


def variables(
    spec: TrainingSessionSpec,
    runtime: Mapping[str, str],
    own: Mapping[str, str],
    first_worker: str,
    caches: Mapping[str, str],
) -> list[Manifest]:
    """The `env` of the container.

    `runtime` is the environment of the runtime; `own` is what only Trainyard sets; `first_worker`
    is the host name of worker 0, for sessions of several workers; `caches` are the variables that
    name caches.
    """
    given = {e.name: e.value for e in spec.env or ()}
    values = (
        _defaults(spec)
        | dict(caches)
        | dict(runtime)
        | given
        | _devices(spec)
        | _processes(spec, first_worker)
        | dict(own)
    )
    found: list[Manifest] = [{"name": k, "value": expansion.escape(v)} for k, v in values.items()]
    if spec.workers > 1:
        names = ("RANK", "NODE_RANK", "GROUP_RANK", "PET_NODE_RANK")
        found += [{"name": name, "valueFrom": _INDEX} for name in names]
    return found


def switched_off(reporting: Reporting | None) -> dict[str, str]:
    """Which ways of reporting the supervisor leaves out. Pure."""
    asked = reporting or Reporting()
    ways = {
        contract.ENV_MLFLOW: asked.mlflow,
        contract.ENV_STATUS_SERVER: asked.trainer_status,
        contract.ENV_PROGRESS: asked.output,
        contract.ENV_EVENT_FILES: asked.event_files,
    }
    return {name: "off" for name, wanted in ways.items() if not wanted}


def _defaults(spec: TrainingSessionSpec) -> dict[str, str]:
    """What programs expect of a machine; its root is read-only, and it has no terminal."""
    # Without GPUs and this variable, accelerate trains a separate copy in each worker.
    cpu = {} if spec.resources.gpus else {"ACCELERATE_USE_CPU": "true"}
    return cpu | {
        "HOME": TEMPORARY_DIR,
        "USER": "trainyard",
        "LOGNAME": "trainyard",
        "PYTHONUNBUFFERED": "1",
        "COLUMNS": "200",
        "TQDM_MININTERVAL": "5",
        "OMP_NUM_THREADS": str(_threads(spec)),
    }


def _devices(spec: TrainingSessionSpec) -> dict[str, str]:
    """Without GPUs: none is to be seen.

    Many images say `all`, and a node whose default runtime is NVIDIA's would show every GPU. With
    GPUs the device plugin says which.
    """
    return {} if spec.resources.gpus else {"NVIDIA_VISIBLE_DEVICES": "void"}


def _threads(spec: TrainingSessionSpec) -> int:
    """Threads per process: a library would count the cores of the node, not those of the pod."""
    return max(1, millicores(spec.resources.cpu) // 1000 // _processes_per_pod(spec))


def _processes_per_pod(spec: TrainingSessionSpec) -> int:
    return max(1, spec.resources.gpus)


def _processes(spec: TrainingSessionSpec, first_worker: str) -> dict[str, str]:
    """How torchrun, accelerate, Lightning and torch.distributed find each other, without the ranks.

    torchrun takes its defaults from `PET_*`. The other names are for a program that runs once per
    pod. With several GPUs in a pod a launcher starts a process for each and tells it its local
    rank, so here is none: a library would take one GPU of the pod and leave the others.
    """
    launcher = {
        "PET_NNODES": str(spec.workers),
        "PET_NPROC_PER_NODE": str(_processes_per_pod(spec)),
    }
    if spec.workers == 1:
        return launcher
    port = str(contract.RENDEZVOUS_PORT)
    found = {
        **launcher,
        "PET_MASTER_ADDR": first_worker,
        "PET_MASTER_PORT": port,
        "MASTER_ADDR": first_worker,
        "MASTER_PORT": port,
        "WORLD_SIZE": str(spec.workers),
    }
    if spec.resources.gpus <= 1:
        found |= {"LOCAL_RANK": "0", "LOCAL_WORLD_SIZE": "1"}
    return found
