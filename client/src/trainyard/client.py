"""The blocking and the asynchronous client of the gateway.

with trainyard.Client("http://gateway.example", key) as gateway:
    training = {"task": "tabular-classification"}
    session = gateway.start_training({"dataset": "digits", "training": training})
    print(gateway.status(session.name).phase)
"""

from __future__ import annotations

from trainyard.async_client import AsyncClient
from trainyard.calls import Spec
from trainyard.sync_client import Client

__all__ = ["AsyncClient", "Client", "Spec"]
