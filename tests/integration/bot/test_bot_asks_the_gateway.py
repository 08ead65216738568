"""The real bot between stand-ins of the Bot API and the gateway.

Every command makes the right calls, every answer and every error becomes a message that a person
understands, and no secret gets out.
"""

from __future__ import annotations

import base64
import hashlib
import itertools
import json
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from bot_api import TOKEN, BotApi, Call
from bot_process import GROUP, BotProcess
from poll import eventually
from scripted_gateway import KEY, Answer, Request, ScriptedGateway, problem, session

CHATS = range(1, 200)
_next_chat = itertools.count(CHATS.start)
"""Every test talks in a chat of its own, so that no form or question is left from another."""

DATASET = {
    "name": "iris", "format": "csv", "sha256": "ab", "sizeBytes": 4096, "created": "2026-07-01T12:00:00Z",
    "details": {"samples": 150, "dimensions": [150, 4], "columns": [{"name": "petal<width>", "type": "float64"}]},
}  # fmt: skip
MODEL = {
    "name": "iris-model", "version": 2, "sha256": "cd", "sizeBytes": 11, "created": "2026-07-01T12:00:00Z",
    "card": {"session": {"name": "iris-9"}, "metrics": {"val/accuracy": 0.97}},
}  # fmt: skip
SYSTEM = {
    "time": "2026-07-01T12:00:00Z", "cpuPercent": 7.0, "cpuCount": 4,
    "memory": {"totalBytes": 2**34, "usedBytes": 2**33, "percent": 50.0},
    "disk": {"totalBytes": 2**37, "usedBytes": 2**36, "percent": 50.0},
    "gpus": [], "nodes": [{"name": "node-1", "ready": True, "gpus": 4, "gpusUsed": 1}],
    "gpusTotal": 4, "gpusUsed": 1,
}  # fmt: skip
RUN = session("iris-1", "Running", uid="u-1", status={"progress": {"percent": 40, "step": 4}})
WAITING = session("iris-2", "Queued", uid="u-2", status={"queue": {"position": 1}})
POINTS = [{"step": n, "time": "2026-07-01T12:00:00Z", "value": 1 / n} for n in range(1, 50)]


@dataclass
class Yard:
    """The two stand-ins and the bot between them."""

    api: BotApi
    gateway: ScriptedGateway
    bot: BotProcess
    chat: int = 0
    toasted: int = 0

    def ask(self, text: str, expect: str) -> Call:
        """Write `text`; the answer with `expect`."""
        after = len(self.api.sent(self.chat))
        self.api.say(text, self.chat)
        return self.api.wait_for(expect, self.chat, after)

    def tap(self, call: Call, caption: str, expect: str) -> Call:
        """Tap the button of a message that was just sent; the answer with `expect`."""
        after = len(self.api.sent(self.chat))
        self.api.tap(call.buttons[caption], call.number, self.chat)
        return self.api.wait_for(expect, self.chat, after)

    def toasts(self, text: str) -> list[Call]:
        """What was shown over the chat since the test began."""
        found = self.api.of("answerCallbackQuery")[self.toasted :]
        return [call for call in found if text in call.text]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Yard]:
    """One bot for all questions; it looks at the gateway by itself only once."""
    with BotApi() as api, ScriptedGateway() as gateway:
        folder = tmp_path_factory.mktemp("bot")
        chats = [{"id": n, "notify": "none"} for n in CHATS]
        chats.append({"id": GROUP, "users": [1], "notify": "none"})
        with BotProcess(folder, api, gateway.url, KEY, pollSeconds=1800, chats=chats) as bot:
            eventually(
                lambda: len(gateway.of("GET", "/training/sessions")) >= 2, what="the first look"
            )
            yield Yard(api, gateway, bot)
            assert_no_secret(api, bot)


@pytest.fixture
def yard(running: Yard) -> Yard:
    """The yard with one running and one waiting session, and everything else as usual."""
    gateway = running.gateway
    gateway.answers.clear()
    gateway.sessions = [RUN, WAITING]
    for path, body in {
        "/datasets": {"datasets": [DATASET]},
        "/datasets/iris": DATASET,
        "/models": {"models": [MODEL]},
        "/models/iris-model/versions": {"models": [{**MODEL, "version": 1}, MODEL]},
        "/system/info": SYSTEM,
        "/training/queue": {
            "waiting": [
                {"name": "iris-2", "uid": "u-2", "queue": "default", "priority": 0, "gpus": 1,
                 "phase": "Queued", "position": 1}
            ]
        },
    }.items():  # fmt: skip
        gateway.script("GET", path, Answer(body))
    for one in ("u-1", "iris-1"):
        root = f"/training/{one}"
        gateway.script("GET", f"{root}/logs", Answer(logs("loss=<nan>", "done")))
        gateway.script("GET", f"{root}/metrics", Answer(latest()))
        series = [{"name": "train/loss", "total": 49, "points": POINTS}]
        gateway.script("GET", f"{root}/history", Answer({"session": "iris-1", "series": series}))
    gateway.requests.clear()
    running.chat = next(_next_chat)
    running.toasted = len(running.api.of("answerCallbackQuery"))
    return running


def logs(*lines: str) -> dict[str, Any]:
    entries = [
        {"cursor": n, "time": "2026-07-01T12:00:00Z", "level": "info", "message": line, "rank": 0, "attempt": 1}
        for n, line in enumerate(lines, 1)
    ]  # fmt: skip
    return {"session": "iris-1", "lines": entries, "next": len(entries)}


def latest() -> dict[str, Any]:
    value = {"name": "train/loss", "step": 49, "time": "2026-07-01T12:00:00Z", "value": 0.02}
    return {"session": "iris-1", "metrics": [value, {**value, "name": "lr", "value": "NaN"}]}


def assert_no_secret(api: BotApi, bot: BotProcess) -> None:
    """The canary test: token and key in no log line and in nothing that was said."""
    said = json.dumps([call.parameters for call in api.calls], ensure_ascii=False)
    for text in (bot.log.read_text(), said):
        for secret in (
            TOKEN,
            KEY,
            TOKEN.partition(":")[2],
            base64.b64encode(KEY.encode()).decode(),
        ):
            assert secret not in text


COMMANDS: dict[str, tuple[str, list[str], str]] = {
    "start": ("/start", [], "I am <b>yard_bot</b>"),
    "help": ("/help", [], "/datasets [name]"),
    "sessions": ("/sessions", ["GET /training/sessions"], "<b>2 sessions</b>"),
    "sessions of a phase": ("/sessions queued", ["GET /training/sessions"], "<b>1 session</b>"),
    "status of the only…": ("/status", ["GET /training/sessions"], "Which session?"),
    "status": ("/status iris-1", ["GET /training/iris-1/status"], "████░░░░░░ 40 %"),
    "queue": ("/queue", ["GET /training/queue"], "1. <code>iris-2</code> 1 GPU"),
    "metrics": (
        "/metrics iris-1",
        ["GET /training/iris-1/status", "GET /training/u-1/metrics", "GET /training/u-1/history"],
        "<code>lr</code> NaN",
    ),
    "logs": (
        "/logs iris-1 5", ["GET /training/iris-1/status", "GET /training/u-1/logs"], "loss=&lt;nan&gt;\ndone",
    ),
    "stop asks first": ("/stop iris-1", ["GET /training/iris-1/status"], "It saves a checkpoint first"),
    "cancel asks first": ("/cancel iris-2", ["GET /training/iris-2/status"], "It has not run yet."),
    "the only waiting one": ("/cancel", ["GET /training/sessions"], "Cancel <b>iris-2</b>?"),
    "cancel of a running one": ("/cancel iris-1", ["GET /training/iris-1/status"], "can no longer be cancelled (Running)"),
    "models": ("/models", ["GET /models"], "<code>iris-model</code> version 2 · 11 B"),
    "model": ("/models iris-model", ["GET /models/iris-model/versions"], "From session <code>iris-9</code>"),
    "datasets": ("/datasets", ["GET /datasets"], "<code>iris</code> csv · 150 samples"),
    "dataset": ("/datasets iris", ["GET /datasets/iris"], "petal&lt;width&gt;"),
    "system": ("/system", ["GET /system/info"], "<code>node-1</code> 1 of 4 GPUs"),
    "train": ("/train", ["GET /datasets"], "Which dataset?"),
    "train with a dataset": ("/train iris", [], "Which task?"),
    "a mistake": ("/logs iris-1 many", [], "'many' is no number of lines."),
    "an unknown command": ("/lgos", [], "Did you mean /logs?"),
    "talk": ("hello there" * 3, [], "/help lists them"),
}  # fmt: skip


@pytest.mark.parametrize(("text", "calls", "expected"), COMMANDS.values(), ids=COMMANDS)
def test_each_command_makes_its_calls(
    yard: Yard, text: str, calls: list[str], expected: str
) -> None:
    yard.ask(text, expected)

    assert yard.gateway.calls() == calls


def test_a_single_session_needs_no_choice(yard: Yard) -> None:
    yard.gateway.sessions = [RUN]
    assert "<b>iris-1</b>" in yard.ask("/status", "████░░░░░░ 40 %").text


def test_without_open_sessions_the_newest_that_ended_is_meant(yard: Yard) -> None:
    yard.gateway.sessions = [session("iris-0", "Succeeded", uid="u-1")]
    yard.ask("/logs", "loss=&lt;nan&gt;")
    yard.gateway.sessions = []
    yard.ask("/logs", "No session to show")
    yard.ask("/stop", "No session to show")
    yard.ask("/cancel", "no session is waiting or suspended")
    assert [call for call in yard.gateway.calls() if not call.startswith("GET ")] == []


def test_the_curve_comes_as_a_picture(yard: Yard) -> None:
    call = yard.ask("/metrics iris-1", "train/loss")

    assert call.method == "sendPhoto"
    (picture,) = call.files.values()
    assert picture.startswith(b"\x89PNG")


def test_long_logs_come_in_pages_or_as_a_file(yard: Yard) -> None:
    yard.gateway.script("GET", "/training/u-1/logs", Answer(logs(*["<line> " + "x" * 80] * 90)))
    yard.ask("/logs iris-1 90", "last 90 lines")
    eventually(lambda: len(yard.api.sent(yard.chat)) == 3, what="three pages")

    lines = ["<line> " + "x" * 90] * 500
    yard.gateway.script("GET", "/training/u-1/logs", Answer(logs(*lines)))
    call = yard.ask("/logs iris-1 500", "last 500 lines")
    assert call.method == "sendDocument"
    assert call.files == {"iris-1.log": ("\n".join(lines) + "\n").encode()}
    assert yard.gateway.of("GET", "/training/u-1/logs")[-1].query == {
        "after": ["0"], "limit": ["500"], "tail": ["true"],
    }  # fmt: skip


def test_stop_happens_after_the_second_tap_and_once(yard: Yard) -> None:
    yard.gateway.script("POST", "/training/u-1/stop", Answer(RUN, 202))
    question = yard.ask("/stop iris-1", "Stop <b>iris-1</b>?")
    assert yard.gateway.of("POST", "/training/u-1/stop") == []

    yard.tap(question, "⏹ Yes, stop", "is stopping")
    assert len(yard.gateway.of("POST", "/training/u-1/stop")) == 1

    yard.api.tap(question.buttons["⏹ Yes, stop"], question.number, yard.chat)
    eventually(lambda: yard.toasts("too old"), what="a toast")
    assert len(yard.gateway.of("POST", "/training/u-1/stop")) == 1


def test_no_keeps_the_session(yard: Yard) -> None:
    question = yard.ask("/stop iris-1", "Stop <b>iris-1</b>?")
    yard.tap(question, "No, keep it", "Nothing was changed")
    assert yard.gateway.calls() == ["GET /training/iris-1/status"]


def test_a_question_is_answered_by_who_asked_it_and_by_nobody_else(yard: Yard) -> None:
    question = yard.ask("/stop iris-1", "Stop <b>iris-1</b>?")
    yard.api.tap(question.buttons["⏹ Yes, stop"], question.number, yard.chat, user=666)
    eventually(lambda: yard.toasts("too old"), what="a toast")
    assert yard.gateway.of("POST", "/training/u-1/stop") == []


@pytest.mark.parametrize(
    "data", ["", "sp", "sp:../../keys", "zz:u-1", "ok:0123456789abcdef", "fm:abc.review.0", "fm:x"]
)
def test_forged_buttons_do_nothing(yard: Yard, data: str) -> None:
    yard.api.tap(data, 1, yard.chat)
    eventually(lambda: yard.toasts(""), what="a toast")
    assert yard.gateway.calls() == []
    assert yard.api.sent(yard.chat) == []


STEERING: dict[str, tuple[str, str, tuple[str, str], dict[str, Any] | None]] = {
    "suspend": ("iris-1", "⏸ Suspend", ("POST", "/training/u-1/suspend"), None),
    "raise": ("iris-2", "⏫ Raise", ("PATCH", "/training/u-2"), {"priority": 10}),
    "suspend a waiting one": ("iris-2", "⏸ Suspend", ("POST", "/training/u-2/suspend"), None),
}


@pytest.mark.parametrize(("name", "caption", "call", "body"), STEERING.values(), ids=STEERING)
def test_buttons_steer_a_session(
    yard: Yard, name: str, caption: str, call: tuple[str, str], body: dict[str, Any] | None
) -> None:
    yard.gateway.script(*call, Answer(RUN, 202))
    shown = yard.ask(f"/status {name}", f"<b>{name}</b>")
    yard.api.tap(shown.buttons[caption], shown.number, yard.chat)

    eventually(lambda: yard.gateway.of(*call), what="the call")
    assert [request.body for request in yard.gateway.of(*call)] == [body]
    eventually(lambda: yard.toasts(name), what="a toast")


def test_resume(yard: Yard) -> None:
    yard.gateway.sessions = [session("iris-3", "Suspended", uid="u-3")]
    yard.gateway.script("POST", "/training/u-3/resume", Answer(RUN, 202))
    shown = yard.ask("/status", "Suspended")
    yard.api.tap(shown.buttons["▶️ Resume"], shown.number, yard.chat)
    eventually(lambda: yard.gateway.of("POST", "/training/u-3/resume"), what="the call")
    assert len(yard.gateway.of("POST", "/training/u-3/resume")) == 1


@pytest.mark.parametrize("command", ["/cancel", "/cancel iris-3"], ids=["the only one", "by name"])
def test_a_suspended_session_can_be_cancelled(yard: Yard, command: str) -> None:
    ran = {"startTime": "2026-07-01T12:00:00Z", "attempt": 1}
    yard.gateway.sessions = [RUN, session("iris-3", "Suspended", uid="u-3", status=ran)]
    yard.gateway.script("DELETE", "/training/queue/u-3", Answer(RUN, 202))
    question = yard.ask(command, "Cancel <b>iris-3</b>? Its checkpoints are kept")
    assert yard.gateway.of("DELETE", "/training/queue/u-3") == []

    yard.tap(question, "🚫 Yes, cancel", "<b>iris-3</b> is cancelled")
    assert len(yard.gateway.of("DELETE", "/training/queue/u-3")) == 1


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ("st:u-1", "🏃 <b>iris-1</b>"),
        ("lg:u-1", "last 2 lines"),
        ("mt:u-1", "train/loss"),
        ("sp:u-1", "Stop <b>iris-1</b>?"),
        ("cn:u-2", "Cancel <b>iris-2</b>?"),
        ("md:fc3a45d1d3b8", "It no longer exists."),
        ("ds:47612b3175fe", "150 samples"),
        ("tr:47612b3175fe", "Which task?"),
    ],
    ids=["status", "logs", "metrics", "stop", "cancel", "a model that is gone", "dataset", "train"],
)
def test_buttons_of_earlier_versions_still_work(yard: Yard, data: str, expected: str) -> None:
    after = len(yard.api.sent(yard.chat))
    yard.api.tap(data, 1, yard.chat)

    assert expected in yard.api.wait_for(expected, yard.chat, after).text


def test_a_model_is_deleted_after_the_second_tap(yard: Yard) -> None:
    yard.gateway.script("DELETE", "/models/iris-model", Answer(None, 204))
    shown = yard.tap(yard.ask("/models", "1 model"), "iris-model", "2 versions")
    question = yard.tap(shown, "🗑 Delete", "cannot be undone")
    assert yard.gateway.of("DELETE", "/models/iris-model") == []

    yard.tap(question, "🗑 Yes, delete", "is deleted")
    assert len(yard.gateway.of("DELETE", "/models/iris-model")) == 1


def test_a_model_comes_as_a_file(yard: Yard) -> None:
    digest = hashlib.sha256(b"safetensors").hexdigest()
    headers = {"X-Content-SHA256": digest, "Content-Type": "application/octet-stream"}
    yard.gateway.script("GET", "/models/iris-model", Answer(b"safetensors", headers=headers))
    call = yard.tap(yard.ask("/models iris-model", "2 versions"), "⬇️ File", "iris-model")

    assert call.files == {"iris-model-2.safetensors": b"safetensors"}


def test_a_model_that_telegram_does_not_carry_is_not_downloaded(yard: Yard) -> None:
    big = {"models": [{**MODEL, "sizeBytes": 51 * 2**20}]}
    yard.gateway.script("GET", "/models/iris-model/versions", Answer(big))
    yard.tap(yard.ask("/models iris-model", "51 MiB"), "⬇️ File", "at most 50 MiB")
    assert yard.gateway.of("GET", "/models/iris-model") == []


def test_a_damaged_download_is_not_passed_on(yard: Yard) -> None:
    headers = {"X-Content-SHA256": "0" * 64}
    yard.gateway.script("GET", "/models/iris-model", Answer(b"damaged", headers=headers))
    yard.tap(yard.ask("/models iris-model", "2 versions"), "⬇️ File", "The gateway refused this")
    assert yard.api.of("sendDocument", chat=yard.chat) == []


def test_the_form_from_dataset_to_session(yard: Yard) -> None:
    started: list[Request] = []

    def start(request: Request) -> Answer:
        if "dryRun" not in request.query:
            started.append(request)
        return Answer(session(request.body["name"], "Pending", uid="u-new"), 201)

    yard.gateway.script("POST", "/training/start", start)
    step = yard.ask("/train", "Which dataset?")
    step = yard.tap(step, "iris", "Which task?")
    assert step.method == "editMessageText"
    step = yard.tap(step, "tabular-classification", "How many epochs?")
    step = yard.ask("twelve", "epochs must be a whole number from 1 to 100000, not 'twelve'.")
    step = yard.ask("12", "How many GPUs?")
    step = yard.tap(step, "1", "What is the session's name?")
    (proposal,) = step.buttons
    assert proposal.startswith("iris-")
    step = yard.ask("My Session", "name must be lower-case")
    step = yard.ask("my-session", "The gateway accepts this.")
    step = yard.ask("lr=0.01", "The gateway accepts this.")
    assert started == []

    yard.tap(step, "🚀 Start", "<b>my-session</b> is submitted")
    yard.api.wait_for("⏳ <b>my-session</b>", yard.chat)
    (request,) = started
    assert request.body == {
        "name": "my-session",
        "dataset": "iris",
        "training": {"task": "tabular-classification", "epochs": 12, "learningRate": 0.01},
        "resources": {"gpus": 1},
    }
    assert re.fullmatch("[0-9a-f]{16}", request.headers["idempotency-key"])

    yard.api.tap(step.buttons["🚀 Start"], step.number, yard.chat)
    eventually(lambda: yard.toasts("no longer open"), what="a toast")
    assert len(started) == 1


def test_a_form_that_the_gateway_refuses_stays_open(yard: Yard) -> None:
    taken = problem(409, "a session of that name is there already; choose another name")
    yard.gateway.script("POST", "/training/start", taken)
    step = yard.ask("/train iris task=tabular-c epochs=5 gpus=0 name=a", "choose another name")
    yard.tap(step, "🚀 Start", "cannot be done in its present state")
    yard.gateway.script("POST", "/training/start", Answer(session("b", "Pending", uid="u-b"), 201))
    step = yard.ask("name=b", "The gateway accepts this.")
    assert yard.tap(step, "🚀 Start", "<b>b</b> is submitted").text.count("<b>") == 1


def test_a_form_can_be_left(yard: Yard) -> None:
    yard.ask("/train iris", "Which task?")
    yard.ask("/cancel", "nothing was started")
    step = yard.ask("/train iris task=l epochs=1 gpus=0 name=a", "Start it?")
    yard.tap(step, "✖️ Close", "nothing was started")
    yard.ask("12", "/help lists them")
    asked = yard.gateway.of("POST", "/training/start")
    assert [request.query.get("dryRun") for request in asked] == [["true"]]


def test_from_a_dataset_to_its_form(yard: Yard) -> None:
    shown = yard.tap(yard.ask("/datasets", "1 dataset"), "iris", "150 samples")
    assert "iris" in yard.tap(shown, "🚀 Train with it", "Which task?").text


ERRORS: dict[str, tuple[Answer, str]] = {
    "401": (problem(401, "the API key is not valid"), "does not accept my API key"),
    "403": (problem(403, "not with this key"), "may not do this"),
    "404": (problem(404, "no session <iris>"), "It does not exist"),
    "409": (problem(409, "it is over"), "it is over"),
    "422": (
        problem(422, "x", errors=[{"field": "training.epochs", "message": "too many"}]),
        "• <code>training.epochs</code>: too many",
    ),
    "429": (problem(429, headers={"Retry-After": "60"}), "too many requests from me. Try again in 1m00s"),
    "500": (problem(500, "something went wrong; the log has request 7f"), "the log has request 7f"),
    "503": (problem(503, "no cluster", headers={"Retry-After": "90"}), "not ready right now. Try again in 1m30s"),
    "502 of a proxy": (Answer("<html>Bad gateway</html>", 502), "not ready right now"),
    "404 of a proxy": (Answer("<html>Not found</html>", 404), "not the gateway (not JSON)"),
    "time-out": (Answer(SYSTEM, wait=3), "did not answer in time"),
    "not JSON": (Answer("<html>hello</html>"), "not the gateway (not JSON)"),
    "JSON of something else": (Answer({"hello": "world"}), "not the gateway (not JSON)"),
    "418": (problem(418, "I am a teapot"), "refused this.\n<i>I am a teapot</i>"),
}  # fmt: skip


@pytest.mark.parametrize(("answer", "expected"), ERRORS.values(), ids=ERRORS)
def test_each_error_becomes_a_sentence(yard: Yard, answer: Answer, expected: str) -> None:
    yard.gateway.script("GET", "/system/info", answer)
    call = yard.ask("/system", expected)

    assert call.text.startswith("⚠️ ")
    assert "html" not in call.text


def test_a_stranger_gets_nothing_and_causes_nothing(yard: Yard) -> None:
    stranger = 666_000
    for text in ("/start", "/status", "/stop iris-1", "hello"):
        yard.api.say(text, chat=stranger)
    yard.api.tap("sp:u-1", 1, chat=stranger)
    yard.api.say("/status iris-1", chat=GROUP, user=2)
    yard.ask("/help", "/models")

    assert yard.gateway.calls() == []
    touched = {call.parameters.get("chat_id") for call in yard.api.sent()}
    assert not touched & {stranger, GROUP}
    assert yard.toasts("") == []


def test_a_listed_person_in_a_group_is_heard_where_the_bot_is_meant(yard: Yard) -> None:
    after = len(yard.api.sent(GROUP))
    yard.api.say("we should train more", chat=GROUP, user=1)
    yard.api.say("/status@another_bot", chat=GROUP, user=1)
    yard.api.say("/help@yard_bot", chat=GROUP, user=1)
    yard.api.wait_for("/models", GROUP, after)

    assert len(yard.api.sent(GROUP)) == after + 1


def test_an_edited_message_and_a_repeated_update_run_nothing_twice(yard: Yard) -> None:
    yard.api.say("/system", chat=yard.chat, edited=True)
    number = yard.api.say("/queue", chat=yard.chat)
    yard.api.wait_for("iris-2", yard.chat)
    message = {"message_id": 1, "date": 0, "chat": {"id": yard.chat, "type": "private"},
               "from": {"id": yard.chat, "is_bot": False, "first_name": "Ada"}, "text": "/queue"}  # fmt: skip
    yard.api.push({"message": message}, update_id=number)
    yard.ask("/help", "/models")

    assert yard.gateway.calls() == ["GET /training/queue"]


def test_a_very_long_command_is_refused_in_one_message(yard: Yard) -> None:
    yard.ask("/status " + "a" * 4000, "a command has at most 1024")
    assert yard.gateway.calls() == []


def test_429_of_telegram_is_waited_for(yard: Yard) -> None:
    yard.api.fail("sendMessage", status=429, description="Too Many Requests", retry_after=1)
    before = time.monotonic()
    call = yard.ask("/help", "/models")

    assert call.at - before >= 1.0


def test_an_error_of_the_bot_api_does_not_end_the_bot(yard: Yard) -> None:
    yard.api.fail("sendMessage", status=400, description="Bad Request: something")
    yard.api.say("/help", chat=yard.chat)
    assert yard.ask("/help", "/models").text
