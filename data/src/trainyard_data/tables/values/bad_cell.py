"""A value that cannot be read."""

from __future__ import annotations


class BadCell(Exception):
    """A row of a batch that cannot be read. `row` counts from 0 within the batch."""

    def __init__(self, row: int, cause: str, hint: str = "", column: str | None = None) -> None:
        super().__init__(cause)
        self.row, self.cause, self.hint, self.column = row, cause, hint, column
