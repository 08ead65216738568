"""The session as an object of Kubernetes."""

from __future__ import annotations

from typing import Any, Literal, Self

from pydantic import Field

from trainyard_api.model import OpenModel
from trainyard_api.session.spec import TrainingSessionSpec
from trainyard_api.session.status import TrainingSessionStatus


class TrainingSession(OpenModel):
    """One training: a dataset, a configuration or your own program, and the GPUs it may use."""

    api_version: Literal["trainyard.io/v1alpha1"] = "trainyard.io/v1alpha1"
    kind: Literal["TrainingSession"] = "TrainingSession"
    metadata: dict[str, Any]
    spec: TrainingSessionSpec
    status: TrainingSessionStatus = Field(default=TrainingSessionStatus())

    @classmethod
    def new(cls, name: str, namespace: str, spec: TrainingSessionSpec) -> Self:
        """Build a new session without status."""
        return cls(metadata={"name": name, "namespace": namespace}, spec=spec)

    def manifest(self) -> dict[str, Any]:
        """The object without status, as `kubectl apply` takes it."""
        return {
            "apiVersion": self.api_version,
            "kind": self.kind,
            "metadata": self.metadata,
            "spec": self.spec.wire(),
        }
