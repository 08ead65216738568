"""CSV files by how their values are separated, quoted and ended."""

from __future__ import annotations

from csv_rows import REGRESSION, csv, kind, lines, plain, trains
from data_case import Case, content, refused

PLAIN = "a integer | b integer | *kind text"


def separated(mark: str) -> str:
    """The everyday table with another separator."""
    return lines("a,b,kind", plain).replace(",", mark)


def european(mark: str, end: str = "\n") -> str:
    """A table with decimal commas."""
    header = mark.join(("a", "b", "kind"))
    return lines(header, lambda i: f"{i},5{mark}{i % 5},25{mark}{kind(i)}", end=end)


def noted(i: int) -> str:
    """A row with a text that holds a separator and a line end."""
    return f'{i},"line one,\nline {i % 3}",{kind(i)}'


CASES = (
    csv("csv-basic", "a plain table", lines("a,b,kind", plain), trains(PLAIN)),
    csv("csv-semicolon", "values separated by ;", separated(";"), trains(PLAIN)),
    csv(
        "csv-semicolon-decimal-comma",
        "separated by ; with decimal commas, as Excel writes in most of Europe",
        european(";"),
        trains("a number | b number | *kind text"),
    ),
    csv("csv-tab", "separated by tabs, named .csv", separated("\t"), trains(PLAIN)),
    csv(
        "csv-tab-decimal-comma",
        "separated by tabs, with decimal commas",
        european("\t"),
        trains("a number | b number | *kind text"),
    ),
    csv("csv-pipe", "separated by |", separated("|"), trains(PLAIN)),
    csv(
        "csv-spaces",
        "columns lined up by spaces",
        lines("a  b  kind", lambda i: f"{i}  {i % 5}  {kind(i)}"),
        refused("one column"),
    ),
    csv(
        "csv-caret",
        "separated by ^, which no reader guesses",
        separated("^"),
        refused("one column", "^"),
    ),
    csv(
        "csv-sep-line",
        "a first line sep=; for Excel",
        "sep=;\n" + separated(";"),
        trains(PLAIN),
    ),
    csv(
        "csv-sep-line-comma",
        "a first line sep=, for Excel, ended as Windows does",
        "sep=,\r\n" + lines("a,b,kind", plain, end="\r\n"),
        trains(PLAIN),
    ),
    csv(
        "csv-sep-line-quoted",
        'a first line "sep=;" in quotes',
        '"sep=;"\n' + separated(";"),
        trains(PLAIN),
    ),
    csv(
        "csv-semicolon-text-with-commas",
        "separated by ;, with commas inside of texts",
        lines("a;note;kind", lambda i: f"{i};well, {'yes' if i % 3 else 'no'}, so;{kind(i)}"),
        trains("a integer | note text | *kind text"),
    ),
    csv(
        "csv-comma-text-with-semicolons",
        "separated by commas, with ; inside of texts",
        lines("a,note,kind", lambda i: f"{i},x;y;{i % 3},{kind(i)}"),
        trains("a integer | note text | *kind text"),
    ),
    csv(
        "csv-crlf",
        "lines ended as Windows does",
        separated(",").replace("\n", "\r\n"),
        trains(PLAIN),
    ),
    csv(
        "csv-old-mac",
        "lines ended by a lone carriage return, as an old Mac does",
        separated(",").replace("\n", "\r"),
        trains(PLAIN),
    ),
    csv(
        "csv-no-last-line-end", "no line end after the last row", separated(",")[:-1], trains(PLAIN)
    ),
    csv(
        "csv-blank-lines",
        "blank lines between and after the rows",
        separated(",").replace("7,2,q\n", "7,2,q\n\n") + "\n\n",
        trains(PLAIN),
    ),
    csv(
        "csv-quoted-all",
        "every value in quotes, as R and DuckDB can write",
        lines('"a","b","kind"', lambda i: f'"{i}","{i % 5}","{kind(i)}"'),
        trains(PLAIN),
    ),
    csv(
        "csv-single-quotes",
        "texts in single quotes, which are no quotes of CSV",
        lines("a,b,kind", lambda i: f"{i},{i % 5},'{kind(i)}'"),
        trains(PLAIN, ("'p'", "'q'")),
    ),
    csv(
        "csv-doubled-quotes",
        "quotes inside of texts, doubled",
        lines("a,size,kind", lambda i: f'{i},"{1 + i % 2}"" pipe",{kind(i)}'),
        trains("a integer | size text | *kind text"),
    ),
    csv(
        "csv-quoted-newline-small",
        "line ends inside of quoted texts",
        lines("a,note,kind", noted),
        trains("a integer | note text | *kind text"),
    ),
    csv(
        "csv-quoted-newline-crlf",
        "line ends inside of quoted texts, as Windows writes them",
        lines("a,note,kind", noted, end="\r\n").replace("one,\n", "one,\r\n"),
        trains("a integer | note text | *kind text"),
    ),
    csv(
        "csv-quoted-newline-big",
        "40,000 rows, of which those past the first MiB have line ends inside of quotes",
        lines(
            "a,note,kind",
            lambda i: noted(i) if i > 30_000 else f"{i},{'line of text ' * 3},{kind(i)}",
            40_000,
        ),
        trains("a integer | note text | *kind text", samples=40_000),
        training={"epochs": 1, "batchSize": 4096},
    ),
    csv(
        "csv-quote-not-closed",
        "a quote that is opened and never closed",
        lines("a,note,kind", lambda i: f"{i},{chr(34) if i == 9 else ''}x{i % 3},{kind(i)}"),
        refused("line", "quot"),
    ),
    csv(
        "csv-space-after-comma",
        "a space after each comma",
        lines("a, job, kind", lambda i: f"{i}, {('clerk', 'cook')[i % 3 // 2]}, {kind(i)}"),
        trains("a integer | job text | *kind text"),
    ),
    csv(
        "csv-spaces-about-numbers",
        "numbers padded with spaces, as databases print them",
        lines("a,b,kind", lambda i: f"{i:>6},{i / 4:>8.2f}  ,{kind(i)}"),
        trains("a integer | b number | *kind text"),
    ),
    csv(
        "csv-trailing-comma",
        "a comma at the end of each line",
        lines("a,b,kind,", lambda i: plain(i) + ","),
        trains(PLAIN + " | -column 4 other/text/number/integer"),
    ),
    csv(
        "csv-trailing-semicolon",
        "a ; at the end of each line but not of the header",
        lines("a;b;kind", lambda i: plain(i).replace(",", ";") + ";"),
        refused("line 2", "4", "3"),
    ),
    csv(
        "csv-decimal-comma-one-column",
        "a single column of numbers with decimal commas",
        lines("price", lambda i: f"{i},5"),
        refused("line 2", "2", "1"),
    ),
    csv(
        "csv-one-column",
        "a single column",
        lines("kind", lambda i: f"{kind(i)}"),
        refused("one column"),
    ),
    csv(
        "csv-comment-lines",
        "a comment before the header",
        "# exported by lab tool\n" + separated(","),
        trains(PLAIN, says=("line",)),
    ),
    csv(
        "csv-title-lines",
        "a title and a blank line before the header, as reports have",
        "Quarterly report\n\n" + separated(","),
        refused("line"),
    ),
    csv(
        "csv-total-line",
        "a line of totals under the rows, as spreadsheets have",
        lines("a,b,price", lambda i: f"{i},{i % 5},{i}.5") + "Total,,800\n",
        refused("Total"),
        training=REGRESSION,
    ),
    csv(
        "csv-units-line",
        "a second header line with units",
        "a,b,kind\ncm,kg,\n" + lines(None, plain),
        refused("cm"),
    ),
    Case(
        "tsv-ending",
        "separated by tabs, named .tsv",
        "d.tsv",
        content(separated("\t").encode()),
        trains(PLAIN),
    ),
    Case(
        "tab-ending",
        "separated by tabs, named .tab, as Orange and Stata write",
        "d.tab",
        content(separated("\t").encode()),
        trains(PLAIN),
    ),
    csv(
        "csv-tabs-beside-commas",
        "separated by tabs, with a comma in a name and in each text",
        lines("a\tname, first\tkind", lambda i: f"{i}.5\tSmith, {'JKL'[i % 3]}\t{kind(i)}"),
        trains("a number | name, first text | *kind text", says=("tabs",)),
    ),
    csv(
        "csv-commas-and-tabs",
        "separated by a comma and a tab each",
        lines("a,\tname,\tkind", lambda i: f"{i}.5,\t{'JKL'[i % 3]},\t{kind(i)}"),
        trains("a number | name text | *kind text"),
    ),
    Case(
        "csv-uppercase-ending",
        "the ending in upper case",
        "D.CSV",
        content(separated(",").encode()),
        trains(PLAIN),
    ),
    csv(
        "csv-mixed-line-ends",
        "lines ended in two ways, where files were joined",
        separated(",")[:100] + separated(",")[100:].replace("\n", "\r\n"),
        trains(PLAIN),
    ),
    csv(
        "csv-empty-rows",
        "rows of separators alone under the table, as Excel leaves them",
        separated(";") + ";;\n;;\n",
        trains(PLAIN, samples=42, says=("left out",)),
    ),
    csv(
        "csv-footnote",
        "the source of the data under the table",
        separated(",") + "Source: lab\n",
        refused("line 42", "1", "3"),
    ),
    csv(
        "csv-markdown",
        "a table of Markdown",
        "| a | b | kind |\n|---|---|---|\n"
        + lines(None, lambda i: f"| {i} | {i % 5} | {kind(i)} |"),
        refused("---"),
    ),
    csv(
        "csv-libsvm",
        "a file of LIBSVM",
        lines(None, lambda i: f"{i % 2} 1:{i} 2:{i % 5}"),
        refused("one column"),
    ),
    csv(
        "csv-arff",
        "a file of Weka",
        "@relation x\n@attribute a numeric\n@attribute kind {p,q}\n@data\n" + lines(None, plain),
        refused("line 3"),
    ),
)
