"""A table that a package ships, and what a person expects of it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path, PurePosixPath

import package_files
from data_case import Case, Make, Outcome, Trains

LONG = 2_000
"""Rows from which a table is trained for one epoch in large batches."""


def shipped(package: str, member: str, expected: Outcome) -> Case:
    """A case of a file in a package. It is not compressed when it is uploaded."""
    path = PurePosixPath(member.partition("!")[0])
    name = path.name.removesuffix(".gz").removesuffix(".bz2")
    if "!" in member:
        name = name.removesuffix(".zip").removesuffix(".csv") + ".csv"
    rows = expected.samples if isinstance(expected, Trains) else 0
    training = {"epochs": 1, "batchSize": 1024} if rows > LONG else {"epochs": 1}
    return Case(
        f"{package}: {name}",
        f"{name} of {package}",
        name,
        _make(package, member),
        expected,
        training=training,
    )


def _make(package: str, member: str) -> Make:
    def make(path: Path) -> None:
        path.write_bytes(package_files.content(package, member))

    return make


def trains(samples: int, columns: str, classes: str | Sequence[str] | None = None) -> Trains:
    """A table that trains at once.

    Classes are apart by spaces. None: a regression; an empty sequence: classes that are too many to
    write down.
    """
    if classes is None:
        return Trains(samples, columns, task="tabular-regression")
    listed = classes.split() if isinstance(classes, str) else classes
    return Trains(samples, columns, tuple(listed) or None)
