"""What a node's monitor sends is bounded, field by field."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from trainyard_gateway.nodes.machine import Machine, measure

USAGE = {"totalBytes": 2, "usedBytes": 1, "percent": 50.0}
GPU = {
    "index": 0, "name": "GPU", "memoryTotalBytes": 2, "memoryUsedBytes": 1,
    "utilizationPercent": 7,
}  # fmt: skip
MACHINE = {"cpuPercent": 1.0, "cpuCount": 4, "memory": USAGE, "disk": USAGE, "gpus": [GPU]}


@pytest.mark.parametrize(
    ("place", "field", "value"),
    [
        ("", "cpuPercent", 1e300),
        ("", "cpuPercent", float("nan")),
        ("", "cpuCount", 10**400),
        ("", "cpuCount", 0),
        ("", "gpus", [GPU] * 2000),
        ("memory", "totalBytes", 2**63),
        ("memory", "usedBytes", -1),
        ("disk", "percent", 101),
        ("gpu", "index", 2**31),
        ("gpu", "name", "x" * 257),
        ("gpu", "memoryTotalBytes", 2**80),
        ("gpu", "utilizationPercent", -1),
    ],
    ids=lambda value: value if isinstance(value, str) and len(value) < 20 else "",
)
def test_what_no_machine_has_is_refused(place: str, field: str, value: Any) -> None:
    body: dict[str, Any] = {**MACHINE, "memory": {**USAGE}, "disk": {**USAGE}, "gpus": [{**GPU}]}
    part = {"": body, "gpu": body["gpus"][0]}.get(place) or body[place]
    part[field] = value

    with pytest.raises(ValidationError):
        Machine.model_validate(body)


def test_a_sound_measurement_is_taken() -> None:
    assert Machine.model_validate(MACHINE).gpus[0].name == "GPU"


def test_the_name_of_a_gpu_shows_what_it_holds() -> None:
    body = {**MACHINE, "gpus": [{**GPU, "name": "A\x1b[31m"}]}

    assert Machine.model_validate(body).gpus[0].name == "A\\x1b[31m"


def test_this_machine_is_within_the_bounds(tmp_path: Path) -> None:
    assert measure(tmp_path).memory.total_bytes > 0
