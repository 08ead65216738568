"""What people type, as values. Pure: text in, a frozen command or a sentence about the mistake out.

Guarantees:

- `parse` never raises: every text gives a `Command`, a `Mistake`, or None (not a command, or one for another bot).
- A `Mistake` names what was given, what is accepted, and the usage line.
- `read_field` accepts exactly the values that the gateway accepts for a field of the submit form.
"""

from __future__ import annotations

import difflib
import re
import shlex
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

LOG_LINES_DEFAULT: Final = 30
LOG_LINES_MAX: Final = 1000
COMMAND_LENGTH_MAX: Final = 1024
"""Longer commands are refused: nothing that a person types is longer."""


@dataclass(frozen=True, slots=True)
class Usage:
    """How a command is written and what it does; `/help` and every `Mistake` show this."""

    arguments: str
    does: str


USAGES: Final = MappingProxyType(
    {
        "start": Usage("", "say hello and show what I can do"),
        "help": Usage("", "list the commands"),
        "train": Usage(
            "[dataset] [field=value …]", "start a training, step by step or in one line"
        ),
        "status": Usage("[session]", "one run, kept up to date while it runs"),
        "sessions": Usage(
            "[all|phase]", "runs that are not over; all of them; or those in a phase"
        ),
        "queue": Usage("", "who waits, in which order, and until when"),
        "metrics": Usage("[session] [metric …]", "latest values and the curve as a picture"),
        "logs": Usage("[session] [lines]", "the last log lines"),
        "stop": Usage("[session]", "stop a run; asks again first"),
        "cancel": Usage("[session]", "take a waiting run out of the queue, or leave the form"),
        "models": Usage("[name]", "trained models; one of them with its versions and file"),
        "datasets": Usage("[name]", "datasets; one of them with its columns"),
        "system": Usage("", "nodes, GPUs and how busy they are"),
    }
)
"""Every command, in the order of `/help`."""

PHASES: Final = (
    "Pending",
    "Queued",
    "Starting",
    "Running",
    "Suspending",
    "Suspended",
    "Stopping",
    "Succeeded",
    "Failed",
    "Stopped",
    "Cancelled",
)

TASKS: Final = (
    "tabular-classification",
    "tabular-regression",
    "image-classification",
    "language-modeling",
)

FIELDS: Final = (
    "dataset",
    "task",
    "epochs",
    "batch",
    "lr",
    "gpus",
    "priority",
    "queue",
    "target",
    "name",
)
"""Fields of the submit form, as they are written in `/train … field=value`."""

_LIMITS: Final = MappingProxyType(
    {
        "epochs": (1, 100_000),
        "batch": (1, 65_536),
        "gpus": (0, 64),
        "priority": (-1000, 1000),
    }
)
_LEARNING_RATE_MAX: Final = 10.0
_SESSION_NAME = re.compile(r"[a-z0-9](?:[-a-z0-9]{0,46}[a-z0-9])?")
_QUEUE_NAME = re.compile(r"[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?")
_ARTIFACT_NAME = re.compile(r"[A-Za-z0-9](?:[-._A-Za-z0-9]{0,126}[A-Za-z0-9])?")
_INTEGER = re.compile(r"[+-]?[0-9]{1,9}")
_NUMBER = re.compile(r"[+]?(?:[0-9]{1,12}(?:\.[0-9]{0,24})?|\.[0-9]{1,24})(?:[eE][+-]?[0-9]{1,3})?")


@dataclass(frozen=True, slots=True)
class Mistake:
    """Why a command was not understood, as a sentence, with the usage line where one helps."""

    sentence: str
    usage: str | None = None


@dataclass(frozen=True, slots=True)
class Command:
    """One understood command.

    `target` is a session, model or dataset; `lines` belongs to /logs, `metrics` to /metrics, `phase` to /sessions
    ("" for those not over, "all", or a phase), `fields` to /train.
    """

    name: str
    target: str | None = None
    lines: int = LOG_LINES_DEFAULT
    metrics: tuple[str, ...] = ()
    phase: str = ""
    fields: MappingProxyType[str, str | int | float] = field(
        default_factory=lambda: MappingProxyType({})
    )


def usage_line(name: str) -> str:
    """`/logs [session] [lines]`."""
    return f"/{name} {USAGES[name].arguments}".rstrip()


def parse(text: str, bot_name: str) -> Command | Mistake | None:
    """The command in `text`; None where it is none, or is addressed to another bot (`/status@other_bot`)."""
    if not text.startswith("/"):
        return None
    if len(text) > COMMAND_LENGTH_MAX:
        return Mistake(
            f"That is {len(text)} characters; a command has at most {COMMAND_LENGTH_MAX}."
        )
    head, _, rest = text[1:].replace("\n", " ").partition(" ")
    name, at, addressee = head.partition("@")
    if at and addressee.lower() != bot_name.lower():
        return None
    name = name.lower()
    if name not in USAGES:
        return _unknown(name)
    try:
        words = shlex.split(rest)
    except ValueError:
        return Mistake("A quotation mark is opened but never closed.", usage_line(name))
    return _READERS[name](name, words)


def _unknown(name: str) -> Mistake:
    nearest = difflib.get_close_matches(name, USAGES, n=1, cutoff=0.6)
    hint = f"Did you mean /{nearest[0]}?" if nearest else "/help lists the commands."
    return Mistake(f"I do not know /{name}. {hint}")


def _nothing(name: str, words: list[str]) -> Command | Mistake:
    if words:
        return Mistake(f"/{name} takes no arguments, but got {words[0]!r}.", usage_line(name))
    return Command(name)


def _session(name: str, words: list[str]) -> Command | Mistake:
    if len(words) > 1:
        return Mistake(f"/{name} takes one session, but got {len(words)} words.", usage_line(name))
    if words and not is_session_name(words[0]):
        return _bad_session(name, words[0])
    return Command(name, target=words[0] if words else None)


def _bad_session(name: str, given: str) -> Mistake:
    return Mistake(
        f"{given!r} is no session name: lower-case letters, digits and '-', at most 48 characters.",
        usage_line(name),
    )


def _artifact(name: str, words: list[str]) -> Command | Mistake:
    if len(words) > 1:
        return Mistake(f"/{name} takes one name, but got {len(words)} words.", usage_line(name))
    if words and not is_artifact_name(words[0]):
        return Mistake(
            f"{words[0]!r} is no name: letters, digits, '-', '_' and '.', at most 128 characters.",
            usage_line(name),
        )
    return Command(name, target=words[0] if words else None)


def _sessions(name: str, words: list[str]) -> Command | Mistake:
    if not words:
        return Command(name)
    phases = {phase.lower(): phase for phase in (*PHASES, "all")}
    wanted = phases.get(words[0].lower())
    if wanted is None or len(words) > 1:
        given = " ".join(words)
        return Mistake(
            f"{given!r} is no phase. Accepted: all, {', '.join(PHASES)}.", usage_line(name)
        )
    return Command(name, phase=wanted)


def _logs(name: str, words: list[str]) -> Command | Mistake:
    target: str | None = None
    lines = LOG_LINES_DEFAULT
    if words and not _INTEGER.fullmatch(words[-1]) and len(words) == 2:
        return Mistake(f"{words[-1]!r} is no number of lines.", usage_line(name))
    if words and _INTEGER.fullmatch(words[-1]):
        lines = int(words.pop())
        if not 1 <= lines <= LOG_LINES_MAX:
            return Mistake(
                f"lines must be from 1 to {LOG_LINES_MAX}, not {lines}.", usage_line(name)
            )
    if len(words) > 1:
        return Mistake(f"/{name} takes a session and a number of lines.", usage_line(name))
    if words:
        target = words[0]
        if not is_session_name(target):
            return _bad_session(name, target)
    return Command(name, target=target, lines=lines)


def _metrics(name: str, words: list[str]) -> Command | Mistake:
    if words and not is_session_name(words[0]):
        return _bad_session(name, words[0])
    return Command(name, target=words[0] if words else None, metrics=tuple(words[1:]))


def _train(name: str, words: list[str]) -> Command | Mistake:
    fields: dict[str, str | int | float] = {}
    for index, word in enumerate(words):
        key, equals, value = word.partition("=")
        if not equals and index == 0:
            key, value = "dataset", word
        elif not equals:
            return Mistake(f"{word!r} is not of the form field=value.", usage_line(name))
        if key not in FIELDS:
            return _unknown_field(key)
        if key in fields:
            return Mistake(f"{key} is given twice.", usage_line(name))
        read = read_field(key, value)
        if isinstance(read, Mistake):
            return read
        fields[key] = read
    return Command(name, fields=MappingProxyType(fields))


def _unknown_field(key: str) -> Mistake:
    nearest = difflib.get_close_matches(key, FIELDS, n=1, cutoff=0.5)
    hint = f"Did you mean {nearest[0]}?" if nearest else f"Accepted: {', '.join(FIELDS)}."
    return Mistake(f"{key!r} is no field of /train. {hint}", usage_line("train"))


def read_field(key: str, text: str) -> str | int | float | Mistake:
    """The value of one field of the submit form, as the gateway takes it."""
    text = text.strip()
    if key in _LIMITS:
        return _read_integer(key, text)
    if key == "lr":
        return _read_learning_rate(text)
    if key == "task":
        return _read_task(text)
    return _read_name(key, text)


def _read_integer(key: str, text: str) -> int | Mistake:
    low, high = _LIMITS[key]
    if _INTEGER.fullmatch(text) and low <= int(text) <= high:
        return int(text)
    return Mistake(f"{key} must be a whole number from {low} to {high}, not {text!r}.")


def _read_learning_rate(text: str) -> float | Mistake:
    if _NUMBER.fullmatch(text) and 0 < float(text) <= _LEARNING_RATE_MAX:
        return float(text)
    return Mistake(f"lr must be a number above 0 and at most 10, such as 0.001, not {text!r}.")


def _read_task(text: str) -> str | Mistake:
    matching = [task for task in TASKS if task.startswith(text.lower())] if text else []
    if len(matching) == 1:
        return matching[0]
    return Mistake(f"task must be one of {', '.join(TASKS)}, not {text!r}.")


def _read_name(key: str, text: str) -> str | Mistake:
    if key == "name" and not is_session_name(text):
        return Mistake(
            "name must be lower-case letters, digits and '-', at most 48 characters, "
            f"a letter or digit at both ends, not {text!r}."
        )
    if key == "queue" and not _QUEUE_NAME.fullmatch(text):
        return Mistake(
            f"queue must be lower-case letters, digits and '-', at most 63, not {text!r}."
        )
    if key == "dataset" and not is_artifact_name(text):
        return Mistake(
            f"dataset must be letters, digits, '-', '_' and '.', at most 128, not {text!r}."
        )
    if key == "target" and not 1 <= len(text) <= 128:
        return Mistake(f"target must be a column name of 1 to 128 characters, not {len(text)}.")
    return text


def is_session_name(text: str) -> bool:
    """Whether a session may be called `text`."""
    return _SESSION_NAME.fullmatch(text) is not None


def is_artifact_name(text: str) -> bool:
    """Whether a dataset or a model may be called `text`."""
    return _ARTIFACT_NAME.fullmatch(text) is not None and ".." not in text


_READERS: Final = MappingProxyType(
    {
        "start": _nothing,
        "help": _nothing,
        "train": _train,
        "status": _session,
        "sessions": _sessions,
        "queue": _nothing,
        "metrics": _metrics,
        "logs": _logs,
        "stop": _session,
        "cancel": _session,
        "models": _artifact,
        "datasets": _artifact,
        "system": _nothing,
    }
)
