"""Routes of MLflow's protocol, below `/mlflow`."""

from __future__ import annotations

from trainyard_gateway.routes.mlflow import (
    artifacts,
    experiments,
    logged_models,
    model_versions,
    other,
    registered_models,
    runs,
)

ROUTERS = (
    experiments.router,
    runs.router,
    logged_models.router,
    registered_models.router,
    model_versions.router,
    artifacts.router,
    other.router,
)
"""All of them; those of `other` answer what is not here, and come last."""
