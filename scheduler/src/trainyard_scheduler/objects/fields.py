"""Fields of Kubernetes objects in JSON, each within bounds.

A value of another type than expected, or out of its bounds, counts as absent.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

import orjson

from trainyard_api.visible_text import visible

Json = Mapping[str, Any]

MAX_TEXT: Final = 4096
"""Most characters of any text. The kubelet limits a termination message to as many bytes."""
MAX_COUNT: Final = 2**53
"""JSON numbers are exact up to here."""
MAX_ORDINAL: Final = 2**31 - 1
MAX_SECONDS: Final = 100 * 365 * 86_400
"""No date is as far away."""
MAX_EXIT_CODE: Final = 255
_DIGITS: Final = re.compile(r"[0-9]{1,10}")


class UnparsableObject(ValueError):
    """An object that cannot be read. It is skipped and affects no other object."""


@contextmanager
def parsing(kind: str, raw: Json) -> Iterator[None]:
    """Turn any error of reading `raw` into UnparsableObject.

    The API server checks objects by schemas that may be older or newer than this program.
    """
    try:
        yield
    except (ValueError, TypeError, LookupError, AttributeError, ArithmeticError) as error:
        raise UnparsableObject(f"{kind} {raw['metadata'].get('name')}: {error}") from error


def version(meta: Json) -> int:
    """The resourceVersion of an object's metadata, 0 if there is none."""
    return int(meta.get("resourceVersion") or 0)


def mapping(value: object) -> Json:
    """A JSON object, {} for anything else."""
    return value if isinstance(value, dict) else {}


def items(value: object) -> list[Json]:
    """The JSON objects of a list, without its other items; [] for anything else."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def packed(value: object) -> bytes:
    """JSON to keep: the bytes that orjson returns hold on to a buffer of 4 KiB and more."""
    return bytes(memoryview(orjson.dumps(value)))


def text(value: object) -> str:
    """A string in visible characters, cut to `MAX_TEXT`; "" for anything else."""
    return visible(value[:MAX_TEXT])[:MAX_TEXT] if isinstance(value, str) else ""


def block(value: object) -> str:
    """What a program wrote, as it is, cut to `MAX_TEXT`; "" for anything else."""
    return value[:MAX_TEXT] if isinstance(value, str) else ""


def number(value: object) -> int:
    """The number in a label's value, 0 if it holds none or one above `MAX_ORDINAL`."""
    if not isinstance(value, str) or not _DIGITS.fullmatch(value):
        return 0
    found = int(value)
    return found if found <= MAX_ORDINAL else 0


def ordinal(value: object) -> int:
    """The number of an attempt, 0 for anything that is none."""
    found = count(value)
    return found if found <= MAX_ORDINAL else 0


def count(value: object) -> int:
    """A positive integer up to `MAX_COUNT`, 0 for anything else."""
    if not isinstance(value, int) or isinstance(value, bool):
        return 0
    return value if 0 < value <= MAX_COUNT else 0


def duration(value: object) -> float | None:
    """Seconds from 0 to `MAX_SECONDS`, None for anything else."""
    return _real(value, MAX_SECONDS)


def rate(value: object) -> float:
    """A rate from 0 to `MAX_COUNT` in a second, 0 for anything else."""
    return _real(value, MAX_COUNT) or 0.0


def exit_code(value: object) -> int | None:
    """A program's exit code from 0 to 255, None for anything else."""
    if not isinstance(value, int) or isinstance(value, bool):
        return None
    return value if 0 <= value <= MAX_EXIT_CODE else None


def _real(value: object, most: float) -> float | None:
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        return None
    # NaN is not within any bounds.
    return float(value) if 0 <= value <= most else None
