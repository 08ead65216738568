"""The bot over time: live messages, notices, restarts, outages, secrets."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from bot_api import TOKEN, BotApi, Call
from bot_process import CHAT, BotProcess
from poll import eventually
from scripted_gateway import KEY, Answer, ScriptedGateway, problem, session

SERIES = {
    "session": "x",
    "series": [
        {"name": "val/loss", "total": 2, "points": [
            {"step": 1, "time": "2026-07-01T12:00:00Z", "value": 0.5},
            {"step": 2, "time": "2026-07-01T12:00:00Z", "value": 0.4},
        ]}
    ],
}  # fmt: skip


@pytest.fixture
def api() -> Iterator[BotApi]:
    with BotApi() as server:
        yield server


@pytest.fixture
def gateway() -> Iterator[ScriptedGateway]:
    with ScriptedGateway() as server:
        yield server


def running(name: str, step: int) -> dict[str, Any]:
    progress = {"step": step, "totalSteps": 1000, "percent": step / 10}
    return session(name, "Running", status={"attempt": 1, "progress": progress})


def succeeded(name: str) -> dict[str, Any]:
    """It ended just now: the bot is silent about what ended long before it first looked."""
    model = {"name": name, "version": 1, "sha256": "ab"}
    ended = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    status = {"completionTime": ended, "model": model}
    return session(name, "Succeeded", status=status)


def looked(gateway: ScriptedGateway) -> None:
    """Wait for a look at the gateway that begins after this."""
    before = len(gateway.of("GET", "/training/sessions"))
    eventually(lambda: len(gateway.of("GET", "/training/sessions")) >= before + 4, what="a look")


def notices(api: BotApi) -> Counter[str]:
    """First lines of what was sent, edits left out."""
    return Counter(call.text.splitlines()[0] for call in api.of("sendMessage", chat=CHAT))


def test_one_message_is_edited_while_the_session_runs(
    tmp_path: Path, api: BotApi, gateway: ScriptedGateway
) -> None:
    gateway.sessions = [running("iris", 0)]
    # 5 s between edits, on a clock that makes half a second of them.
    with BotProcess(tmp_path, api, gateway.url, KEY, hurry=10):
        api.say("/status iris")
        first = api.wait_for("🏃 <b>iris</b>")
        for step in range(1, 60):
            gateway.sessions = [running("iris", step * 10)]
            time.sleep(0.05)  # the session advances; nothing is waited for
        gateway.script("GET", "/training/uid-of-iris/history", Answer(SERIES))
        gateway.sessions = [succeeded("iris")]
        api.wait_for("is done")
        picture = eventually(lambda: api.of("sendPhoto"), what="the curve")[0]
        eventually(
            lambda: ended(api), what="the last edit"
        )  # the notice, which comes first, reads alike
        edits = api.of("editMessageText")
        count = len(edits)
        looked(gateway)
        assert len(api.of("editMessageText")) == count, (
            "the message of an ended session is edited no more"
        )

    assert {edit.number for edit in edits} == {first.number}
    assert len(edits) >= 4
    assert smallest_pause([first, *edits]) >= 0.49
    assert "Model <code>iris</code> version 1" in edits[-1].text
    assert next(iter(picture.files.values())).startswith(b"\x89PNG")


def ended(api: BotApi) -> bool:
    return any("✅ <b>iris</b>\nSucceeded" in edit.text for edit in api.of("editMessageText"))


def smallest_pause(calls: list[Call]) -> float:
    return min(b.at - a.at for a, b in zip(calls, calls[1:], strict=False))


def test_nothing_is_said_about_what_ended_before_the_first_start(
    tmp_path: Path, api: BotApi, gateway: ScriptedGateway
) -> None:
    gateway.sessions = [succeeded("old"), running("new", 1)]
    with BotProcess(tmp_path, api, gateway.url, KEY) as bot:
        looked(gateway)
        gateway.sessions = [succeeded("old"), succeeded("new")]
        api.wait_for("<b>new</b> is done")
        assert bot.stop() == 0

    assert notices(api) == {"🎉 <b>new</b> is done.": 1}


def test_what_ends_while_the_bot_is_down_is_told_once(
    tmp_path: Path, api: BotApi, gateway: ScriptedGateway
) -> None:
    names = [f"r{n}" for n in range(5)]
    gateway.sessions = [running(name, 1) for name in names]
    bot = BotProcess(tmp_path, api, gateway.url, KEY)
    with bot:
        looked(gateway)
        bot.stop(signal.SIGKILL)
    failure = {"class": "OutOfMemory", "message": "too <big>", "hint": "more memory", "exitCode": 137,
               "lastLogLines": ["step 7", "Killed"]}  # fmt: skip
    gateway.sessions = [
        session("r0", "Failed", status={"failure": failure}), *(succeeded(n) for n in names[1:])
    ]  # fmt: skip
    with bot:
        failed = api.wait_for("🆘 <b>r0</b> failed")
        eventually(lambda: len(notices(api)) == 5, what="all five")
        looked(gateway)
    with bot:
        looked(gateway)

    assert set(notices(api).values()) == {1}
    assert "<b>OutOfMemory</b> (exit code 137)\ntoo &lt;big&gt;\n💡 more memory" in failed.text
    assert "<pre>step 7\nKilled</pre>" in failed.text


def test_killed_at_any_moment_it_loses_nothing_and_repeats_at_most_one_per_death(
    tmp_path: Path, api: BotApi, gateway: ScriptedGateway
) -> None:
    gateway.sessions = [running("r", 1)]
    bot = BotProcess(tmp_path, api, gateway.url, KEY)
    with bot:
        looked(gateway)
        bot.stop()
    names = [f"r{n}" for n in range(30)]
    gateway.sessions = [succeeded(name) for name in names]
    deaths = 0
    for after in (1, 4, 9, 15):
        with bot:
            eventually(
                lambda after=after: len(api.of("sendMessage")) >= after,
                every=0.001,
                what="messages",
            )
            bot.stop(signal.SIGKILL)
            deaths += 1
    with bot:
        eventually(lambda: len(notices(api)) == 30, what="all thirty")
        looked(gateway)

    assert sum(notices(api).values()) - 30 <= deaths


def test_telegram_and_gateway_may_be_away(
    tmp_path: Path, api: BotApi, gateway: ScriptedGateway
) -> None:
    gateway.sessions = [running("iris", 1)]
    alive = tmp_path / "alive"
    with BotProcess(tmp_path, api, gateway.url, KEY, aliveFile=str(alive)) as bot:
        looked(gateway)
        gateway.script("GET", "/training/sessions", problem(500, "broken"))
        before = len(gateway.of("GET", "/training/sessions"))
        alive.unlink()
        eventually(lambda: len(gateway.of("GET", "/training/sessions")) > before + 1, what="tries")
        eventually(alive.exists, what="it goes on all the same, and a probe sees that")
        api.fail("sendMessage", times=2, status=502, description="Bad Gateway")
        api.fail("sendMessage", times=1, drop=True)
        gateway.sessions = [succeeded("iris")]
        del gateway.answers["GET", "/training/sessions"]
        api.wait_for("<b>iris</b> is done", within=30)
        looked(gateway)
        assert bot.process is not None
        assert bot.process.poll() is None

    assert notices(api) == {"🎉 <b>iris</b> is done.": 1}


def test_a_file_for_the_probe_that_cannot_be_written_stops_no_notice(
    tmp_path: Path, api: BotApi, gateway: ScriptedGateway
) -> None:
    gateway.sessions = [running("iris", 1)]
    probe = tmp_path / "probe"
    probe.mkdir()
    with BotProcess(tmp_path, api, gateway.url, KEY, aliveFile=str(probe / "alive")):
        looked(gateway)
        shutil.rmtree(probe)
        looked(gateway)
        gateway.sessions = [succeeded("iris")]
        api.wait_for("<b>iris</b> is done")

    assert notices(api) == {"🎉 <b>iris</b> is done.": 1}


def test_a_chat_that_asked_for_a_pause_gets_its_notice_after_it(
    tmp_path: Path, api: BotApi, gateway: ScriptedGateway
) -> None:
    gateway.sessions = [running("iris", 1)]
    with BotProcess(tmp_path, api, gateway.url, KEY):
        looked(gateway)
        api.fail("sendMessage", status=429, description="Too Many Requests", retry_after=2)
        gateway.sessions = [succeeded("iris")]
        told = api.wait_for("<b>iris</b> is done")
    (refused,) = [c for c in api.calls if c.method == "sendMessage" and not c.effect]

    assert told.at - refused.at >= 2.0


def test_a_command_is_not_run_again_by_the_next_life(
    tmp_path: Path, api: BotApi, gateway: ScriptedGateway
) -> None:
    """Telegram hands an update out again when its receipt was not confirmed."""
    gateway.sessions = [running("iris", 1)]
    bot = BotProcess(tmp_path, api, gateway.url, KEY, pollSeconds=1800)
    with bot:
        number = api.say("/status iris")
        api.wait_for("<b>iris</b>")
        bot.stop(signal.SIGKILL)
    with bot:
        message = {"message_id": 1, "date": 0, "chat": {"id": CHAT, "type": "private"}, "text": "/status iris",
                   "from": {"id": CHAT, "is_bot": False, "first_name": "Ada"}}  # fmt: skip
        api.push({"message": message}, update_id=number)
        api.say("/help")
        api.wait_for("/models")

    assert len(gateway.of("GET", "/training/iris/status")) == 1


def test_hostile_answers_of_the_gateway_stop_no_notice_about_another_session(
    tmp_path: Path, api: BotApi, gateway: ScriptedGateway
) -> None:
    """Numbers, times and names at the ends of their types, in a list, a chart and a live message."""
    huge = {
        "step": 10**40,
        "totalSteps": 10**40,
        "percent": 1e308,
        "etaSeconds": 10**40,
        "lastStepTime": "0001-01-01T00:00:00",
    }
    name, odd = "x\n/stop\u202e" + "y" * 500, "no uid / at all"
    wild = session(name, "Running", uid=odd, status={"attempt": 2**63, "progress": huge})
    gone = session(
        "wild",
        "Failed",
        status={
            "completionTime": "9999-12-31T23:59:59Z",
            "failure": {"class": "\n", "attempt": 10**40},
        },
    )
    point = {"step": 10**40, "time": "", "value": 1e308}
    gateway.script(
        "GET",
        "/training/uid-of-wild/history",
        Answer({"session": "", "series": [{"name": name, "total": 1, "points": [point]}]}),
    )
    gateway.sessions = [wild, running("iris", 1), session("wild", "Running")]
    with BotProcess(tmp_path, api, gateway.url, KEY) as bot:
        looked(gateway)
        api.say("/sessions")
        api.wait_for("<code>iris</code> Running")
        api.say("/status wild")
        api.wait_for("<b>wild</b>")
        gateway.sessions = [wild, gone, succeeded("iris")]
        api.wait_for("<b>iris</b> is done")
        api.wait_for("<b>wild</b> failed")
        looked(gateway)
        assert bot.process is not None
        assert bot.process.poll() is None

    sent = [call.text for call in api.sent()]
    assert not any(line.startswith("/stop") for text in sent for line in text.splitlines())


def test_starts_soon_and_stalled(tmp_path: Path, api: BotApi, gateway: ScriptedGateway) -> None:
    soon = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 300))
    long_ago = "2026-01-01T12:00:00Z"
    start = {"position": 1, "estimatedStart": {"earliest": soon}}
    gateway.sessions = [
        session("waits", "Queued", status={"queue": start}),
        session("hangs", "Running", status={"attempt": 1, "progress": {"step": 7, "lastStepTime": long_ago}}),
    ]  # fmt: skip
    with BotProcess(tmp_path, api, gateway.url, KEY):
        api.wait_for("<b>waits</b> starts soon: about ")
        api.wait_for("<b>hangs</b> has made no step for ")
        looked(gateway)

    assert len(api.of("sendMessage")) == 2


def test_no_secret_gets_out_even_at_debug_and_in_tracebacks(
    tmp_path: Path, api: BotApi, gateway: ScriptedGateway
) -> None:
    """Canary: the token is in every URL of the Bot API, the key in every header to the gateway."""
    gateway.script("GET", "/system/info", problem(401, f"the key {KEY} is not valid"))
    with BotProcess(tmp_path, api, gateway.url, KEY, logLevel="DEBUG") as bot:
        api.fail("getUpdates", times=1, status=502, description="Bad Gateway")
        api.fail("sendMessage", times=1, status=500, description=f"failed for {TOKEN}")
        api.say("/help")
        api.say("/system")
        answer = api.wait_for("does not accept my API key")
        api.fail("sendMessage", times=9, drop=True)
        api.say("/help")
        eventually(lambda: sum(f.times for f in api.faults) < 9, what="a dropped answer")
        eventually(lambda: "Traceback" in bot.log.read_text(), what="a traceback")
        bot.stop()
        log = bot.log.read_text()
    said = json.dumps([call.parameters for call in api.calls], ensure_ascii=False)

    assert "the key [redacted] is not valid" in answer.text
    for secret in (TOKEN, KEY, TOKEN.partition(":")[2]):
        assert secret not in log
        assert secret not in said
    for file in (tmp_path / "state").iterdir():
        assert "canary" not in file.read_text()


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"token": "999999:not-the-token-not-the-token-no"}, "token: the Bot API does not accept it"),
        ({"api-key": ""}, "apiKeyFile: "),
        ({"config": "gatewayUrl: http://x\nchat: 7\n"}, "unknown setting chat; did you mean chats?"),
        (
            {"config": "gatewayUrl: http://x\nchats: [7]\neditSeconds: 4.9\n"},
            "editSeconds: Input should be greater than or equal to 5",
        ),
    ],
    ids=["wrong token", "no key", "wrong setting", "edits too often"],
)  # fmt: skip
def test_a_bot_that_cannot_work_says_why_and_ends(
    tmp_path: Path, api: BotApi, change: dict[str, str], sentence: str
) -> None:
    bot = BotProcess(tmp_path, api, "http://127.0.0.1:9", KEY)
    for name, text in change.items():
        (tmp_path / {"config": "bot.yaml"}.get(name, name)).write_text(text)
    ended = subprocess.run(
        [sys.executable, "-m", "trainyard_bot", "--config", str(bot.config)],
        check=False, capture_output=True, text=True, timeout=60, env={"PATH": "", "MPLCONFIGDIR": str(tmp_path)},
    )  # fmt: skip

    assert ended.returncode == 2
    assert sentence in ended.stderr
    assert "not-the-token" not in ended.stderr + ended.stdout
