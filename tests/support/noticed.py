"""Sessions that fail, and what a webhook got about them."""

from __future__ import annotations

import json
from typing import Any, Final

from cluster import api_client
from gateway_lab import GatewayLab
from kubernetes import client
from webhook_receiver import WebhookReceiver

from trainyard_api import names, timestamps

FAILED: Final = {"on": "phase", "phases": ["Failed"]}


def fail(lab: GatewayLab, name: str) -> None:
    """Let a session fail, as the operator would say."""
    now = timestamps.now_text()
    status = {
        "phase": "Failed",
        "attempt": 1,
        "completionTime": now,
        "message": "It broke.\n/stop",
        "failure": {"class": "OutOfMemory", "attempt": 1, "time": now, "message": "no memory"},
    }
    with api_client(lab.kubeconfig) as api:
        client.CustomObjectsApi(api).patch_namespaced_custom_object_status(
            names.GROUP,
            names.VERSION,
            lab.namespace,
            names.SESSION_PLURAL,
            name,
            {"status": status},
        )


def data_of(webhook: WebhookReceiver) -> list[tuple[str, dict[str, Any]]]:
    """Type and data of each message."""
    found = [json.loads(body) for _, body in webhook.messages.values()]
    return [(one["type"], one["data"]) for one in found]
