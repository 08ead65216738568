"""The supervisor: process 1 of the container, which starts the program and says how it ended.

An init container puts it into an emptyDir, so that any image with a Python of 3.9 or newer can
hold the program.
"""

from __future__ import annotations

from typing import Any, Final

from trainyard_api import contract

Manifest = dict[str, Any]

INIT_CONTAINER: Final = "supervisor"
DEFAULT_PROGRAM: Final = ("python3", "-m", "trainyard_trainer")
"""What sessions without `command` run, unless their runtime says otherwise."""
_VOLUME: Final = "supervisor"
_SPACE: Final = "16Mi"
COMMAND: Final = ("python3", "-I", "-S", f"{contract.SUPERVISOR_DIR}/supervisor.pyz", "--")
"""The command of the container; its args are the program."""


def init_container(image: str, trainer: Manifest) -> Manifest:
    """The init container, with the requests of the container `trainer` but without its devices.

    A pod asks for the larger of both, so this one never raises what a worker needs, and the pod
    keeps its quality of service.
    """
    amounts = trainer["resources"]
    return {
        "name": INIT_CONTAINER,
        "image": image,
        "imagePullPolicy": trainer["imagePullPolicy"],
        # -S: it needs no package of others, and starts sooner without looking for them.
        "command": [
            "python3",
            "-S",
            "-m",
            "trainyard_supervisor",
            "install",
            contract.SUPERVISOR_DIR,
        ],
        "resources": {
            kind: {name: amounts[kind][name] for name in ("cpu", "memory", "ephemeral-storage")}
            for kind in ("requests", "limits")
        },
        "securityContext": trainer["securityContext"],
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "volumeMounts": [{"name": _VOLUME, "mountPath": contract.SUPERVISOR_DIR}],
    }


def mount() -> Manifest:
    """Where the program's container finds it."""
    return {"name": _VOLUME, "mountPath": contract.SUPERVISOR_DIR, "readOnly": True}


def volume() -> Manifest:
    """The volume through which it goes from one container to the other."""
    return {"name": _VOLUME, "emptyDir": {"sizeLimit": _SPACE}}
