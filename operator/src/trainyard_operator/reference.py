"""The page of failure reasons: `python -m trainyard_operator.reference > docs/failure-reasons.md`.

Made of the lists that the program itself uses, so that the page cannot say anything else.
"""

from __future__ import annotations

import sys
from typing import Final

from trainyard_api.contract import EXIT_CLASSES
from trainyard_api.phase import RETRYABLE, FailureClass
from trainyard_operator.core.diagnosis import HINTS

_HEAD: Final = """\
# Why a session failed

Made of the program by `python -m trainyard_operator.reference`; do not edit.

`status.failure` of a session says why its last attempt failed. `class` is one of the list below, `reason` and `message` are the
kubelet's or the trainer's own words, `hint` says what to do, `lastLogLines` are the last lines of the worker that failed first, and
`exitCode` is that worker's. It is there within ten seconds of the kubelet's report, also while a retry follows.

```
kubectl get ts NAME -o jsonpath='{.status.failure}'
trainyard status NAME
```

Classes marked *retried* get another attempt, from the last checkpoint, up to `spec.retry.limit` times. The pause before it is
`spec.retry.backoffSeconds`, doubled with every further failure, an hour at most. All others end the session at once: another attempt
would fail the same way. Preemption and suspension are no failures and cost no retry.

| class | retried | trainer's exit code | seen when | what to do |
| --- | --- | --- | --- | --- |
"""

_SEEN: Final[dict[FailureClass, str]] = {
    FailureClass.OUT_OF_MEMORY: "The kernel killed a worker for its memory limit (`OOMKilled`).",
    FailureClass.BAD_CONFIGURATION: "The trainer refuses its configuration for this dataset.",
    FailureClass.BAD_DATA: "The dataset cannot be read; the message names file, row and column.",
    FailureClass.DATASET_MISSING: "The dataset's file is not on the volume.",
    FailureClass.CHECKPOINT_MISSING: "The checkpoint named in `resumeFrom` is not there.",
    FailureClass.DIVERGED: "The loss is NaN or infinite.",
    FailureClass.VOLUME_FULL: "No space is left on the data volume.",
    FailureClass.ACCESS_DENIED: "The gateway refuses the trainer's token.",
    FailureClass.PROGRAM_ERROR: "The program ends with any other exit code than those of this table.",
    FailureClass.WORKER_LOST: "A worker of a gang misses another one and no better cause is found.",
    FailureClass.IMAGE_UNAVAILABLE: "The kubelet cannot pull the image (`ImagePullBackOff` and the like).",
    FailureClass.CONTAINER_CONFIG: "The container cannot be made or its program cannot be started.",
    FailureClass.UNSCHEDULABLE: "kube-scheduler finds no node for `startTimeoutSeconds` (120 s unless set).",
    FailureClass.EVICTED: "The pod was evicted: a drain, node pressure, a pod of higher priority.",
    FailureClass.NODE_LOST: "The pod's node is gone, shut down or does not answer.",
    FailureClass.STALLED: "The training step has not risen for `stallTimeoutSeconds`.",
    FailureClass.DEADLINE_EXCEEDED: "All attempts together have run `maxRuntimeSeconds`.",
    FailureClass.JOB_DELETED: "The session's Job is gone, and not by the operator.",
    FailureClass.KILLED: "SIGKILL or SIGTERM from outside, by neither the kernel for memory nor the kubelet.",
    FailureClass.UNKNOWN: "The pods are gone and left no trace.",
}


def page() -> str:
    """The whole page as Markdown."""
    codes: dict[FailureClass, list[int]] = {}
    for code, kind in EXIT_CLASSES.items():
        codes.setdefault(kind, []).append(int(code))
    rows = []
    for kind in FailureClass:
        retried = "yes" if kind in RETRYABLE else "no"
        shown = ", ".join(str(code) for code in codes.get(kind, ()))
        rows.append(f"| `{kind.value}` | {retried} | {shown} | {_SEEN[kind]} | {HINTS[kind]} |\n")
    return _HEAD + "".join(rows)


if __name__ == "__main__":
    sys.stdout.write(page())
