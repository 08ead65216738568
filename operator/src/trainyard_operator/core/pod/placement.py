"""What a runtime says of where its pods run, how their images are pulled and what they carry."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from trainyard_operator.core.config import PodConfig

Manifest = dict[str, Any]


def of_runtime(runtime: PodConfig) -> Manifest:
    """The fields of a pod's spec, those that the runtime sets."""
    fields: Manifest = {}
    if runtime.node_selector:
        fields["nodeSelector"] = dict(runtime.node_selector)
    if runtime.tolerations:
        fields["tolerations"] = [dict(t) for t in runtime.tolerations]
    if runtime.image_pull_secrets:
        fields["imagePullSecrets"] = [{"name": name} for name in runtime.image_pull_secrets]
    if runtime.priority_class:
        fields["priorityClassName"] = runtime.priority_class
    return fields


def metadata_of(runtime: PodConfig, labels: Mapping[str, str]) -> Manifest:
    """Labels and annotations of a pod; `labels` are Trainyard's and come over the runtime's."""
    found: Manifest = {"labels": {**runtime.labels, **labels}}
    if runtime.annotations:
        found["annotations"] = dict(runtime.annotations)
    return found
