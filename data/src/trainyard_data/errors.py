"""Why a dataset cannot be read, or not be used as it was asked for."""

from __future__ import annotations


class DataError(Exception):
    """A dataset cannot be used. `hint` says what to do and may be empty.

    The message is for the person who has the file: it names row, column, value and cause.
    """

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class BadData(DataError):
    """The content of the file cannot be used."""


class BadChoice(DataError):
    """A choice does not fit the file: a target, a column or a type that is not there."""
