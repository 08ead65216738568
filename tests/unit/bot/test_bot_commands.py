"""Truth table of command parsing: text in, command or complaint out."""

from __future__ import annotations

from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainyard_bot.updates import commands
from trainyard_bot.updates.commands import (
    Command,
    Mistake,
    is_artifact_name,
    parse,
    read_field,
    usage_line,
)

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

MISUNDERSTOOD: dict[str, Mistake] = {
    "/": Mistake("I do not know /. /help lists the commands."),
    "/frobnicate": Mistake("I do not know /frobnicate. /help lists the commands."),
    "/statsu": Mistake("I do not know /statsu. Did you mean /status?"),
    "/quue": Mistake("I do not know /quue. Did you mean /queue?"),
    "/tra": Mistake("I do not know /tra. Did you mean /train?"),
    "/sto me": Mistake("I do not know /sto. Did you mean /stop?"),
    "/stxx": Mistake("I do not know /stxx. /help lists the commands."),
    "/help me": Mistake("/help takes no arguments, but got 'me'.", "/help"),
    "/system a b": Mistake("/system takes no arguments, but got 'a'.", "/system"),
    "/status 'a": Mistake("A quotation mark is opened but never closed.", "/status [session]"),
    "/status a b": Mistake("/status takes one session, but got 2 words.", "/status [session]"),
    "/stop A": Mistake(f"'A' {NO_SESSION}", "/stop [session]"),
    f"/stop {LONGEST}a": Mistake(f"'{LONGEST}a' {NO_SESSION}", "/stop [session]"),
    "/cancel -a": Mistake(f"'-a' {NO_SESSION}", "/cancel [session]"),
    "/cancel a-": Mistake(f"'a-' {NO_SESSION}", "/cancel [session]"),
    "/models a b": Mistake("/models takes one name, but got 2 words.", "/models [name]"),
    "/models a..b": Mistake(f"'a..b' {NO_NAME}", "/models [name]"),
    "/datasets ../etc/passwd": Mistake(f"'../etc/passwd' {NO_NAME}", "/datasets [name]"),
    "/sessions sleeping": Mistake(
        f"'sleeping' is no phase. Accepted: all, {PHASES}.", "/sessions [all|phase]"
    ),
    "/sessions all running": Mistake(
        f"'all running' is no phase. Accepted: all, {PHASES}.", "/sessions [all|phase]"
    ),
    "/logs a many": Mistake("'many' is no number of lines.", LOGS),
    "/logs 0": Mistake("lines must be from 1 to 1000, not 0.", LOGS),
    "/logs a 1001": Mistake("lines must be from 1 to 1000, not 1001.", LOGS),
    "/logs -1": Mistake("lines must be from 1 to 1000, not -1.", LOGS),
    "/logs a b c": Mistake("/logs takes a session and a number of lines.", LOGS),
    "/logs a b 5": Mistake("/logs takes a session and a number of lines.", LOGS),
    "/logs A_B": Mistake(f"'A_B' {NO_SESSION}", LOGS),
    "/metrics A": Mistake(f"'A' {NO_SESSION}", "/metrics [session] [metric …]"),
    "/train iris fast": Mistake("'fast' is not of the form field=value.", TRAIN),
    "/train epochs=5 iris": Mistake("'iris' is not of the form field=value.", TRAIN),
    "/train iris epoch=5": Mistake("'epoch' is no field of /train. Did you mean epochs?", TRAIN),
    "/train iris taxk=5": Mistake("'taxk' is no field of /train. Did you mean task?", TRAIN),
    "/train iris zzzz=5": Mistake(f"'zzzz' is no field of /train. Accepted: {FIELDS}.", TRAIN),
    "/train iris epochs=5 epochs=6": Mistake("epochs is given twice.", TRAIN),
    "/train iris epochs=0": Mistake("epochs must be a whole number from 1 to 100000, not '0'."),
    "/train a/b": Mistake(
        "dataset must be letters, digits, '-', '_' and '.', at most 128, not 'a/b'."
    ),
}


@pytest.mark.parametrize(("text", "expected"), UNDERSTOOD.items(), ids=UNDERSTOOD)
def test_understood(text: str, expected: Command) -> None:
    assert parse(text, BOT) == expected


@pytest.mark.parametrize(("text", "expected"), MISUNDERSTOOD.items(), ids=MISUNDERSTOOD)
def test_misunderstood(text: str, expected: Mistake) -> None:
    assert parse(text, BOT) == expected


@pytest.mark.parametrize(
    "text", ["", "hello", " /help", "/status@other_bot", "/status@other_bot x y", "/nope@", "/x@b"]
)
def test_not_for_this_bot(text: str) -> None:
    assert parse(text, BOT) is None


def test_length_of_a_command() -> None:
    assert parse("/status " + "a" * 1016, BOT) == Mistake(
        f"{'a' * 1016!r} {NO_SESSION}", "/status [session]"
    )
    assert parse("/status " + "a" * 1017, BOT) == Mistake(
        "That is 1025 characters; a command has at most 1024."
    )


ACCEPTED: list[tuple[str, str, Any]] = [
    ("epochs", "1", 1),
    ("epochs", " 100000 ", 100_000),
    ("batch", "1", 1),
    ("batch", "65536", 65_536),
    ("gpus", "0", 0),
    ("gpus", "+64", 64),
    ("priority", "-1000", -1000),
    ("priority", "1000", 1000),
    ("lr", "10", 10.0),
    ("lr", "1e-3", 0.001),
    ("lr", ".5", 0.5),
    ("lr", "+1.", 1.0),
    ("task", "IMAGE", "image-classification"),
    ("task", "l", "language-modeling"),
    ("task", "tabular-c", "tabular-classification"),
    ("name", "a", "a"),
    ("queue", "q" * 63, "q" * 63),
    ("dataset", "D" * 128, "D" * 128),
    ("target", "t" * 128, "t" * 128),
    ("target", "petal, width (cm)", "petal, width (cm)"),
]

REFUSED: list[tuple[str, str, str]] = [
    ("epochs", "0", "epochs must be a whole number from 1 to 100000, not '0'."),
    ("epochs", "100001", "epochs must be a whole number from 1 to 100000, not '100001'."),
    ("epochs", "1.5", "epochs must be a whole number from 1 to 100000, not '1.5'."),
    ("epochs", "٣", "epochs must be a whole number from 1 to 100000, not '٣'."),
    ("epochs", "9" * 5000, f"epochs must be a whole number from 1 to 100000, not '{'9' * 5000}'."),
    ("batch", "65537", "batch must be a whole number from 1 to 65536, not '65537'."),
    ("gpus", "-1", "gpus must be a whole number from 0 to 64, not '-1'."),
    ("gpus", "65", "gpus must be a whole number from 0 to 64, not '65'."),
    ("priority", "1001", "priority must be a whole number from -1000 to 1000, not '1001'."),
    ("priority", "-1001", "priority must be a whole number from -1000 to 1000, not '-1001'."),
    ("lr", "0", "lr must be a number above 0 and at most 10, such as 0.001, not '0'."),
    ("lr", "10.1", "lr must be a number above 0 and at most 10, such as 0.001, not '10.1'."),
    ("lr", "-1", "lr must be a number above 0 and at most 10, such as 0.001, not '-1'."),
    ("lr", "nan", "lr must be a number above 0 and at most 10, such as 0.001, not 'nan'."),
    ("lr", "1e999", "lr must be a number above 0 and at most 10, such as 0.001, not '1e999'."),
    ("task", "tabular", f"task must be one of {TASKS}, not 'tabular'."),
    ("task", "", f"task must be one of {TASKS}, not ''."),
    ("task", "poetry", f"task must be one of {TASKS}, not 'poetry'."),
    (
        "name",
        "A",
        "name must be lower-case letters, digits and '-', at most 48 characters, "
        "a letter or digit at both ends, not 'A'.",
    ),
    ("queue", "q" * 64, f"queue must be lower-case letters, digits and '-', at most 63, not '{'q' * 64}'."),
    ("queue", "", "queue must be lower-case letters, digits and '-', at most 63, not ''."),
    ("dataset", "D" * 129, f"dataset must be letters, digits, '-', '_' and '.', at most 128, not '{'D' * 129}'."),
    ("target", "", "target must be a column name of 1 to 128 characters, not 0."),
    ("target", "t" * 129, "target must be a column name of 1 to 128 characters, not 129."),
]  # fmt: skip


@pytest.mark.parametrize(("key", "text", "expected"), ACCEPTED)
def test_accepted_values(key: str, text: str, expected: Any) -> None:
    value = read_field(key, text)

    assert value == expected
    assert type(value) is type(expected)


@pytest.mark.parametrize(("key", "text", "sentence"), REFUSED)
def test_refused_values(key: str, text: str, sentence: str) -> None:
    assert read_field(key, text) == Mistake(sentence)


@pytest.mark.parametrize(
    ("name", "fine"),
    [("a", True), ("A.b_c-1", True), ("", False), ("a..b", False), ("a.", False), (".a", False),
     ("a/b", False), ("é", False), ("a" * 128, True), ("a" * 129, False)],
)  # fmt: skip
def test_artifact_names(name: str, fine: bool) -> None:
    assert is_artifact_name(name) is fine


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
        parse(candidate, BOT)


@given(st.sampled_from(commands.FIELDS), st.text(max_size=60))
def test_an_accepted_value_is_accepted_again(key: str, text: str) -> None:
    value = read_field(key, text)
    if not isinstance(value, Mistake):
        assert read_field(key, str(value)) == value
