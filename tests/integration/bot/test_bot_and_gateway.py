"""The real bot and a real gateway: every command and button makes its calls and shows the result.

If a call fails, in any way, a person reads what could not be done, why, and what to do. A proxy
between the two records calls and can answer with faults.
"""

from __future__ import annotations

import re
import string
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import pytest
from bot_api import TOKEN, BotApi, Call
from bot_interactions import INTERACTIONS, PHASES, waves
from bot_process import BotProcess
from client_lab import IRIS, make_queue, report, safetensors, set_phase, submit
from gateway_lab import GatewayFactory, GatewayLab
from poll import eventually
from recording_proxy import RecordingProxy
from scripted_gateway import Answer, problem
from tcp_door import TcpDoor

pytestmark = pytest.mark.integration

CHATS = {name: number for number, name in enumerate(INTERACTIONS, 1)}
"""Every interaction has a chat of its own, so that many can be done at the same time."""
OTHER = 500


@dataclass(frozen=True)
class Fault:
    """What the call gets, and what a person reads of it; `of_write` where it may have been done all
    the same."""

    answer: Answer | None
    says: str
    of_write: str = ""


FAULTS: dict[str, Fault] = {
    "401": Fault(
        problem(401, "the API key is not valid"),
        "The gateway does not accept my API key. Ask an administrator for a valid key.",
    ),
    "403": Fault(
        problem(403, "the API key may not do this"),
        "My API key may not do this. Ask an administrator for a key with that right.",
    ),
    "404": Fault(
        problem(404, "it is not there"),
        "It does not exist. /sessions, /models and /datasets show what there is.\n<i>it is not there</i>",
    ),
    "409": Fault(
        problem(409, "it is Suspended"),
        "This cannot be done in its present state.\n<i>it is Suspended</i>",
    ),
    "422": Fault(
        problem(422, "x", errors=[{"field": "priority", "message": "at most a thousand"}]),
        "The gateway does not accept this.\n• <code>priority</code>: at most a thousand",
    ),
    "429": Fault(
        problem(429, "slow down", headers={"Retry-After": "60"}),
        "The gateway gets too many requests from me. Try again in 1m00s.",
    ),
    "500": Fault(
        problem(500, "the log has request 7f"),
        "The gateway failed. Try again, and tell an administrator if it happens again.\n"
        "<i>the log has request 7f</i>",
    ),
    "503": Fault(
        problem(503, "no cluster", headers={"Retry-After": "90"}),
        "The gateway is not ready right now. Try again in 1m30s.",
    ),
    "time-out": Fault(
        Answer({}, wait=60),
        "The gateway did not answer in time. Try again in a minute.",
        "The gateway did not answer. It may still have done it: look before you repeat.",
    ),
    "not JSON": Fault(
        Answer("<html>Welcome to the hotel!</html>", headers={"Content-Type": "text/html"}),
        "Something answered that is not the gateway (not JSON). Is there a proxy in between?",
    ),
    "not JSON, and a 404": Fault(
        Answer("<html>404</html>", 404, headers={"Content-Type": "text/html"}),
        "Something answered that is not the gateway (not JSON). Is there a proxy in between?",
    ),
    "no connection": Fault(
        None, "I cannot reach the gateway. It may be restarting; try again in a minute."
    ),
}  # fmt: skip


@dataclass
class Yard:
    """Telegram, the bot, the way to the gateway, and the gateway."""

    api: BotApi
    bot: BotProcess
    door: TcpDoor
    proxy: RecordingProxy
    lab: GatewayLab
    uids: dict[str, str]
    prepared: dict[str, Call] = field(default_factory=dict)
    read: dict[tuple[str, str], str] = field(default_factory=dict)
    """(fault, interaction) → what the person read."""

    def fill(self, value: Any, suite: str) -> Any:
        """`{s}` and the names of sessions replaced, in texts and in bodies."""
        if isinstance(value, dict):
            return {key: self.fill(one, suite) for key, one in value.items()}
        if not isinstance(value, str):
            return value
        names = [name for _, name, _, _ in string.Formatter().parse(value) if name]
        known = {n: self.uids.get(n) or self.uids.get(f"{n}-{suite}", "") for n in names}
        return value.format(**{**known, "s": suite})

    def step(self, text: str, before: Call | None, chat: int) -> int:
        """Tap the button with that caption, or write it; the position from which the answer is
        looked for."""
        after = len(self.api.sent(chat))
        if before is not None and text in before.buttons:
            self.api.tap(before.buttons[text], before.number, chat)
        else:
            self.api.say(text, chat)
        return after

    def ask(self, text: str, expect: str) -> Call:
        """Write `text` in a chat that is not an interaction's; the answer with `expect`."""
        after = self.step(text, None, OTHER)
        return self.api.wait_for(expect, OTHER, after)

    def prepare(self, names: list[str], suite: str, chats: dict[str, int]) -> None:
        """All steps but the last, for all these interactions at the same time."""
        ready: dict[str, Call] = {}
        for depth in range(2):
            due = [n for n in names if depth < len(INTERACTIONS[n].steps) - 1]
            at = {n: self.step(self.fill(INTERACTIONS[n].steps[depth], suite), ready.get(n), chats[n]) for n in due}  # fmt: skip
            ready |= {n: self.api.wait_for("", chats[n], after) for n, after in at.items()}
        self.prepared |= ready

    def do(self, name: str, suite: str, chat: int) -> int:
        """The last step."""
        return self.step(
            self.fill(INTERACTIONS[name].steps[-1], suite), self.prepared.get(name), chat
        )

    def make_fail(self, kind: str) -> None:
        """Every interaction while the call that matters gets the fault; many at the same time."""
        answer = FAULTS[kind].answer
        for wave in waves(INTERACTIONS) if answer is not None else [list(INTERACTIONS)]:
            self.prepare(
                [n for n in wave if n not in self.prepared or INTERACTIONS[n].once], "a", CHATS
            )
            if answer is None:
                self.door.shut()
            for call in {INTERACTIONS[n].main_call for n in wave} if answer is not None else ():
                self.proxy.fail(re.escape(self.fill(call, "a")), answer)
            at = {name: self.do(name, "a", CHATS[name]) for name in wave}
            for name, after in at.items():
                self.read[kind, name] = self.api.wait_for("", CHATS[name], after).text
            self.proxy.heal()
            if answer is None:
                self.door.open()
        self.ask("/queue", "waiting</b>")


@pytest.fixture(scope="module")
def lab(gateway_factory: GatewayFactory) -> GatewayLab:
    """A gateway with the default queue."""
    lab = gateway_factory()
    make_queue(lab)
    return lab


@pytest.fixture(scope="module")
def uids(lab: GatewayLab, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What the interactions are about: sessions, a dataset and models; UIDs of the sessions by name."""
    folder = tmp_path_factory.mktemp("files")
    (folder / "iris.csv").write_text(IRIS)
    model = safetensors(folder / "m.safetensors")
    with lab.client() as gateway:
        gateway.upload_dataset("iris", folder / "iris.csv")
        for name in ("plain", "filed", "gone-a", "gone-b"):
            gateway.upload_model(name, model)

    def make(name: str) -> tuple[str, str]:
        made = submit(lab, name)
        phase = PHASES.get(name.partition("-")[0], "Running")
        set_phase(lab, name, phase, **({"queue": {"position": 1}} if phase == "Queued" else {}))
        if name == "look":
            report(lab, made)
        return name, made.uid

    with ThreadPoolExecutor(4) as pool:
        return dict(pool.map(make, ["look", *(f"{n}-{s}" for n in PHASES for s in "ab")]))


@pytest.fixture(scope="module")
def yard(
    lab: GatewayLab, uids: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Yard]:
    folder = tmp_path_factory.mktemp("bot")
    chats = [{"id": n, "notify": "none"} for n in (*CHATS.values(), *range(OTHER, OTHER + 100))]
    with (
        RecordingProxy(lab.port) as proxy,
        TcpDoor("127.0.0.1", proxy.port) as door,
        BotApi() as api,
        BotProcess(
            folder, api, f"http://127.0.0.1:{door.port}", lab.key,
            pollSeconds=1800, gatewayTimeoutSeconds=3, chats=chats,
        ) as bot,
    ):  # fmt: skip
        eventually(lambda: len(proxy.calls()) >= 2, what="the bot's first look")
        yield Yard(api, bot, door, proxy, lab, uids)
        assert bot.stop() == 0
        said = f"{[call.parameters for call in api.calls]}{bot.log.read_text()}"
        assert lab.key not in said
        assert TOKEN not in said


def reads_well(text: str) -> None:
    """No JSON, markup, traceback or bare number of a status."""
    for rubbish in ("{", "Traceback", "Error", "&lt;", "html", "None"):
        assert rubbish not in text
    assert not re.search(r"\b(4|5)\d\d\b", text)


@pytest.mark.parametrize("name", INTERACTIONS)
@pytest.mark.parametrize("kind", FAULTS)
def test_every_failure_of_every_interaction_is_understood(yard: Yard, kind: str, name: str) -> None:
    if (kind, name) not in yard.read:
        yard.make_fail(kind)
    interaction, fault, text = INTERACTIONS[name], FAULTS[kind], yard.read[kind, name]

    says = (interaction.writes and fault.of_write) or fault.says
    if interaction.failed:
        assert text.startswith(f"⚠️ I could not {interaction.failed}. {says}")
    else:
        assert "Start it?" in text
        assert f"⚠️ {says}" in text
    reads_well(text)


EARLIER = [
    (name, at)
    for name, interaction in INTERACTIONS.items()
    for at in range(len(interaction.calls[: interaction.at]))
]


@pytest.mark.parametrize(("name", "at"), EARLIER)
def test_a_call_on_the_way_that_fails_ends_the_interaction(yard: Yard, name: str, at: int) -> None:
    interaction, chat = INTERACTIONS[name], OTHER + at
    yard.prepare([name], "a", {name: chat})
    yard.proxy.fail(re.escape(yard.fill(interaction.calls[at], "a")), FAULTS["500"].answer)  # type: ignore[arg-type]
    since, after = len(yard.proxy.requests), yard.do(name, "a", chat)
    text = yard.api.wait_for("", chat, after).text
    yard.proxy.heal()

    assert text.startswith(f"⚠️ I could not {interaction.failed}. {FAULTS['500'].says}")
    assert yard.proxy.calls(since) == [yard.fill(c, "a") for c in interaction.calls[: at + 1]]


@pytest.mark.parametrize("name", INTERACTIONS)
def test_every_interaction_makes_its_calls_and_says_what_came_of_it(yard: Yard, name: str) -> None:
    interaction, chat = INTERACTIONS[name], OTHER + CHATS[name]
    yard.prepare([name], "b", {name: chat})
    since, toasts = len(yard.proxy.requests), len(yard.api.of("answerCallbackQuery"))
    after = yard.do(name, "b", chat)
    expected = yard.fill(interaction.good, "b")
    heard = eventually(
        lambda: said(yard, chat, after, toasts, expected), within=60, every=0.02, what=expected
    )

    reads_well(heard)
    calls = yard.proxy.calls(since)
    made = [yard.fill(call, "b") for call in interaction.calls]
    assert calls[: len(made)] == made
    assert set(calls[len(made) :]) <= set(made)
    assert yard.proxy.requests[since + interaction.at % len(made)].body == yard.fill(
        interaction.sent, "b"
    )


def said(yard: Yard, chat: int, after: int, toasts: int, expected: str) -> str:
    """The message or the toast with the expected words, "" while there is none."""
    texts = [call.text for call in yard.api.sent(chat)[after:]]
    texts += [call.text for call in yard.api.of("answerCallbackQuery")[toasts:]]
    return next((text for text in texts if expected in text), "")


def test_what_was_done_is_said_where_its_outcome_cannot_be_shown(yard: Yard) -> None:
    shown = yard.ask("/status resumes-a", "<b>resumes-a</b>")
    yard.proxy.fail("GET /training/.*/status", FAULTS["500"].answer, spared=1)  # type: ignore[arg-type]
    after = yard.step("▶️ Resume", shown, OTHER)
    told = yard.api.wait_for("", OTHER, after)
    yard.proxy.heal()

    assert told.text.startswith(
        f"▶️ <b>resumes-a</b> is back in the queue.\n⚠️ I could not show the session. {FAULTS['500'].says}"
    )
    assert "POST" in yard.proxy.calls()[-2]


def test_what_the_gateway_itself_refuses(yard: Yard) -> None:
    yard.ask("/status nobody", "I could not show the session. It does not exist.")
    yard.ask("/models nothing", "I could not show the models. It does not exist.")
    yard.ask(
        "/train absent task=tabular-c epochs=1 gpus=0 name=a", "It does not exist."
    )  # fmt: skip
    yard.ask("/train iris task=tabular-c epochs=1 gpus=0 name=look", "Start it?")
    question = yard.ask("/cancel waits-a", "It has not run yet.")
    set_phase(yard.lab, "waits-a", "Running")
    after = yard.step("🚫 Yes, cancel", question, OTHER)
    refused = yard.api.wait_for("", OTHER, after).text

    assert refused.startswith(
        "⚠️ I could not cancel the session. This cannot be done in its present state.\n<i>"
    )
    reads_well(refused)
