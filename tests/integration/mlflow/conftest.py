"""A gateway, and MLflow's own clients of three versions."""

from __future__ import annotations

import pytest
from gateway_lab import GatewayLab
from mlflow_clients import VERSIONS, MlflowClient, installed


@pytest.fixture(params=VERSIONS)
def mlflow(request: pytest.FixtureRequest, lab: GatewayLab) -> MlflowClient:
    """A client with the administrator's key."""
    return MlflowClient(request.param, installed(request.param), lab.url, lab.key)


@pytest.fixture
def newest(lab: GatewayLab) -> MlflowClient:
    """The newest client."""
    return MlflowClient("newest", installed("newest"), lab.url, lab.key)
