"""What every reader of a table gives: parts of rows, parsed when they are needed."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

T = TypeVar("T")

WORKERS = 2
"""Threads that parse parts. Arrow and `re` do most of the work without the interpreter's lock."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Some rows: an Arrow array for each column that has values in them.

    `as_written`: the same rows with numbers as texts, for a message about one of them; None if
    `columns` holds what is written.
    """

    rows: int
    columns: dict[str, Any]
    as_written: Callable[[], Batch] | None = None


Part = Callable[[], Batch]
"""Parses some rows. Raises BadData."""


class Source(Protocol):
    """A table's file."""

    categories: frozenset[str]
    """Columns whose writer declared a list of texts."""
    unused: Mapping[str, str]
    """Columns that are set apart, such as an index, each with the reason."""
    remarks: Sequence[str]
    """What was guessed about the file, each a sentence."""

    def order(self, names: Collection[str]) -> list[str]:
        """The columns that were read, in the order of the table."""
        ...

    def parts(self, wanted: Collection[str] | None) -> Iterator[Part]:
        """All rows in order. `wanted`: the columns to parse; None parses all."""
        ...

    def place(self, row: int) -> str:
        """The row (from 0) for a person: `row 3 (line 4)`."""
        ...


def in_order(parts: Iterator[Part], work: Callable[[Batch], T]) -> Iterator[T]:
    """`work` of each part, in order; a few parts are in memory at a time."""
    with ThreadPoolExecutor(WORKERS, thread_name_prefix="table") as pool:
        waiting: list[Future[T]] = []
        for part in parts:
            waiting.append(pool.submit(_worked, part, work))
            if len(waiting) > WORKERS:
                yield waiting.pop(0).result()
        for future in waiting:
            yield future.result()


def _worked(part: Part, work: Callable[[Batch], T]) -> T:
    return work(part())
