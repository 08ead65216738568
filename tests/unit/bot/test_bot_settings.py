"""Settings of the bot: file, environment, arguments, and what is said about wrong ones."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import SecretStr

from trainyard_api.settings_file import InvalidSettingsError
from trainyard_bot import settings

TOKEN = "123456789:AAcanary-canary_canary-canary_canary1"
KEY = "tyk_canaryKEY+/with=odd%characters"

SETTINGS = """
gatewayUrl: http://gateway/
tokenFile: {folder}/token
apiKeyFile: {folder}/key
timeZone: Europe/Vienna
chats: [7, {{id: -8, users: [1, 2], notify: own, timeZone: Asia/Tokyo}}]
"""


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A configuration file, with nothing of the bot's in the environment."""
    monkeypatch.delenv("TRAINYARD_BOT_TOKEN", raising=False)
    file = tmp_path / "bot.yaml"
    file.write_text(SETTINGS.format(folder=tmp_path))
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    (tmp_path / "key").write_text("")
    return file


def test_settings_from_a_file(config: Path) -> None:
    read = settings.load(config, {"log_level": None})

    assert read.gateway_url == "http://gateway"
    assert [chat.id for chat in read.chats] == [7, -8]
    assert (read.chats[1].users, read.chats[1].notify) == ((1, 2), "own")
    assert (read.zone(7).key, read.zone(-8).key) == ("Europe/Vienna", "Asia/Tokyo")
    assert settings.read_secret(read.token, read.token_file, "token") == TOKEN


def test_environment_goes_over_the_file_and_arguments_over_both(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRAINYARD_BOT_CHATS", "1, -2")
    monkeypatch.setenv("TRAINYARD_BOT_GATEWAY_URL", "http://environment")
    monkeypatch.setenv("TRAINYARD_BOT_POLL_SECONDS", "1.5")
    read = settings.load(config, {"gateway_url": "http://argument"})

    assert [chat.id for chat in read.chats] == [1, -2]
    assert (read.gateway_url, read.poll_seconds) == ("http://argument", 1.5)
    assert settings.load(config, {}).gateway_url == "http://environment"


def test_chats_as_json_in_the_environment(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRAINYARD_BOT_CHATS", '[3, {"id": 4, "notify": "none"}]')
    assert [(c.id, c.notify) for c in settings.load(config, {}).chats] == [(3, "all"), (4, "none")]
    monkeypatch.setenv("TRAINYARD_BOT_CHATS", "5")
    assert [c.id for c in settings.load(config, {}).chats] == [5]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ("gatewayURL: http://x", "unknown setting gatewayURL; did you mean gatewayUrl?"),
        ("zzzz: 1", "unknown setting zzzz; accepted: gatewayUrl,"),
        ("token: abc", "token does not belong in this file; name a file in tokenFile"),
        ("apiKey: abc", "apiKey does not belong in this file; name a file in apiKeyFile"),
        ("timeZone: Mars", "timeZone: 'Mars' is no time zone; write one such as Europe/Vienna"),
        ("gatewayUrl: ftp://x", "gatewayUrl: 'ftp://x' must start with http:// or https://"),
        ("chats: [1, 1]", "chats: each id may stand there once"),
        ("chats: []", "chats: Tuple should have at least 1 item after validation, not 0"),
        ("chats: [{id: 1, user: 3}]", "unknown setting chats.0.user; did you mean chats.0.users?"),
        ("chats: [", "is not valid YAML"),
        ("pollSeconds: 0", "pollSeconds: Input should be greater than 0"),
        ("editSeconds: 4.9", "editSeconds: Input should be greater than or equal to 5"),
    ],
)
def test_wrong_settings_are_named(config: Path, change: str, sentence: str) -> None:
    lines = [
        x for x in config.read_text().splitlines() if not x.startswith(change.split(":")[0] + ":")
    ]
    config.write_text("\n".join([*lines, change]))

    with pytest.raises(InvalidSettingsError) as caught:
        settings.load(config, {})
    assert sentence in str(caught.value)


def test_missing_settings_say_how_to_set_them(tmp_path: Path) -> None:
    with pytest.raises(InvalidSettingsError) as caught:
        settings.load(None, {})
    assert str(caught.value) == (
        "gatewayUrl: missing; set it in the file, or TRAINYARD_BOT_GATEWAY_URL in the environment\n"
        "chats: missing; set it in the file, or TRAINYARD_BOT_CHATS in the environment"
    )
    with pytest.raises(InvalidSettingsError, match="cannot read .*: No such file"):
        settings.load(tmp_path / "none.yaml", {})
    (tmp_path / "list.yaml").write_text("- a")
    with pytest.raises(InvalidSettingsError, match="must hold settings as"):
        settings.load(tmp_path / "list.yaml", {})


def test_secrets_that_are_missing_are_named_and_never_shown(config: Path) -> None:
    folder = config.parent
    with pytest.raises(InvalidSettingsError, match="^apiKeyFile: .*key is empty$"):
        settings.read_secret(None, folder / "key", "apiKey")
    with pytest.raises(InvalidSettingsError, match="^tokenFile: cannot read .*nowhere"):
        settings.read_secret(None, folder / "nowhere", "token")
    with pytest.raises(
        InvalidSettingsError, match="^tokenFile: missing; name the file that holds the token"
    ):
        settings.read_secret(SecretStr(" "), None, "token")
    assert settings.read_secret(SecretStr(f" {KEY}\n"), None, "apiKey") == KEY


def test_a_secret_in_the_settings_is_not_shown(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRAINYARD_BOT_TOKEN", TOKEN)
    assert "canary" not in repr(settings.load(config, {}))
