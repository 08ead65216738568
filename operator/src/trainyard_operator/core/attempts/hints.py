"""What people can do about each class of failure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from trainyard_api.phase import FailureClass

C = FailureClass

HINTS: Final[Mapping[FailureClass, str]] = {
    C.OUT_OF_MEMORY: "Ask for more resources.memory, or lower training.batchSize. /dev/shm (resources.sharedMemory) counts towards memory.",
    C.BAD_CONFIGURATION: "Correct spec.training as the message says and submit a new session.",
    C.BAD_DATA: "Correct the dataset where the message points, upload it again and submit a new session.",
    C.DATASET_MISSING: "Upload the dataset again and submit a new session.",
    C.CHECKPOINT_MISSING: "Look up the checkpoints of the session named in resumeFrom, or start without resumeFrom.",
    C.DIVERGED: "The loss became NaN or infinite: lower training.learningRate, set training.gradientClip, or use fp32 or bf16.",
    C.VOLUME_FULL: "Free space on the data volume (old models, datasets, runs) or enlarge it.",
    C.ACCESS_DENIED: "The gateway did not accept the trainer's token: check the gateway's log and the clocks of the nodes.",
    C.PROGRAM_ERROR: "Correct the program as its last lines say (lastLogLines; `trainyard logs` shows all) and submit a new session.",
    C.WORKER_LOST: "A worker of the gang went away; look at its node and at lastLogLines.",
    C.INVALID_IMAGE: "An administrator corrects runtimes.*.image, or lets the runtime pull it (imagePullPolicy).",
    C.IMAGE_UNAVAILABLE: "An administrator checks the runtime's image in the installation's values, the registry and the "
    "pull secret. If the registry is there again, the next attempt finds it.",
    C.REGISTRY_UNAVAILABLE: "It is tried again by itself. If it lasts, an administrator looks at the registry, its rate "
    "limit and the network of the nodes.",
    C.CONTAINER_CONFIG: "The program could not be started: check the command, the runtime's image (it needs python3 "
    "of 3.9 or newer in its PATH), the Secrets and the data volume.",
    C.SETUP_FAILED: "The next attempt tries again. If it fails, too, an administrator checks the operator's image "
    "(operator.image), the registry and the pull secret.",
    C.QUOTA_EXCEEDED: "It is tried again by itself. If it lasts, an administrator raises the ResourceQuota of the namespace, "
    "or ends what uses it up: kubectl describe quota.",
    C.POD_REFUSED: "Change what the message names (often resources.memory or resources.cpu against a LimitRange), or let an "
    "administrator change the LimitRange, the policy or the node.",
    C.START_TIMEOUT: "An administrator looks at the node that the message names: its runtime class, network plugin, volumes, "
    "devices. The next attempt may go to another one.",
    C.SCRATCH_FULL: "Ask for more resources.scratch (resources.sharedMemory for the volume shm); the message has the limit. "
    "Or write to the run folder, which is on the data volume.",
    C.ENVIRONMENT_NOT_RESOLVED: "Correct the list of packages as the message says and submit a new session.",
    C.TORCH_WOULD_BE_REPLACED: "Take a version of the package that works with the runtime's torch, or another runtime, "
    "and submit a new session.",
    C.INDEX_UNAVAILABLE: "An administrator checks environments.indexUrl and the network policy of installations; "
    "submit a new session then.",
    C.NO_ROOM_FOR_ENVIRONMENT: "An administrator frees space on the data volume, enlarges it, or raises environments.maxBytes.",
    C.ENVIRONMENT_NOT_BUILT: "See the last lines of the log; if they say nothing, an administrator looks at the Job's events.",
    C.ENVIRONMENT_GONE: "An administrator raises environments.maxBytes, so that installed packages stay until their "
    "session starts, or looks for what else removes folders below environments/ of the data volume; submit a new session then.",
    C.UNSCHEDULABLE: "No node took the pod although the queue found a place. It is tried again by itself; the message is "
    "kube-scheduler's: a taint, an affinity of the data volume, or a resource that the queue does not count.",
    C.EVICTED: "The node ran short of memory or disk, or was drained; the next attempt resumes from the last checkpoint.",
    C.NODE_LOST: "The node stopped answering or is gone; the next attempt resumes from the last checkpoint on another one.",
    C.STALLED: "Look at the last lines, or raise stallTimeoutSeconds if steps may be that slow.",
    C.DEADLINE_EXCEEDED: "Raise maxRuntimeSeconds, or continue from the last checkpoint with a new session and resumeFrom.",
    C.ENDED_EARLY: "If it stops early on purpose, let it lower its goal: trainyard.init().goal(total_steps=steps_done). "
    "Otherwise let it exit with another code than 0, and continue with a new session and resumeFrom.",
    C.JOB_DELETED: "Suspend or stop the session instead of deleting its Job.",
    C.KILLED: "The program was killed by a signal from outside; look at the node if it happens again.",
    C.UNKNOWN: "The pods went away before they could report; look at the events of the Job and of the node.",
}
"""What to do about each class."""
