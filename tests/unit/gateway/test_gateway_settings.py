"""What the gateway's settings are made of."""

from __future__ import annotations

from pathlib import Path

import pytest

from trainyard_gateway import settings
from trainyard_gateway.errors import SettingsError


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "gateway.yaml"
    path.write_text("namespace: a\nport: 1\nmetricsPort: 2\ncorsOrigins: [http://a]\n")
    return path


def test_file_then_environment_then_arguments(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRAINYARD_GATEWAY_PORT", "3")
    monkeypatch.setenv("TRAINYARD_GATEWAY_METRICS_PORT", "4")
    monkeypatch.setenv("TRAINYARD_GATEWAY_CORS_ORIGINS", "http://b, http://c")

    found = settings.load(config, {"port": 5, "host": None})

    assert (found.namespace, found.port, found.metrics_port) == ("a", 5, 4)
    assert found.cors_origins == ("http://b", "http://c")


def test_only_variables_with_the_prefix_count(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("PORT", "HOST", "NAMESPACE", "metricsPort"):
        monkeypatch.setenv(name, "77")

    found = settings.load(config, {})

    assert (found.port, found.host, found.namespace, found.metrics_port) == (1, "127.0.0.1", "a", 2)


def test_arguments_are_checked_like_everything_else(config: Path) -> None:
    with pytest.raises(SettingsError, match=r"^port: .*65535"):
        settings.load(config, {"port": 70_000})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("namespace: a\nprot: 1", "unknown setting prot; did you mean port"),
        ("- a", "must hold settings"),
        ("a: [", "not valid YAML"),
        ("port: 1", "namespace: missing; .*TRAINYARD_GATEWAY_NAMESPACE"),
    ],
    ids=["unknown", "no mapping", "no YAML", "missing"],
)
def test_wrong_files_are_explained(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "gateway.yaml"
    path.write_text(text)

    with pytest.raises(SettingsError, match=message):
        settings.load(path, {})


def test_no_value_of_a_wrong_setting_is_shown(config: Path) -> None:
    config.write_text("namespace: a\napiKey: [hidden-secret]\n")

    with pytest.raises(SettingsError) as found:
        settings.load(config, {})

    assert "hidden-secret" not in str(found.value)


def test_the_database_is_below_the_data_unless_set(config: Path) -> None:
    given = settings.load(config, {"data_dir": Path("/d")})
    other = settings.load(config, {"database_url": "postgresql://u@h/n"})

    assert given.database() == "sqlite:////d/db/trainyard.sqlite3"
    assert other.database() == "postgresql://u@h/n"
