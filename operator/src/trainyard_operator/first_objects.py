"""Creates what an installation needs at first and people may change later: queue and key.

Guarantees:

- What is there is never changed: each object is only ever created, and an object of that name
  keeps what it has. So it does not matter who installs: Helm, `kubectl apply`, Argo CD or Flux.
- A missing object is created within `RECHECK_SECONDS`, while the Lease is held.
- The objects carry no label of the release, because GitOps controllers remove what carries it and
  is not in their manifests.
"""

from __future__ import annotations

import asyncio
import base64
import secrets
import string
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import structlog

from trainyard_api import names
from trainyard_kube import Json, KubeClient, errors, paths
from trainyard_operator.settings import FirstKey, Settings

_log = structlog.stdlib.get_logger(__name__)

RECHECK_SECONDS: Final = 300.0
"""A deleted object is created again after at most this long."""
RETRY_SECONDS: Final = 3.0
"""Pause after a request that failed."""
_KEY_LETTERS: Final = string.ascii_letters + string.digits
_KEY_LENGTH: Final = 43
"""256 bits."""
_LABELS: Final = {
    names.LABEL_MANAGED_BY: names.MANAGED_BY,
    "app.kubernetes.io/part-of": "trainyard",
}


@dataclass(frozen=True, slots=True)
class FirstObject:
    """An object that is created when it is missing."""

    what: str
    """For the log."""
    path: str
    """Collection in which it is created."""
    make: Callable[[], Json] = lambda: {}
    """The object as it is created."""


def first_objects(settings: Settings) -> tuple[FirstObject, ...]:
    """What this installation creates when it is missing."""
    found = []
    namespace = settings.namespace
    if (spec := settings.default_queue) is not None:
        queue = _queue(namespace, spec.model_dump(mode="json", by_alias=True, exclude_unset=True))
        what = f"queue {names.DEFAULT_QUEUE}"
        found.append(FirstObject(what, paths.queues(namespace), lambda: queue))
    if (key := settings.first_key) is not None:
        what = f"Secret {key.secret} with the first key"
        found.append(FirstObject(what, paths.secrets(namespace), lambda: _secret(namespace, key)))
    return tuple(found)


def _queue(namespace: str, spec: Json) -> Json:
    return {
        "apiVersion": names.API_VERSION,
        "kind": names.QUEUE_KIND,
        "metadata": {"name": names.DEFAULT_QUEUE, "namespace": namespace, "labels": _LABELS},
        "spec": spec,
    }


def _secret(namespace: str, key: FirstKey) -> Json:
    value = "ty_" + "".join(secrets.choice(_KEY_LETTERS) for _ in range(_KEY_LENGTH))
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": key.secret,
            "namespace": namespace,
            "labels": _LABELS,
            # Helm removes it neither with the release nor with an upgrade.
            "annotations": {"helm.sh/resource-policy": "keep"},
        },
        "type": "Opaque",
        "data": {key.key: base64.b64encode(value.encode()).decode()},
    }


class FirstObjects:
    """Creates the missing ones, again and again."""

    def __init__(
        self,
        kube: KubeClient,
        objects: Sequence[FirstObject],
        may_write: Callable[[], bool],
        recheck_seconds: float = RECHECK_SECONDS,
    ) -> None:
        """`may_write` says whether the Lease is held."""
        self._kube = kube
        self._objects = objects
        self._may_write = may_write
        self._recheck_seconds = recheck_seconds

    async def keep(self) -> None:
        """Create what is missing. Never returns."""
        while True:
            # Time alone can make it false, so there is no event to wait for.
            while not self._may_write():  # noqa: ASYNC110
                await asyncio.sleep(0.2)
            complete = await self.create_missing()
            await asyncio.sleep(self._recheck_seconds if complete else RETRY_SECONDS)

    async def create_missing(self) -> bool:
        """Try each object once; whether all are there now."""
        return all([await self._create(found) for found in self._objects])

    async def _create(self, found: FirstObject) -> bool:
        try:
            await self._kube.create(found.path, found.make())
        except errors.AlreadyExists:
            return True
        except errors.KubeError as error:
            # Without the message: it may quote what was sent.
            why = error.reason if isinstance(error, errors.ApiError) else "no answer"
            _log.warning("cannot create", object=found.what, error=why)
            return False
        _log.info("created", object=found.what)
        return True
