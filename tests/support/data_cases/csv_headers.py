"""CSV files by their header: none, doubled, unnamed, long, wide."""

from __future__ import annotations

from csv_rows import csv, kind, lines, plain, trains
from data_case import Case, refused

PLAIN = "a integer | b integer | *kind text"
FLOWERS = ("setosa", "virgin")
NUMBERED = "column 1 number | column 2 number | *column 3 text"


def flower(i: int) -> str:
    """A row of a table without a header."""
    return f"{i}.5,{i % 5}.1,{FLOWERS[i % 2]}"


def wide(count: int) -> str:
    """A table of `count` features."""
    header = ",".join(f"f{j}" for j in range(count)) + ",kind"
    return lines(
        header, lambda i: ",".join(str((i * j) % 7) for j in range(count)) + f",{kind(i)}", 24
    )


BACKSLASH_N = r"\N"

CASES: tuple[Case, ...] = (
    csv(
        "csv-no-header",
        "no header: the first row is a sample",
        lines(None, flower, 60),
        trains(NUMBERED, FLOWERS, 60, says=("header",)),
    ),
    csv(
        "csv-no-header-said",
        "no header, and the user says so",
        lines(None, flower, 60),
        trains(NUMBERED, FLOWERS, 60),
        choices={"header": False},
    ),
    csv(
        "csv-no-header-numbers",
        "no header, numbers only",
        lines(None, lambda i: f"{i}.5,{i % 5}.1,{i % 2}", 60),
        trains(
            "column 1 number | column 2 number | *column 3 integer",
            ("0", "1"),
            60,
            says=("header",),
        ),
    ),
    csv(
        "csv-no-header-texts",
        "no header, texts only: the first row reads like names",
        lines(None, lambda i: f"{('red', 'blue')[i % 3 // 2]},{('s', 'm', 'l')[i % 3]},{kind(i)}"),
        refused("header"),
    ),
    csv(
        "csv-no-header-null",
        r"no header, and \N in the first row, as MySQL and PostgreSQL dump",
        lines(None, lambda i: f"{i},{BACKSLASH_N if i % 6 == 0 else i % 5},{kind(i)}"),
        refused("'0'", "header"),
    ),
    csv(
        "csv-rule-of-dashes",
        "a rule under the header, as SQL Server's tool prints",
        lines("a,b,kind\n--,--,----", plain),
        refused("line 2", "rule"),
    ),
    csv(
        "csv-psql",
        "what psql prints",
        " a | b | kind \n---+---+------\n"
        + lines(None, lambda i: f" {i} | {i % 5} | {kind(i)}")
        + "(40 rows)\n",
        refused("line 2", "rule"),
    ),
    csv(
        "csv-no-header-negative",
        "no header, negative numbers and a text",
        lines(None, lambda i: f"-{i}.5,-{i % 5}e-3,{kind(i)}"),
        trains(NUMBERED, says=("header",)),
    ),
    csv(
        "csv-counts-as-header",
        "a header of counts and class names, as scikit-learn ships its iris",
        lines("60,2,setosa,virgin", lambda i: f"{i}.5,{i % 5}.1,{i % 3}.3,{i % 2}", 60),
        refused("header"),
    ),
    csv(
        "csv-year-headers",
        "years as the names of columns",
        lines("country,2001,2002,kind", lambda i: f"c{i % 4},{i},{i % 5},{kind(i)}"),
        refused("header"),
    ),
    csv(
        "csv-year-headers-said",
        "years as the names of columns, and the user says that it is the header",
        lines("country,2001,2002,kind", lambda i: f"c{i % 4},{i},{i % 5},{kind(i)}"),
        trains("country text | 2001 integer | 2002 integer | *kind text"),
        choices={"header": True},
    ),
    csv(
        "csv-pixel-headers",
        "numbered columns and a named target",
        lines("0,1,2,kind", lambda i: f"{i},{i % 5},{i % 3},{kind(i)}"),
        trains("0 integer | 1 integer | 2 integer | *kind text"),
    ),
    csv(
        "csv-duplicate-header",
        "two columns of one name",
        lines("a,a,kind", plain),
        refused("'a'"),
    ),
    csv(
        "csv-case-twins-header",
        "two names that differ in case alone",
        lines("a,A,kind", plain),
        trains("a integer | A integer | *kind text"),
    ),
    csv(
        "csv-pandas-index",
        "the index that pandas writes as a first column without a name",
        lines(",a,b,kind", lambda i: f"{i},{plain(i)}"),
        trains("-column 1 integer | " + PLAIN, says=("column 1",)),
    ),
    csv(
        "csv-pandas-index-twice",
        "an index written twice",
        lines(",Unnamed: 0,a,b,kind", lambda i: f"{i},{i},{plain(i)}"),
        trains("-column 1 integer | -Unnamed: 0 integer | " + PLAIN),
    ),
    csv(
        "csv-pandas-index-filtered",
        "the index of a filtered table: growing, with gaps",
        lines(",a,b,kind", lambda i: f"{i * 3 + i % 2},{plain(i)}"),
        trains("-column 1 integer | " + PLAIN),
    ),
    csv(
        "csv-unnamed-in-the-middle",
        "a column without a name between others",
        lines("a,,kind", plain),
        trains("a integer | column 2 integer | *kind text", says=("column 2",)),
    ),
    csv(
        "csv-r-rownames",
        "row names of R: the header has one name less than the rows have values",
        lines('"a","b","kind"', lambda i: f'"{i + 1}",{i},{i % 5},"{kind(i)}"'),
        trains("-column 1 integer | " + PLAIN, says=("column 1",)),
    ),
    csv(
        "csv-rownames-column",
        "row names of R in a column called rownames, as Rdatasets has them",
        lines("rownames,a,b,kind", lambda i: f"{i + 1},{plain(i)}"),
        trains("-rownames integer | " + PLAIN),
    ),
    csv(
        "csv-spaces-in-names",
        "names of several words, with brackets and percent signs",
        lines("Petal length (cm),Share %,Kind of plant", plain),
        trains("Petal length (cm) integer | Share % integer | *Kind of plant text"),
    ),
    csv(
        "csv-quoted-names",
        "a name that holds a comma",
        lines('"length, mm",b,kind', plain),
        trains("length, mm integer | b integer | *kind text"),
    ),
    csv(
        "csv-newline-in-name",
        "a name over two lines",
        lines('"length\n(mm)",b,kind', plain),
        trains("length\n(mm) integer | b integer | *kind text"),
    ),
    csv(
        "csv-long-name",
        "a name of 300 letters",
        lines("n" * 300 + ",b,kind", plain),
        trains("n" * 300 + " integer | b integer | *kind text"),
    ),
    csv(
        "csv-hash-header",
        "a header that begins with #, as NumPy writes",
        lines("# a,b,kind", plain),
        trains("# a integer | b integer | *kind text"),
    ),
    csv("csv-wide", "5,000 columns", wide(5000), trains("", samples=24)),
    csv("csv-too-wide", "12,000 columns", wide(12_000), refused("10000", "columns")),
    csv(
        "csv-one-feature",
        "one feature",
        lines("a,kind", lambda i: f"{i},{kind(i)}"),
        trains("a integer | *kind text"),
    ),
    csv(
        "csv-header-repeated",
        "the header again among the rows, where files were joined",
        lines("a,b,kind", plain, 20) + lines("a,b,kind", plain, 20),
        refused("line 22", "header"),
    ),
)
