"""State on disk, questions, redaction, settings, curve."""

from __future__ import annotations

import io
import logging
import struct
import sys
import threading
from pathlib import Path
from types import FrameType

import pytest
from pydantic import SecretStr

from trainyard_bot import settings
from trainyard_bot.gateway.errors import ConfigError
from trainyard_bot.gateway.views import Series
from trainyard_bot.handlers.confirmations import OPEN_AT_MOST, VALID_SECONDS, Question, Questions
from trainyard_bot.redaction import RedactingFormatter, Redactor
from trainyard_bot.state import (
    HANDLED_KEPT,
    Live,
    Memory,
    Outgoing,
    State,
    StateFile,
    with_live,
    without_live,
    without_outgoing,
)
from trainyard_bot.text import chart as curve
from trainyard_bot.text.chart import Artist, draw
from trainyard_bot.text.replies import Asker

TOKEN = "123456789:AAcanary-canary_canary-canary_canary1"
KEY = "tyk_canaryKEY+/with=odd%characters"


async def test_an_update_is_handled_once_over_restarts(tmp_path: Path) -> None:
    file = StateFile(tmp_path / "deep" / "state.json")
    memory = Memory(file)

    assert await memory.first_time(5)
    assert not await memory.first_time(5)
    assert not await Memory(file).first_time(5)
    assert await Memory(file).first_time(4)


async def test_only_the_newest_updates_are_remembered(tmp_path: Path) -> None:
    memory = Memory(StateFile(tmp_path / "s"))
    for number in range(HANDLED_KEPT + 1):
        assert await memory.first_time(number)
    assert len(memory.state.handled) == HANDLED_KEPT
    assert not await memory.first_time(1)


def test_the_file_is_replaced_as_a_whole(tmp_path: Path) -> None:
    file = StateFile(tmp_path / "state.json")
    state = State(primed=True, said={"u": ("end",)}, live=(Live(chat=1, message=2, uid="u"),))
    file.save(state)
    (tmp_path / "state.json.new").write_text("half a st")

    assert file.load() == state
    file.save(State())
    assert file.load() == State()
    assert [p.name for p in tmp_path.iterdir()] == ["state.json"]


def test_a_broken_file_is_kept_aside(tmp_path: Path) -> None:
    (tmp_path / "state.json").write_text('{"version": 1, "live": 7}')

    assert StateFile(tmp_path / "state.json").load() == State()
    assert (tmp_path / "state.json.broken").read_text() == '{"version": 1, "live": 7}'


def test_a_state_that_cannot_be_read_stops_the_start(tmp_path: Path) -> None:
    """Starting anew would lose notices; a folder in the way is for a person to look at."""
    (tmp_path / "state.json").mkdir()
    with pytest.raises(IsADirectoryError):
        StateFile(tmp_path / "state.json").load()


async def test_nothing_is_written_where_nothing_changes(tmp_path: Path) -> None:
    memory = Memory(StateFile(tmp_path / "state.json"))
    await memory.change(lambda state: state)
    assert not (tmp_path / "state.json").exists()


def test_one_live_message_per_run_and_chat() -> None:
    first, second = Live(chat=1, message=10, uid="u"), Live(chat=1, message=11, uid="u")
    other = Live(chat=2, message=10, uid="u")
    state = with_live(with_live(with_live(State(), first), other), second)

    assert state.live == (other, second)
    assert without_live(state, other).live == (second,)


def test_one_of_two_equal_messages_leaves_the_outbox() -> None:
    one = Outgoing(chat=1, kind="text", uid="u", name="a", text="x")
    assert without_outgoing(State(outbox=(one, one)), one).outbox == (one,)
    assert without_outgoing(State(), one) == State()


ADA, BOB = Asker(7, 1), Asker(7, 2)
STOP = Question("stop", "u1", "a")


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0
        self.ids = 0

    def __call__(self) -> float:
        return self.now

    def new_id(self) -> str:
        self.ids += 1
        return f"q{self.ids}"


def test_a_question_is_answered_once_by_who_was_asked() -> None:
    clock = Clock()
    questions = Questions(clock.new_id, clock)
    question_id = questions.ask(STOP, ADA)

    assert questions.take(question_id, BOB) is None
    assert questions.take(question_id, Asker(8, 1)) is None
    assert questions.take("q9", ADA) is None
    assert questions.take(question_id, ADA) == STOP
    assert questions.take(question_id, ADA) is None


@pytest.mark.parametrize(("waited", "valid"), [(VALID_SECONDS - 1, True), (VALID_SECONDS, False)])
def test_a_question_gets_old(waited: float, valid: bool) -> None:
    clock = Clock()
    questions = Questions(clock.new_id, clock)
    question_id = questions.ask(STOP, ADA)
    clock.now += waited

    assert (questions.take(question_id, ADA) == STOP) is valid


def test_open_questions_are_bounded() -> None:
    clock = Clock()
    questions = Questions(clock.new_id, clock)
    ids = [questions.ask(STOP, ADA) for _ in range(OPEN_AT_MOST + 1)]

    assert questions.take(ids[0], ADA) is None
    assert questions.take(ids[1], ADA) == STOP


@pytest.mark.parametrize(
    "text",
    [
        f"GET https://api.telegram.org/bot{TOKEN}/getMe",
        f"https://x/bot{TOKEN.replace(':', '%3A')}/getMe",
        "another bot's 987654321:BBsome-other_token-some-other_token",
        f"key={KEY}",
        "key=tyk_canaryKEY%2B%2Fwith%3Dodd%25characters",
        f"{{'authorization': 'Bearer {KEY}'}}",
        "authorization: bearer abcdefgh.canary",
    ],
)
def test_secrets_are_masked(text: str) -> None:
    clean = Redactor((TOKEN, KEY))(text)

    assert "canary" not in clean
    assert "some-other" not in clean
    assert "[redacted]" in clean


def test_what_is_no_secret_stays() -> None:
    text = "step 12: loss 0.5 at 12:30:45, chat 123456789"
    assert Redactor((TOKEN, ""))(text) == text
    assert Redactor()(text) == text
    assert TOKEN not in repr(Redactor((TOKEN,)))


def test_tracebacks_are_redacted() -> None:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(RedactingFormatter(logging.Formatter("%(message)s"), Redactor((KEY,))))
    log = logging.Logger("canary")
    log.addHandler(handler)
    try:
        raise RuntimeError(f"failed at https://api.telegram.org/bot{TOKEN}/x with {KEY}")
    except RuntimeError:
        log.exception("url %s", f"/bot{TOKEN}/")

    assert "Traceback" in stream.getvalue()
    assert "canary" not in stream.getvalue()


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

    with pytest.raises(ConfigError) as caught:
        settings.load(config, {})
    assert sentence in str(caught.value)


def test_missing_settings_say_how_to_set_them(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        settings.load(None, {})
    assert str(caught.value) == (
        "gatewayUrl: missing; set it in the file, or TRAINYARD_BOT_GATEWAY_URL in the environment\n"
        "chats: missing; set it in the file, or TRAINYARD_BOT_CHATS in the environment"
    )
    with pytest.raises(ConfigError, match="cannot read .*: No such file"):
        settings.load(tmp_path / "none.yaml", {})
    (tmp_path / "list.yaml").write_text("- a")
    with pytest.raises(ConfigError, match="must hold settings as"):
        settings.load(tmp_path / "list.yaml", {})


def test_secrets_that_are_missing_are_named_and_never_shown(config: Path) -> None:
    folder = config.parent
    with pytest.raises(ConfigError, match="^apiKeyFile: .*key is empty$"):
        settings.read_secret(None, folder / "key", "apiKey")
    with pytest.raises(ConfigError, match="^tokenFile: cannot read .*nowhere"):
        settings.read_secret(None, folder / "nowhere", "token")
    with pytest.raises(
        ConfigError, match="^tokenFile: missing; name the file that holds the token"
    ):
        settings.read_secret(SecretStr(" "), None, "token")
    assert settings.read_secret(SecretStr(f" {KEY}\n"), None, "apiKey") == KEY


def test_a_secret_in_the_settings_is_not_shown(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRAINYARD_BOT_TOKEN", TOKEN)
    assert "canary" not in repr(settings.load(config, {}))


LOSS = Series("train/loss", tuple((float(n), 1 / (n + 1)) for n in range(200)))


def size_of(png: bytes) -> tuple[int, int]:
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    width, height = struct.unpack(">II", png[16:24])
    return width, height


def test_a_curve_is_a_picture_for_a_phone() -> None:
    png = draw(
        "iris-1",
        [LOSS, Series("val/loss", ((1, 0.5), (100, 0.2))), Series("val/accuracy", ((1, 0.5),))],
    )
    assert size_of(png) == (1080, 1080)


def test_names_are_no_formulas_and_gaps_are_left_out() -> None:
    png = draw(
        "$\\broken{$", [Series("$a_{", ((1, 1.0), (2, float("nan")), (3, float("inf")), (4, 2.0)))]
    )
    assert size_of(png) == (1080, 1080)


@pytest.mark.parametrize("series", [[], [Series("a", ())], [Series("a", ((1, float("nan")),))]])
def test_nothing_to_draw(series: list[Series]) -> None:
    with pytest.raises(ValueError, match="no point"):
        draw("x", series)


def test_panels_are_few_and_the_loss_comes_first() -> None:
    one = ((1.0, 1.0),)
    names = ["lr", "f1", "val/accuracy", "train/loss", "val/loss", "alpha"]
    panels = curve._panels([Series(name, one) for name in names])

    assert [(kind, [s.name for s in group]) for kind, group in panels] == [
        ("loss", ["train/loss", "val/loss"]),
        ("accuracy", ["val/accuracy"]),
        ("alpha", ["alpha"]),
    ]
    many = curve._panels([Series(f"{n}/loss", one) for n in range(9)])
    assert len(many[0][1]) == 4


async def test_drawing_happens_in_another_thread() -> None:
    artist = Artist()
    seen: list[str] = []

    def note(frame: FrameType, *_: object) -> None:
        if frame.f_code is draw.__code__:
            seen.append(threading.current_thread().name)

    threading.setprofile(note)
    try:
        await artist.draw("x", [LOSS])
    finally:
        threading.setprofile(None)
        sys.setprofile(None)
        artist.close()
    assert seen
    assert all(name.startswith("curve") for name in seen)
