"""A number means the same whether Arrow's CSV parser reads it or the text is read by itself."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trainyard_api.datasets.choices import ColumnType
from trainyard_api.datasets.schema import TableDialect
from trainyard_data.tables.files.csv_file import CsvTable
from trainyard_data.tables.values.bad_cell import BadCell
from trainyard_data.tables.values.convert import Reading, to_numbers

ODD = (
    "", " ", "nan", "NaN", "NA", "null", "inf", "-Infinity", "+1.5", "1_000", "0x1f", "1e5", "1E-400",
    "1e400", "1e39", ".5", "5.", "1,5", "007", "--", "1.5.2", "true", "٣", "1\u00a0", " 2 ", "-0", "1e",
    "99999999999999999999", "0.1000000000000000055511151231257827",
)  # fmt: skip
TEXTS = st.one_of(
    st.sampled_from(ODD),
    st.floats(allow_nan=False).map(repr),
    st.integers(-(10**25), 10**25).map(str),
    st.text("0123456789+-.eE _", max_size=8),
)


def outcome(table: CsvTable) -> list[str]:
    """The numbers of the column as they are written, or the refusal."""
    batch = next(iter(table.parts(None)))()
    try:
        numbers = to_numbers(batch.columns["x"], Reading(ColumnType.NUMBER))
    except BadCell as error:
        if batch.as_written is None:
            return [str(error.row), str(error.cause)]
        return outcome(CsvTable(table._path, table.dialect, table.names))
    return [repr(float(x)) for x in np.asarray(numbers)]


@settings(max_examples=300, deadline=None)
@given(texts=st.lists(TEXTS, min_size=1, max_size=6))
def test_both_ways_give_the_same(
    tmp_path_factory: pytest.TempPathFactory, texts: list[str]
) -> None:
    path = tmp_path_factory.mktemp("typed") / "t.csv"
    path.write_text("".join(f'"{text}",1\n' for text in texts))
    dialect = TableDialect(delimiter=",", quote='"', header=False, skip_lines=0, encoding="utf-8")

    as_texts = outcome(CsvTable(path, dialect, ["x", "one"]))
    assert outcome(CsvTable(path, dialect, ["x", "one"], numbers=["x"])) == as_texts
