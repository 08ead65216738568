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


@pytest.mark.parametrize(
    ("chosen", "sentence"),
    [
        ("{resources: {limits: {nvidia.com/gpu: '1'}}}", "accepted are cpu, memory and ephemeral"),
        ("{indexUrl: 'https://me:secret@index.example'}", "environments.indexUrl"),
        ("{maxBuilders: 0}", "environments.maxBuilders"),
        ("{index: x}", "environments.index"),
        ("{caConfigMap: a, caSecret: b}", "caConfigMap and caSecret both name certificates"),
        ("{caConfigMap: a, caKey: ''}", "environments.caKey"),
        ("{caConfigMap: a, caKey: ../x}", "environments.caKey"),
    ],
    ids=[
        "a GPU",
        "credentials in the address",
        "no builder",
        "unknown",
        "two sources",
        "no key",
        "a path as the key",
    ],  # fmt: skip
)
def test_wrong_settings_of_environments_are_refused(
    config: Path, chosen: str, sentence: str
) -> None:
    config.write_text(FILE + f"environments: {chosen}\n")

    with pytest.raises(SettingsError) as caught:
        settings.load(config)

    assert sentence in str(caught.value)
    assert "secret" not in str(caught.value)


def test_what_is_set_of_environments_reaches_the_decisions(config: Path) -> None:
    chosen = "{indexUrl: 'https://index.example/simple', maxBuilders: 2, resources: {limits: {memory: 8Gi}}}"
    config.write_text(FILE + f"environments: {chosen}\n")

    found = settings.load(config).config().environments

    assert (found.index_url, found.max_builders) == ("https://index.example/simple", 2)
    assert (dict(found.limits), found.max_bytes) == ({"memory": "8Gi"}, 20 * 2**30)


@pytest.mark.parametrize(
    ("label", "accepted"),
    [
        ("cost-centre", True),
        ("example.com/team", True),
        ("kueue.x-k8s.io/queue-name", True),
        ("trainyard.io/session-uid", False),
        ("app.kubernetes.io/instance", False),
        ("batch.kubernetes.io/job-name", False),
    ],
)
def test_labels_by_which_policies_select_pods_are_not_for_runtimes(
    config: Path, label: str, accepted: bool
) -> None:
    labels = f"runtimes: {{default: {{image: trainer, labels: {{'{label}': x}}}}}}"
    config.write_text(FILE.replace(FILE.splitlines()[-1], labels))

    if accepted:
        assert settings.load(config).runtimes["default"].labels == {label: "x"}
    else:
        with pytest.raises(SettingsError, match="say what a pod is"):
            settings.load(config)
