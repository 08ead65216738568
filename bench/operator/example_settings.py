"""Settings of an operator that only reads and decides."""

from __future__ import annotations

from trainyard_operator.settings import Settings


def example(namespace: str) -> Settings:
    """One runtime for NVIDIA's GPUs; nothing of it has to exist."""
    return Settings(
        namespace=namespace,
        gateway_url="http://gateway.invalid",
        data_claim="data",
        trainer_service_account="trainer",
        supervisor_image="trainyard/operator:1",
        runtimes={"default": {"image": "trainyard/trainer:1"}},
    )
