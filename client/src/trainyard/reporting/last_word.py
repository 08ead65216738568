"""What a program leaves in its pod when it ends: how far it came.

The operator reads it with the exit code, so it knows the end also while the gateway is away.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping
from pathlib import Path

from trainyard_api import contract


class LastWord:
    """The pod's termination message, unless something else is in it."""

    def __init__(self, file: Path = Path(contract.TERMINATION_MESSAGE_FILE)) -> None:
        self._file = file
        self._left = False

    def leave(self, end: Mapping[str, int]) -> None:
        """Write the end; the supervisor adds the last printed lines if the exit code is not 0.

        `end` holds step, totalSteps, epoch, epochs and stride, as far as they are known. Does
        nothing outside a pod, or where the program has left another message.
        """
        text = json.dumps({contract.END_KEY: end})
        with contextlib.suppress(OSError):
            # The kubelet makes the file; elsewhere there is none.
            if self._file.exists() and (self._left or self._file.stat().st_size == 0):
                self._file.write_text(text)
                self._left = True
