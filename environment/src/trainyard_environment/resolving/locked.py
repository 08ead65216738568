"""The list of what an environment holds, and its name. Pure."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass

from trainyard_environment.request.asked import normalised
from trainyard_environment.runtime import Runtime

SCHEMA = 1
_PIN = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]*)(?:\[[^\]]*\])?==([^\s;\\]+)")
_HASH = re.compile(r"--hash=(\S+)")


@dataclass(frozen=True, order=True)
class Pin:
    """One version of a package, and the hashes of its files."""

    name: str
    version: str
    hashes: tuple[str, ...] = ()

    @property
    def line(self) -> str:
        """As a requirement with hashes."""
        return " ".join([f"{self.name}=={self.version}", *(f"--hash={h}" for h in self.hashes)])


def pins_of(text: str) -> list[Pin]:
    """The pins that `uv pip compile` wrote."""
    found = []
    for block in re.split(r"\n(?=\S)", text):
        if (match := _PIN.match(block)) is not None:
            hashes = tuple(sorted(_HASH.findall(block)))
            found.append(Pin(normalised(match[1]), match[2], hashes))
    return sorted(found)


def lock_of(image: str, runtime: Runtime, pins: Sequence[Pin]) -> str:
    """The name of the environment: equal for equal content over the same runtime."""
    described = {
        "schema": SCHEMA,
        "image": image,
        "python": [runtime.executable, runtime.version],
        "platform": runtime.platform,
        "paths": list(runtime.paths),
        "held": runtime.held,
        "packages": [pin.line for pin in sorted(pins)],
    }
    return hashlib.sha256(json.dumps(described, sort_keys=True).encode()).hexdigest()
