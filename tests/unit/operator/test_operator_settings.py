"""What the operator's settings are made of."""

from __future__ import annotations

from pathlib import Path

import pytest

from trainyard_operator import settings
from trainyard_operator.errors import SettingsError

FILE = """
namespace: a
gatewayUrl: http://gateway
dataClaim: data
supervisorImage: trainyard/operator:1
trainerServiceAccount: trainer
runtimes: {default: {image: trainer, gpuResourceName: example.com/gpu}}
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "operator.yaml"
    path.write_text(FILE)
    return path


def test_only_variables_with_the_prefix_count(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RELEASE", "someone-elses")
    monkeypatch.setenv("healthPort", "1")
    monkeypatch.setenv("TRAINYARD_OPERATOR_METRICS_PORT", "9")

    found = settings.load(config)

    assert (found.release, found.health_port, found.metrics_port) == ("trainyard", 8080, 9)
    assert found.runtimes["default"].gpu_resource_name == "example.com/gpu"


def test_wrong_settings_are_named_as_they_stand_in_the_file(config: Path) -> None:
    config.write_text(FILE + "healthPort: 70000\nhealth_port: 1\n")

    with pytest.raises(SettingsError, match=r"healthPort: .*less than or equal to 65535"):
        settings.load(config)
