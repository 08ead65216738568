"""CSV files as parts of rows. All values are texts here."""

from __future__ import annotations

import csv
import io
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from trainyard_api.datasets.schema import TableDialect
from trainyard_data.encodings import encoding_of
from trainyard_data.errors import BadData
from trainyard_data.tables.files import csv_chunks, csv_dialect, csv_header
from trainyard_data.tables.files.source import Batch, Part

csv.field_size_limit(csv_chunks.LONGEST_ROW)
SAMPLE_BYTES = 256 << 10
WIDE = 200
"""Columns from which parts are larger."""


class CsvTable:
    """A CSV file of a known dialect.

    `names`: the columns; `unused`: why some are set apart; `numbers`: columns to parse as numbers
    where all of their values in a part are some, which is faster. All others are texts.
    """

    def __init__(
        self,
        path: Path,
        dialect: TableDialect,
        names: list[str],
        unused: Mapping[str, str] | None = None,
        remarks: Sequence[str] = (),
        *,
        numbers: Collection[str] = (),
    ) -> None:
        self._path, self.dialect, self.names = path, dialect, names
        self._numbers = frozenset(numbers)
        self.categories: frozenset[str] = frozenset()
        self.unused: Mapping[str, str] = unused or {}
        self.remarks = remarks

    def parts(self, wanted: Collection[str] | None) -> Iterator[Part]:
        """All rows in order."""
        only = set(self.names if wanted is None else wanted)
        chosen = [n for n in self.names if n in only]
        for chunk in self._chunks():
            yield partial(self._parsed, chunk, chosen)

    def order(self, names: Collection[str]) -> list[str]:
        """The columns in the order of the file."""
        return [n for n in self.names if n in names]

    def _chunks(self) -> Iterator[csv_chunks.Chunk]:
        d = self.dialect
        size = csv_chunks.PIECE_BYTES * (1 if len(self.names) < WIDE else 4)
        found = csv_chunks.chunks(self._path, d.encoding, d.delimiter, d.quote, d.skip_lines, size)
        first = d.header
        for chunk in found:
            if first:
                first = False
                head, lines = _first_row(chunk.content, d)
                chunk = csv_chunks.Chunk(chunk.content[head:], chunk.line + lines)
            if chunk.content and not chunk.content.isspace():
                yield chunk

    def _parsed(self, chunk: csv_chunks.Chunk, chosen: list[str]) -> Batch:
        if b"\0" in chunk.content:
            line = chunk.line + chunk.content[: chunk.content.index(b"\0")].count(b"\n")
            raise BadData(f"line {line}: a NUL byte; is this a text file?")
        as_written = partial(self._as_written, chunk, chosen)
        if self._numbers.isdisjoint(chosen):
            return as_written()
        import pyarrow as pa

        try:
            table = self._read(chunk, chosen, self._numbers)
        except pa.ArrowInvalid:
            return as_written()
        return Batch(table.num_rows, {n: _whole(table.column(n)) for n in chosen}, as_written)

    def _as_written(self, chunk: csv_chunks.Chunk, chosen: list[str]) -> Batch:
        import pyarrow as pa

        try:
            table = self._read(chunk, chosen, frozenset())
        except pa.ArrowInvalid as error:
            self._explain(chunk, error)
        return Batch(table.num_rows, {n: _whole(table.column(n)) for n in chosen})

    def _read(self, chunk: csv_chunks.Chunk, chosen: list[str], numbers: frozenset[str]) -> Any:
        """An Arrow table of texts, and of float64 for `numbers`. Raises ArrowInvalid."""
        import pyarrow as pa
        from pyarrow import csv as arrow_csv

        types = {name: pa.float64() if name in numbers else pa.string() for name in chosen}
        return arrow_csv.read_csv(
            pa.BufferReader(chunk.content),
            read_options=arrow_csv.ReadOptions(
                column_names=self.names, block_size=len(chunk.content) + 1, use_threads=False
            ),
            parse_options=arrow_csv.ParseOptions(
                delimiter=self.dialect.delimiter,
                quote_char=self.dialect.quote,
                newlines_in_values=True,
            ),
            convert_options=arrow_csv.ConvertOptions(
                column_types=types,
                include_columns=chosen,
                strings_can_be_null=True,
                null_values=[""],
            ),
        )

    def _explain(self, chunk: csv_chunks.Chunk, error: Exception) -> None:
        text = chunk.content.decode("utf-8", "replace")
        reader = csv.reader(
            io.StringIO(text, newline=""),
            delimiter=self.dialect.delimiter,
            quotechar=self.dialect.quote,
        )
        for row in reader:
            if row and len(row) != len(self.names):
                raise BadData(
                    f"line {chunk.line + reader.line_num - 1}: {len(row)} values,"
                    f" but the header has {len(self.names)} columns",
                    hint="a value that holds the separator stands in quotes; before the header only"
                    " lines that begin with # are left out",
                ) from error
        for number, line in enumerate(chunk.content.split(b"\n"), chunk.line):
            try:
                line.decode()
            except UnicodeDecodeError as wrong:
                raise BadData(
                    f"line {number}: byte {wrong.start + 1} is not UTF-8",
                    hint="save the file as UTF-8",
                ) from error
        raise BadData(f"line {chunk.line} and following cannot be read: {error}") from error

    def place(self, row: int) -> str:
        """The row (from 0) for a person: `row 3 (line 4)`."""
        text = f"row {row + 1}"
        for chunk in self._chunks():
            reader = csv.reader(
                io.StringIO(chunk.content.decode("utf-8", "replace"), newline=""),
                delimiter=self.dialect.delimiter,
                quotechar=self.dialect.quote,
            )
            for values in reader:
                if values and row == 0:
                    return f"{text} (line {chunk.line + reader.line_num - 1})"
                row -= bool(values)
        return text


def _whole(values: Any) -> Any:
    return values.chunk(0) if values.num_chunks == 1 else values.combine_chunks()


def _first_row(content: bytes, dialect: TableDialect) -> tuple[int, int]:
    """Bytes and lines of the first row that is not empty."""
    text = content.decode("utf-8", "replace")
    stream = io.StringIO(text, newline="")
    reader = csv.reader(stream, delimiter=dialect.delimiter, quotechar=dialect.quote)
    for row in reader:
        if row:
            break
    end = stream.tell()
    return len(text[:end].encode()), reader.line_num


def open_csv(
    path: Path,
    delimiter: str | None = None,
    named: bool | None = None,
    expected: frozenset[str] = frozenset(),
) -> CsvTable:
    """A CSV file whose dialect is found out. `named`: whether it has a header, if that is known.

    `expected`: columns that should be there. Raises BadData.
    """
    with path.open("rb") as file:
        start = file.read(SAMPLE_BYTES)
    csv_chunks.refuse_foreign(start)
    encoding = encoding_of(path)
    text = _text(start, encoding.name)
    layout = csv_dialect.layout(text, delimiter, expected)
    if not layout.rows:
        raise BadData("the file has no rows")
    if expected and expected & {cell.strip() for cell in layout.rows[0]}:
        named = True
    found = csv_header.header(layout.rows, layout.skip_lines + 1, named)
    dialect = TableDialect(
        delimiter=layout.delimiter,
        quote=layout.quote,
        header=found.named,
        skip_lines=layout.skip_lines,
        encoding=encoding.name,
    )
    note = [encoding.note] if encoding.note else []
    return CsvTable(path, dialect, found.names, found.unused, [*note, *found.remarks])


def _text(start: bytes, encoding: str) -> str:
    text = start.decode(encoding, "replace").removeprefix("\ufeff")
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return text.rpartition("\n")[0] + "\n" if len(start) == SAMPLE_BYTES and "\n" in text else text
