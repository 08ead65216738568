"""Quantities as people write them, for the parser and for the API server: both must agree."""

from __future__ import annotations

from typing import Any, Final

ACCEPTED: Final[tuple[tuple[str, Any], ...]] = (
    ("cpu", 1),
    ("cpu", "1"),
    ("cpu", "500m"),
    ("cpu", "0.5"),
    ("cpu", ".5"),
    ("cpu", "1.5"),
    ("cpu", "1e3"),
    ("cpu", "0.1k"),
    ("cpu", "10k"),
    ("cpu", "9999999m"),
    ("memory", "16Mi"),
    ("memory", "1.5Gi"),
    ("memory", "1Pi"),
    ("memory", "1e9"),
    ("memory", "1E"),
    ("memory", "1Ei"),
    ("memory", "2000M"),
    ("memory", 17179869184),
    ("memory", "17179869184"),
    ("memory", "17179869184000m"),
    ("sharedMemory", "1"),
    ("sharedMemory", "0.5Gi"),
    ("scratch", "100G"),
)
"""Field of `spec.resources` and value."""
REFUSED: Final[tuple[tuple[str, Any], ...]] = (
    ("cpu", 0),
    ("cpu", "0"),
    ("cpu", "-1"),
    ("cpu", "lots"),
    ("cpu", ""),
    ("cpu", "1 "),
    ("cpu", "2 cores"),
    ("cpu", "11k"),
    ("cpu", "1Gi"),
    ("cpu", "1" * 65),
    ("memory", 512),
    ("memory", "512"),
    ("memory", "15.9Mi"),
    ("memory", "4GB"),
    ("memory", "4 Gi"),
    ("memory", "4gi"),
    ("memory", "2Ei"),
    ("memory", "0"),
    ("scratch", "0"),
    ("scratch", "-1Gi"),
    ("sharedMemory", "much"),
)
SAME: Final[tuple[tuple[dict[str, Any], dict[str, Any]], ...]] = (
    ({"cpu": 1}, {"cpu": "1"}),
    ({"cpu": "1"}, {"cpu": "1000m"}),
    ({"cpu": "1.5"}, {"cpu": "1500m"}),
    ({"memory": "1Gi"}, {"memory": "1024Mi"}),
    ({"memory": "1.5Gi"}, {"memory": 1610612736}),
    ({"scratch": "1Gi"}, {"scratch": "1024Mi"}),
    ({"sharedMemory": "1k"}, {"sharedMemory": "1000"}),
)
"""The same, written in two ways."""
DIFFERENT: Final[tuple[tuple[dict[str, Any], dict[str, Any]], ...]] = (
    ({"cpu": 1}, {"cpu": "1001m"}),
    ({"memory": "1Gi"}, {"memory": "1G"}),
    ({"gpus": 1}, {"gpus": 2}),
    ({"cpu": 1}, {"scratch": "1Gi"}),
    ({"scratch": "1Gi"}, {"scratch": None}),
)
