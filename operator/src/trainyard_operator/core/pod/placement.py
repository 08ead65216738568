"""What a runtime says of where its pods run and how their images are pulled."""

from __future__ import annotations

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
    return fields
