"""Tables that grow by rows of numbers, below a header that names a step or an epoch."""

from __future__ import annotations

import re
from typing import NamedTuple

from trainyard_supervisor.progress.bars import number
from trainyard_supervisor.progress.reading import Reading

_APART = re.compile(r" {2,}|\t|\s*\|\s*")
_HEADING = re.compile(r"[A-Za-z#][\w #%./()@-]*")
_STEP = re.compile(r"#|(?:global[ _])?(?:steps?|iter(?:ation)?s?|round)", re.IGNORECASE)
_EPOCH = re.compile(r"e|ep|epochs?", re.IGNORECASE)
_MEASURE = re.compile(r"loss|acc|score|auc|f1|mae|mse|ppl|perplexity|error", re.IGNORECASE)
_VALUE = re.compile(
    r"[-+]?\d[\d.,:]*(?:e[-+]?\d+)?(?:%|ms|s|m|h)?|nan|[-+]?inf|#na#|[-+]", re.IGNORECASE
)
MAX_COLUMNS = 40


class _Header(NamedTuple):
    """Columns of a table; None for one that is not there."""

    columns: int
    step: int | None
    epoch: int | None


class TableReader:
    """The rows of the tables of one program, which begin with a header each."""

    def __init__(self) -> None:
        self._header: _Header | None = None
        self._last = -1

    def see(self, line: str) -> Reading | None:
        """What a line says as the row of a table; None if it is none."""
        headings = _headings(line)
        if headings is not None:
            self._header, self._last = _header(headings), -1
            return None
        if self._header is None:
            return None
        row = _row(line, self._header)
        count = None if row is None else (row.epoch if row.done is None else row.done)
        if row is None or count is None or count < self._last:
            return None
        self._last = count
        return row


def _headings(line: str) -> list[str] | None:
    """The headings that a line consists of; None for another line."""
    cells = [cell for cell in _APART.split(line.strip()) if cell]
    if not 2 <= len(cells) <= MAX_COLUMNS:
        return None
    return cells if all(_HEADING.fullmatch(cell) for cell in cells) else None


def _header(headings: list[str]) -> _Header | None:
    """The header of a training's table; None for one of anything else."""
    step = next((n for n, cell in enumerate(headings) if _STEP.fullmatch(cell)), None)
    epoch = next((n for n, cell in enumerate(headings) if _EPOCH.fullmatch(cell)), None)
    if epoch is not None and step is None and len(headings[epoch]) < len("epoch"):
        return None
    if (step is None and epoch is None) or not any(_MEASURE.search(cell) for cell in headings):
        return None
    return _Header(len(headings), step, epoch)


def _row(line: str, header: _Header) -> Reading | None:
    cells = [cell for cell in re.split(r"[\s|]+", line) if cell]
    if len(cells) not in (header.columns, header.columns + 1, header.columns - 1):
        return None
    if not all(_VALUE.fullmatch(cell) for cell in cells):
        return None
    epoch = None if header.epoch is None else number(_whole(cells, header.epoch))
    if header.step is None:
        return None if epoch is None else Reading("epoch", epoch=epoch, summary=True)
    done = number(_whole(cells, header.step))
    return None if done is None else Reading("table", done, epoch=epoch)


def _whole(cells: list[str], column: int) -> str | None:
    """A cell that holds a whole number."""
    cell = cells[column] if column < len(cells) else ""
    return cell if cell.isdecimal() else None
