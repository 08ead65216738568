"""Truth table of command parsing: text in, command or complaint out."""

from __future__ import annotations

from types import MappingProxyType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainyard_bot.updates import commands
from trainyard_bot.updates.commands import Command, parse, usage_line
from trainyard_bot.updates.fields import ParseError

BOT = "Yard_Bot"
LONGEST = "a" * 48

UNDERSTOOD: dict[str, Command] = {
    "/start": Command("start"),
    "/help": Command("help"),
    "/HELP": Command("help"),
    "/queue": Command("queue"),
    "/system": Command("system"),
    "/status": Command("status"),
    "/status@yard_bot": Command("status"),
    "/status@Yard_Bot iris-1": Command("status", target="iris-1"),
    "/status   iris-1  ": Command("status", target="iris-1"),
    "/status\niris-1": Command("status", target="iris-1"),
    "/status 'iris-1'": Command("status", target="iris-1"),
    f"/status {LONGEST}": Command("status", target=LONGEST),
    "/stop iris-1": Command("stop", target="iris-1"),
    "/stop": Command("stop"),
    "/cancel x": Command("cancel", target="x"),
    "/sessions": Command("sessions"),
    "/sessions all": Command("sessions", phase="all"),
    "/sessions ALL": Command("sessions", phase="all"),
    "/sessions running": Command("sessions", phase="Running"),
    "/sessions Failed": Command("sessions", phase="Failed"),
    "/logs": Command("logs"),
    "/logs 50": Command("logs", lines=50),
    "/logs 1": Command("logs", lines=1),
    "/logs 1000": Command("logs", lines=1000),
    "/logs iris-1": Command("logs", target="iris-1"),
    "/logs iris-1 5": Command("logs", target="iris-1", lines=5),
    "/metrics": Command("metrics"),
    "/metrics iris-1": Command("metrics", target="iris-1"),
    "/metrics iris-1 val/loss lr": Command("metrics", target="iris-1", metrics=("val/loss", "lr")),
    "/models": Command("models"),
    "/models My.Model_1": Command("models", target="My.Model_1"),
    "/datasets iris.csv": Command("datasets", target="iris.csv"),
    "/train": Command("train"),
    "/train iris": Command("train", fields=MappingProxyType({"dataset": "iris"})),
    "/train dataset=iris epochs=5": Command(
        "train", fields=MappingProxyType({"dataset": "iris", "epochs": 5})
    ),
    "/train iris task=tabular-r target=y": Command(
        "train", fields={"dataset": "iris", "task": "tabular-regression", "target": "y"}
    ),
    "/train iris task=tabular-r lr=1e-3 batch=64 gpus=0 priority=-5 queue=fast name=a-b": Command(
        "train",
        fields=MappingProxyType(
            {
                "dataset": "iris",
                "task": "tabular-regression",
                "lr": 0.001,
                "batch": 64,
                "gpus": 0,
                "priority": -5,
                "queue": "fast",
                "name": "a-b",
            }
        ),
    ),
    "/train iris 'target=petal width'": Command(
        "train", fields=MappingProxyType({"dataset": "iris", "target": "petal width"})
    ),
}

PHASES = (
    "Pending, Queued, Starting, Running, Suspending, Suspended, Stopping, Succeeded, Failed,"
    " Stopped, Cancelled"
)
FIELDS = "dataset, task, epochs, batch, lr, gpus, priority, queue, target, name"
TASKS = "tabular-classification, tabular-regression, image-classification, language-modeling"
NO_SESSION = "is no session name: lower-case letters, digits and '-', at most 48 characters."
NO_NAME = "is no name: letters, digits, '-', '_' and '.', at most 128 characters."
LOGS = "/logs [session] [lines]"
TRAIN = "/train [dataset] [field=value …]"

MISUNDERSTOOD: dict[str, ParseError] = {
    "/": ParseError("I do not know /.", hint="/help lists the commands."),
    "/frobnicate": ParseError("I do not know /frobnicate.", hint="/help lists the commands."),
    "/statsu": ParseError("I do not know /statsu.", hint="Did you mean /status?"),
    "/quue": ParseError("I do not know /quue.", hint="Did you mean /queue?"),
    "/tra": ParseError("I do not know /tra.", hint="Did you mean /train?"),
    "/sto me": ParseError("I do not know /sto.", hint="Did you mean /stop?"),
    "/stxx": ParseError("I do not know /stxx.", hint="/help lists the commands."),
    "/help me": ParseError("/help takes no arguments, but got 'me'.", "/help"),
    "/system a b": ParseError("/system takes no arguments, but got 'a'.", "/system"),
    "/status 'a": ParseError("A quotation mark is opened but never closed.", "/status [session]"),
    "/status a b": ParseError("/status takes one session, but got 2 words.", "/status [session]"),
    "/stop A": ParseError(f"'A' {NO_SESSION}", "/stop [session]"),
    f"/stop {LONGEST}a": ParseError(f"'{LONGEST}a' {NO_SESSION}", "/stop [session]"),
    "/cancel -a": ParseError(f"'-a' {NO_SESSION}", "/cancel [session]"),
    "/cancel a-": ParseError(f"'a-' {NO_SESSION}", "/cancel [session]"),
    "/models a b": ParseError("/models takes one name, but got 2 words.", "/models [name]"),
    "/models a..b": ParseError(f"'a..b' {NO_NAME}", "/models [name]"),
    "/datasets ../etc/passwd": ParseError(f"'../etc/passwd' {NO_NAME}", "/datasets [name]"),
    "/sessions sleeping": ParseError(
        f"'sleeping' is no phase. Accepted: all, {PHASES}.", "/sessions [all|phase]"
    ),
    "/sessions all running": ParseError(
        f"'all running' is no phase. Accepted: all, {PHASES}.", "/sessions [all|phase]"
    ),
    "/logs a many": ParseError("'many' is no number of lines.", LOGS),
    "/logs 0": ParseError("lines must be from 1 to 1000, not 0.", LOGS),
    "/logs a 1001": ParseError("lines must be from 1 to 1000, not 1001.", LOGS),
    "/logs -1": ParseError("lines must be from 1 to 1000, not -1.", LOGS),
    "/logs a b c": ParseError("/logs takes a session and a number of lines.", LOGS),
    "/logs a b 5": ParseError("/logs takes a session and a number of lines.", LOGS),
    "/logs A_B": ParseError(f"'A_B' {NO_SESSION}", LOGS),
    "/metrics A": ParseError(f"'A' {NO_SESSION}", "/metrics [session] [metric …]"),
    "/train iris fast": ParseError("'fast' is not of the form field=value.", TRAIN),
    "/train epochs=5 iris": ParseError("'iris' is not of the form field=value.", TRAIN),
    "/train iris epoch=5": ParseError("'epoch' is no field of /train. Did you mean epochs?", TRAIN),
    "/train iris taxk=5": ParseError("'taxk' is no field of /train. Did you mean task?", TRAIN),
    "/train iris zzzz=5": ParseError(f"'zzzz' is no field of /train. Accepted: {FIELDS}.", TRAIN),
    "/train iris epochs=5 epochs=6": ParseError("epochs is given twice.", TRAIN),
    "/train iris epochs=0": ParseError("epochs must be a whole number from 1 to 100000, not '0'."),
    "/train a/b": ParseError(
        "dataset must be letters, digits, '-', '_' and '.', at most 128, not 'a/b'."
    ),
}


@pytest.mark.parametrize(("text", "expected"), UNDERSTOOD.items(), ids=UNDERSTOOD)
def test_understood(text: str, expected: Command) -> None:
    assert parse(text, BOT) == expected


@pytest.mark.parametrize(("text", "expected"), MISUNDERSTOOD.items(), ids=MISUNDERSTOOD)
def test_misunderstood(text: str, expected: ParseError) -> None:
    assert parse(text, BOT) == expected


@pytest.mark.parametrize(
    "text",
    ["", "hello", " /help", "/status@other_bot", "/status@other_bot x y", "/nope@", "/x@b"],
    ids=["empty", "talk", "space before", "another bot", "another bot, arguments", "nobody", "unknown, another bot"],
)  # fmt: skip
def test_not_for_this_bot(text: str) -> None:
    assert parse(text, BOT) is None


def test_length_of_a_command() -> None:
    assert parse("/status " + "a" * 1016, BOT) == ParseError(
        f"{'a' * 1016!r} {NO_SESSION}", "/status [session]"
    )
    assert parse("/status " + "a" * 1017, BOT) == ParseError(
        "That is 1025 characters; a command has at most 1024."
    )


def test_a_command_cannot_be_changed_and_starts_empty() -> None:
    empty = Command("train")
    assert (empty.target, empty.lines, empty.metrics, empty.phase) == (None, 30, (), "")
    assert dict(empty.fields) == {}
    with pytest.raises(AttributeError):
        Command("help").name = "start"  # type: ignore[misc]


def test_every_command_of_the_design_is_there_in_the_order_of_help() -> None:
    assert {name: usage_line(name) for name in commands.USAGES} == {
        "start": "/start",
        "help": "/help",
        "train": TRAIN,
        "status": "/status [session]",
        "sessions": "/sessions [all|phase]",
        "queue": "/queue",
        "metrics": "/metrics [session] [metric …]",
        "logs": LOGS,
        "stop": "/stop [session]",
        "cancel": "/cancel [session]",
        "models": "/models [name]",
        "datasets": "/datasets [name]",
        "system": "/system",
    }


@given(st.text(max_size=200))
def test_parse_never_raises(text: str) -> None:
    for candidate in (text, f"/{text}", f"/train {text}", f"/logs {text}"):
        found = parse(candidate, BOT)
        assert found is None or isinstance(found, Command | ParseError)
