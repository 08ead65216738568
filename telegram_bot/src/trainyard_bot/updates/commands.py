"""Commands as people type them. Pure: text in, a `Command` or a `ParseError` out.

Guarantees:

- `parse` never raises: a text gives a `Command`, a `ParseError`, or None (no command for us).
- A `ParseError` names what was given and what is accepted.
"""

from __future__ import annotations

import difflib
import re
import shlex
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from trainyard_api import names
from trainyard_api.phase import Phase
from trainyard_bot.updates.fields import ARTIFACT_NAME_MAX, FIELDS, ParseError, Value, read_field

LOG_LINES_DEFAULT: Final = 30
LOG_LINES_MAX: Final = 1000
COMMAND_LENGTH_MAX: Final = 1024
"""Characters of the longest command that is read."""

ALL_PHASES: Final = "all"
_INTEGER = re.compile(r"[+-]?[0-9]{1,9}")


@dataclass(frozen=True, slots=True)
class Usage:
    """The arguments of a command and what it does, as `/help` shows them."""

    arguments: str
    does: str


USAGES: Final = MappingProxyType(
    {
        "start": Usage("", "say hello and show what I can do"),
        "help": Usage("", "list the commands"),
        "train": Usage("[dataset] [field=value …]", "start a session, step by step or in one line"),
        "status": Usage("[session]", "one session, kept up to date until it ends"),
        "sessions": Usage("[all|phase]", "sessions that have not ended, all, or those in a phase"),
        "queue": Usage("", "waiting sessions in order, and when each may start"),
        "metrics": Usage("[session] [metric …]", "latest values and the curve as a picture"),
        "logs": Usage("[session] [lines]", "the last log lines"),
        "stop": Usage("[session]", "stop a session; asks first"),
        "cancel": Usage("[session]", "cancel a waiting or suspended session, or close the form"),
        "models": Usage("[name]", "trained models; one of them with its versions and file"),
        "datasets": Usage("[name]", "datasets; one of them with its columns"),
        "system": Usage("", "nodes, GPUs and their use"),
    }
)
"""Every command, in the order of `/help`."""


@dataclass(frozen=True, slots=True)
class Command:
    """A command with its arguments.

    `target` names a session, model or dataset. `lines` belongs to /logs, `metrics` to /metrics,
    `fields` to /train, and `phase` to /sessions: "" for those that have not ended, `ALL_PHASES`, or
    a phase.
    """

    name: str
    target: str | None = None
    lines: int = LOG_LINES_DEFAULT
    metrics: tuple[str, ...] = ()
    phase: str = ""
    fields: MappingProxyType[str, Value] = field(default_factory=lambda: MappingProxyType({}))


def usage_line(name: str) -> str:
    """`/logs [session] [lines]`."""
    return f"/{name} {USAGES[name].arguments}".rstrip()


def parse(text: str, bot_name: str) -> Command | ParseError | None:
    """The command in `text`; None if it is none, or is for another bot (`/status@other_bot`)."""
    if not text.startswith("/"):
        return None
    if len(text) > COMMAND_LENGTH_MAX:
        return ParseError(
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
        return ParseError("A quotation mark is opened but never closed.", usage_line(name))
    return _READERS[name](name, words)


def _unknown(name: str) -> ParseError:
    nearest = difflib.get_close_matches(name, USAGES, n=1, cutoff=0.6)
    hint = f"Did you mean /{nearest[0]}?" if nearest else "/help lists the commands."
    return ParseError(f"I do not know /{name}.", hint=hint)


def _nothing(name: str, words: list[str]) -> Command | ParseError:
    if words:
        return ParseError(f"/{name} takes no arguments, but got {words[0]!r}.", usage_line(name))
    return Command(name)


def _session(name: str, words: list[str]) -> Command | ParseError:
    if len(words) > 1:
        return ParseError(
            f"/{name} takes one session, but got {len(words)} words.", usage_line(name)
        )
    if words and not names.is_session_name(words[0]):
        return _bad_session(name, words[0])
    return Command(name, target=words[0] if words else None)


def _bad_session(name: str, given: str) -> ParseError:
    return ParseError(
        f"{given!r} is no session name: lower-case letters, digits and '-', "
        f"at most {names.SESSION_NAME_MAX} characters.",
        usage_line(name),
    )


def _artifact(name: str, words: list[str]) -> Command | ParseError:
    if len(words) > 1:
        return ParseError(f"/{name} takes one name, but got {len(words)} words.", usage_line(name))
    if words and not names.is_artifact_name(words[0]):
        return ParseError(
            f"{words[0]!r} is no name: letters, digits, '-', '_' and '.', "
            f"at most {ARTIFACT_NAME_MAX} characters.",
            usage_line(name),
        )
    return Command(name, target=words[0] if words else None)


def _sessions(name: str, words: list[str]) -> Command | ParseError:
    if not words:
        return Command(name)
    phases = {phase.lower(): str(phase) for phase in (*Phase, ALL_PHASES)}
    wanted = phases.get(words[0].lower())
    if wanted is None or len(words) > 1:
        given = " ".join(words)
        return ParseError(
            f"{given!r} is no phase. Accepted: {ALL_PHASES}, {', '.join(Phase)}.", usage_line(name)
        )
    return Command(name, phase=wanted)


def _logs(name: str, words: list[str]) -> Command | ParseError:
    target: str | None = None
    lines = LOG_LINES_DEFAULT
    if words and not _INTEGER.fullmatch(words[-1]) and len(words) == 2:
        return ParseError(f"{words[-1]!r} is no number of lines.", usage_line(name))
    if words and _INTEGER.fullmatch(words[-1]):
        lines = int(words.pop())
        if not 1 <= lines <= LOG_LINES_MAX:
            return ParseError(
                f"lines must be from 1 to {LOG_LINES_MAX}, not {lines}.", usage_line(name)
            )
    if len(words) > 1:
        return ParseError(f"/{name} takes a session and a number of lines.", usage_line(name))
    if words:
        target = words[0]
        if not names.is_session_name(target):
            return _bad_session(name, target)
    return Command(name, target=target, lines=lines)


def _metrics(name: str, words: list[str]) -> Command | ParseError:
    if words and not names.is_session_name(words[0]):
        return _bad_session(name, words[0])
    return Command(name, target=words[0] if words else None, metrics=tuple(words[1:]))


def _train(name: str, words: list[str]) -> Command | ParseError:
    fields: dict[str, Value] = {}
    for index, word in enumerate(words):
        key, equals, value = word.partition("=")
        if not equals and index == 0:
            key, value = "dataset", word
        elif not equals:
            return ParseError(f"{word!r} is not of the form field=value.", usage_line(name))
        if key not in FIELDS:
            return _unknown_field(key)
        if key in fields:
            return ParseError(f"{key} is given twice.", usage_line(name))
        read = read_field(key, value)
        if isinstance(read, ParseError):
            return read
        fields[key] = read
    return Command(name, fields=MappingProxyType(fields))


def _unknown_field(key: str) -> ParseError:
    nearest = difflib.get_close_matches(key, FIELDS, n=1, cutoff=0.5)
    hint = f"Did you mean {nearest[0]}?" if nearest else f"Accepted: {', '.join(FIELDS)}."
    return ParseError(f"{key!r} is no field of /train. {hint}", usage_line("train"))


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
