"""Fields of Kubernetes objects in JSON.

A value of another type than expected counts as absent.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

Json = Mapping[str, Any]

MAX_EXIT_CODE = 255


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


def text(value: object) -> str:
    """A string, "" for anything else."""
    return value if isinstance(value, str) else ""


def number(value: str | None) -> int:
    """The number in a label's value, 0 if it holds none."""
    return int(value) if value and value.isdecimal() else 0


def count(value: object) -> int:
    """A positive integer, 0 for anything else."""
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0


def duration(value: object) -> float | None:
    """A non-negative number of seconds, None for anything else."""
    return float(value) if isinstance(value, (int, float)) and value >= 0 else None


def exit_code(value: object) -> int | None:
    """A program's exit code from 0 to 255, None for anything else."""
    if not isinstance(value, int) or isinstance(value, bool):
        return None
    return value if 0 <= value <= MAX_EXIT_CODE else None
