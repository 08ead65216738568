"""The client of the gateway, blocking and asynchronous; both send the calls of `trainyard.calls`.

with trainyard.Client("http://gateway.example", key) as gateway:
    session = gateway.start_training({"dataset": "digits", "training": {"task": "tabular-classification"}})
    print(gateway.status(session.name).phase)
"""

from __future__ import annotations

from trainyard.async_client import AsyncClient
from trainyard.calls import Spec
from trainyard.sync_client import Client

__all__ = ["AsyncClient", "Client", "Spec"]
