"""Registers the final model of a session, after copying it to where the gateway reads it."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import struct
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trainyard.reporting.json_numbers import with_numbers
from trainyard.reporting.transport import NotDeliveredError, RejectedError, Transport
from trainyard_api.contract import MODEL_FILE

MAX_HEADER = 16 << 20
"""Largest header in bytes that the gateway accepts."""
PATIENCE_SECONDS = 300.0
"""How long registration is retried while the gateway does not respond."""


class ModelError(Exception):
    """The model was not registered; the message says why."""


class BadModelError(ModelError):
    """The file is not a valid safetensors file, or the gateway refused it."""


class ModelDeniedError(ModelError):
    """The gateway does not accept the pod's token, or not for this session."""


class ModelNotDeliveredError(ModelError):
    """The gateway could not be reached in time. The file is kept; registering it again is safe."""


@dataclass(frozen=True)
class Registrar:
    """Registers models of one attempt of one session."""

    transport: Transport
    folder: Path
    """The run's output folder, from which the gateway takes the file."""
    session_uid: str
    attempt: int
    name: str
    """Name in the registry."""
    patience: float = PATIENCE_SECONDS
    """Seconds."""

    def register(self, file: Path, card: Mapping[str, Any]) -> dict[str, Any]:
        """Copy `file` into the output folder, unless it is there, and register it.

        Returns name, version and sha256; the same file again returns the same version.
        Raises BadModelError, ModelDeniedError, ModelNotDeliveredError.
        """
        check(file)
        place = self.folder / MODEL_FILE
        if not (place.exists() and place.samefile(file)):
            _place(file, place)
        digest = _sha256(place)
        body = {
            "sessionUid": self.session_uid,
            "attempt": self.attempt,
            "name": self.name,
            "sha256": digest,
            "sizeBytes": place.stat().st_size,
            "card": with_numbers(card),
        }
        try:
            return self._post(json.dumps(body, allow_nan=False).encode())
        finally:
            self.transport.close()

    def _post(self, body: bytes) -> dict[str, Any]:
        deadline = time.monotonic() + self.patience
        pause = 0.5
        while True:
            try:
                return self.transport.post("/report/model", body)
            except RejectedError as error:
                refused = ModelDeniedError if error.status == 403 else BadModelError
                raise refused(f"the gateway refused the model: {error}") from error
            except NotDeliveredError as error:
                if time.monotonic() + pause > deadline:
                    # The kubelet renews tokens, so that a refused one is retried, too.
                    kind = ModelDeniedError if error.status == 401 else ModelNotDeliveredError
                    raise kind(
                        f"the model is saved, but the gateway could not register it: {error}"
                    ) from error
                time.sleep(pause)
                pause = min(pause * 2, 10.0)


def check(file: Path) -> None:
    """Raise BadModelError unless the file has the length that its header declares."""
    try:
        with file.open("rb") as content:
            size = os.fstat(content.fileno()).st_size
            prefix = content.read(8)
            length = struct.unpack("<Q", prefix)[0] if len(prefix) == 8 else size
            if length > min(MAX_HEADER, size - 8):
                raise BadModelError(f"{file} is not a safetensors file: it has no header")
            header = json.loads(content.read(length))
        tensors = [tensor for name, tensor in header.items() if name != "__metadata__"]
        end = max((tensor["data_offsets"][1] for tensor in tensors), default=0)
    except OSError as error:
        raise BadModelError(f"{file} cannot be read: {error.strerror}") from error
    except (ValueError, AttributeError, TypeError, KeyError, IndexError) as error:
        raise BadModelError(
            f"{file} is not a safetensors file (save it by safetensors.torch.save_file): {error}"
        ) from error
    if 8 + length + end != size:
        raise BadModelError(
            f"{file} has {size} bytes, but its header declares {8 + length + end}: "
            "it is truncated, or has data after its end"
        )


def _sha256(file: Path) -> str:
    """The hash of a file, in hexadecimal; `hashlib.file_digest` came with Python 3.11."""
    digest = hashlib.sha256()
    with file.open("rb") as content:
        while piece := content.read(1 << 20):
            digest.update(piece)
    return digest.hexdigest()


def _place(file: Path, place: Path) -> None:
    """Copy the file beside its place and rename it: a reader never sees half of it."""
    place.parent.mkdir(parents=True, exist_ok=True)
    beside = place.with_suffix(".copy")
    try:
        with file.open("rb") as source, beside.open("wb") as target:
            shutil.copyfileobj(source, target, 1 << 20)
            target.flush()
            os.fsync(target.fileno())
        beside.replace(place)
    except OSError:
        with contextlib.suppress(OSError):
            beside.unlink()
        raise
