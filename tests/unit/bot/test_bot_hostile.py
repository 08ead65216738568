"""No name, number or time that the gateway can give stops the bot or forges a line of a message."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from bot_objects import dataset, entry, model, session
from hypothesis import given, settings
from hypothesis import strategies as st

from trainyard.models import Session
from trainyard_api.phase import Phase
from trainyard_api.visible_text import visible
from trainyard_bot.gateway.errors import Problem, ProblemKind
from trainyard_bot.notifications.plan import Subscription, plan
from trainyard_bot.notifications.rules import Thresholds
from trainyard_bot.state import State
from trainyard_bot.text import answers, keyboards, notices, problems, registry, sessions
from trainyard_bot.text.formats import MESSAGE_LIMIT, LocalTime, length, plain
from trainyard_bot.text.notices import NoticeKind
from trainyard_bot.updates.callback_data import DATA_LIMIT, Action, Keyboard, encode
from trainyard_bot.updates.fields import ParseError

NOW = datetime(2026, 7, 1, 12, 0, tzinfo=UTC)
AT = LocalTime(NOW, ZoneInfo("Asia/Tokyo"))

HIDDEN = st.text("\n\r\t\x1b\x85 \u200b\u200d\u2028\u202e\u2066\ufeff\u3164.-(<>ab", max_size=4)
TEXT = st.one_of(
    st.text(max_size=40),
    st.sampled_from(["", "\n/evil", "a\r\n/evil b", "\u202e", "<b>", "&lt;", "$x^2$", "x" * 5000, "\u2028/evil", "/evil"]),
    st.builds("{}{}{}".format, HIDDEN, st.sampled_from(["/evil", "@evil", "x://evil.example", "(/evil)", "/evil@bot"]), HIDDEN),
)  # fmt: skip
NUMBER = st.one_of(
    st.integers(), st.sampled_from([-(10**400), -(2**63), -1, 0, 2**31, 2**63, 10**18, 10**400])
)
SHARE = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False), st.sampled_from([1e308, -1e308, 5e-324])
)
TIME = st.one_of(
    st.datetimes(),
    st.datetimes(timezones=st.sampled_from([UTC, ZoneInfo("Asia/Tokyo")])),
    st.sampled_from(
        [datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)]
    ),
)


def cut(text: st.SearchStrategy[str], most: int) -> st.SearchStrategy[str]:
    return text.map(lambda written: written[:most])


def some(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any] | None]:
    """An object with any of these fields, or none."""
    return st.none() | st.fixed_dictionaries({}, optional=fields)


FAILURE = st.fixed_dictionaries(
    {"failure_class": cut(TEXT, 64)},
    optional={
        "attempt": NUMBER,
        "exit_code": NUMBER,
        "reason": cut(TEXT, 128),
        "message": cut(TEXT, 2048),
        "hint": cut(TEXT, 1024),
        "last_log_lines": st.lists(cut(TEXT, 512), max_size=20),
    },
)
STATUS = st.fixed_dictionaries(
    {},
    optional={
        "message": cut(TEXT, 1024),
        "attempt": NUMBER,
        "start_time": TIME,
        "attempt_start_time": TIME,
        "completion_time": TIME,
        "queue": some(
            position=NUMBER,
            ahead=some(sessions=NUMBER, gpus=NUMBER),
            reason=cut(TEXT, 64),
            message=cut(TEXT, 1024),
            estimated_start=some(earliest=TIME, latest=TIME),
        ),
        "progress": some(
            percent=SHARE,
            epoch=NUMBER,
            epochs=NUMBER,
            step=NUMBER,
            total_steps=NUMBER,
            steps_per_second=SHARE,
            eta_seconds=NUMBER,
            last_checkpoint=some(step=NUMBER),
            last_step_time=TIME,
        ),
        "metrics": st.lists(
            st.fixed_dictionaries({"name": cut(TEXT, 128), "value": cut(TEXT, 32)}), max_size=32
        ),
        "failure": st.none() | FAILURE,
        "model": st.none()
        | st.fixed_dictionaries({"name": cut(TEXT, 128), "version": NUMBER, "sha256": st.just("")}),
    },
)


@st.composite
def hostile_sessions(draw: st.DrawFn) -> Session:
    """A session with any values that the client lets through."""
    phase = draw(st.one_of(st.sampled_from(Phase), TEXT))
    return session(str(phase), draw(TEXT), draw(TEXT), **draw(STATUS))


TAPPABLE = re.compile(r"(?<![\w/])/evil|(?<!\w)@evil|://evil")
"""What Telegram would make of a text from outside."""


def is_honest(text: str) -> bool:
    """Whether nothing from outside is hidden, begins a line or can be tapped."""
    outside = re.sub(r"<(code|pre)>.*?</\1>", "", text, flags=re.DOTALL)
    hidden = [line for line in text.split("\n") if visible(line) != line]
    return not hidden and not TAPPABLE.search(outside)


def is_sendable(text: str) -> bool:
    """Whether the Bot API would take it, and nothing in it deceives."""
    balanced = all(text.count(f"<{tag}>") == text.count(f"</{tag}>") for tag in ("b", "i", "code"))
    return 0 < length(plain(text)) <= MESSAGE_LIMIT and balanced and is_honest(text)


def is_carried(keyboard: Keyboard) -> bool:
    """Whether the Bot API would take every button."""
    buttons = [button for row in keyboard for button in row]
    return all(
        button.caption.strip() and len(encode(button.data).encode()) <= DATA_LIMIT
        for button in buttons
    )


@settings(max_examples=500)
@given(hostile_sessions())
def test_every_session_can_be_shown(hostile: Session) -> None:
    honest = session("Running", "honest", "3f9a1c22-0b1d-4e5f-8a9b-0c1d2e3f4a5b")

    assert is_sendable(sessions.session(hostile, AT))
    assert all(is_sendable(notices.notice(kind, hostile, AT)) for kind in NoticeKind)
    assert is_carried(keyboards.for_session(hostile))
    both = [hostile, honest]
    listed = sessions.sessions(both, 2, AT)
    assert is_sendable(listed)
    assert "<code>honest</code> Running" in listed
    choice = keyboards.choose_session(both, Action.STATUS)
    assert is_carried(choice)
    assert choice[-1][0].caption == "honest"
    assert is_sendable(sessions.log_caption(hostile, 7))


@settings(max_examples=300)
@given(hostile_sessions(), st.lists(TEXT, max_size=5), st.sampled_from(ProblemKind))
def test_what_others_wrote_is_shown_as_text(
    hostile: Session, texts: list[str], kind: ProblemKind
) -> None:
    problem = Problem(kind, "".join(texts), tuple(zip(texts, texts, strict=True)))
    shown = [problems.problem(problem), answers.form([("name", t) for t in texts], "What?")]
    shown += [problems.parse_error(ParseError("".join(texts)))]
    shown += [answers.already_ended(hostile), answers.not_cancellable(hostile)]
    shown += [answers.done("stop", hostile.name), answers.submitted(hostile.name)]
    shown += [
        answers.confirm_end(hostile, "stop"),
        answers.model_file(hostile.name, "".join(texts)),
    ]
    shown += [sessions.metrics(hostile, list(zip(texts, texts, strict=True)))]

    assert all(map(is_honest, shown))
    assert all(map(is_honest, sessions.logs(hostile, texts)))


def test_the_longest_texts_of_all_fit_into_one_message() -> None:
    long = "&" * 5000
    failure = {
        "failure_class": long[:64],
        "message": long[:2048],
        "hint": long[:1024],
        "last_log_lines": [long[:512]] * 20,
    }
    metrics = [{"name": long[:128], "value": "x" * 32}] * 32
    one = session("Failed", long, long, failure=failure, metrics=metrics, message=long[:1024])

    assert all(is_sendable(notices.notice(kind, one, AT)) for kind in NoticeKind)


@settings(max_examples=500)
@given(st.lists(hostile_sessions(), max_size=3), st.booleans())
def test_the_end_of_a_session_is_announced_beside_any_others(
    hostile: list[Session], primed: bool
) -> None:
    honest = session("Succeeded", "honest", "u-honest", completion_time=NOW)
    before = State(primed=primed, announced={"u-honest": ()})
    subscriptions = [Subscription(7, "all", AT)]
    after = plan(before, [*hostile, honest, *hostile], subscriptions, NOW, Thresholds())

    texts = [outgoing.text for outgoing in after.outbox if outgoing.uid == "u-honest"]
    assert any("honest</b> is done." in text for text in texts) is primed
    assert State.model_validate_json(after.model_dump_json(by_alias=True)) == after


@given(
    TEXT, NUMBER, NUMBER, st.lists(st.tuples(TEXT, TEXT), max_size=3), st.lists(NUMBER, max_size=40)
)
def test_every_model_and_dataset_can_be_shown(
    text: str, version: int, size: int, columns: list[tuple[str, str]], dimensions: list[int]
) -> None:
    card = {"session": text, "metrics": {text: size}}
    one = model(text, version=version, size_bytes=size, created=text, sha256=text, card=card)
    data = dataset(
        text, tuple(columns), size_bytes=size, samples=size, dimensions=dimensions, format=text
    )
    shown = [registry.models([one], AT), registry.model(one, 1, AT)]
    shown += [registry.datasets([data], AT), registry.dataset(data, AT)]

    assert all(is_sendable(message) for message in shown)
    for keyboard in (keyboards.choose_model([one]), keyboards.choose_dataset([data])):
        assert is_carried(keyboard)


@given(TEXT, NUMBER, st.one_of(st.none(), TEXT, NUMBER, st.just("9999-12-31T23:59:59Z")))
def test_every_entry_of_the_queue_can_be_shown(text: str, number: int, time: Any) -> None:
    start = {"earliest": time, "latest": time}
    one = entry(text, position=number, gpus=number, priority=number, estimated_start=start)

    assert is_sendable(sessions.queue([one], AT))


NAMES = {"line break": "loss\n/stop", "separator": "loss\u2028/stop", "direction": "\u202eloss"}


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_a_metric_cannot_forge_a_line_or_turn_the_text(name: str) -> None:
    metrics = [{"name": name, "value": "1\n/stop"}]
    for text in (
        sessions.session(session("Running", metrics=metrics), AT),
        sessions.metrics(session("Running"), [(name, "1\n/stop")]),
    ):
        assert len(text.splitlines()) == len(text.split("\n"))
        assert not any(line.startswith("/") for line in text.splitlines())
        assert "\u202e" not in text
