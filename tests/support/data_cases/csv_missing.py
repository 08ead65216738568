"""CSV files by how missing values are written."""

from __future__ import annotations

from csv_rows import REGRESSION, column, csv, kind, lines, plain, trains
from data_case import Case, refused

SEEN = "a number | b integer | *kind text"
SPELLINGS = ("", "NA", "N/A", "NaN", "null", "None", "n/a", "#N/A", "(null)", "-", "?", ".")


def gaps(missing: str, every: int = 20) -> str:
    """A column of numbers with a text for a missing value."""
    return column("a", lambda i: missing if i % every == 3 else f"{i}.5", 100)


def spelled(name: str, what: str, missing: str) -> Case:
    """A case of one spelling."""
    return csv(
        name,
        what,
        gaps(missing),
        trains(SEEN, samples=100, missing={"a": 5}),
    )


CASES: tuple[Case, ...] = (
    spelled("csv-empty-number", "missing numbers as empty fields", ""),
    spelled("csv-na-number", "missing numbers as NA, as R writes", "NA"),
    spelled("csv-na-quoted", 'missing numbers as "NA" in quotes', '"NA"'),
    spelled("csv-not-available", "missing numbers as N/A", "N/A"),
    spelled("csv-excel-na", "missing numbers as #N/A, as Excel writes", "#N/A"),
    spelled("csv-excel-division", "numbers of which Excel could not divide some", "#DIV/0!"),
    spelled("csv-excel-german-na", "missing numbers as #NV, as a German Excel writes", "#NV"),
    spelled("csv-nan-number", "missing numbers as NaN, as NumPy writes", "NaN"),
    spelled("csv-nan-lower", "missing numbers as nan, as Python prints", "nan"),
    spelled("csv-null", "missing numbers as NULL, as MySQL writes", "NULL"),
    spelled("csv-backslash-n", r"missing numbers as \N, as MySQL and PostgreSQL dump", r"\N"),
    spelled("csv-point", "missing numbers as a point, as SAS and Stata write", "."),
    spelled("csv-dash", "missing numbers as a dash", "-"),
    spelled("csv-none", "missing numbers as None", "None"),
    spelled("csv-pandas-na", "missing numbers as <NA>, as pandas prints", "<NA>"),
    spelled("csv-space-only", "missing numbers as a space, as SPSS writes", " "),
    csv(
        "csv-question-mark",
        "numbers 1 to 10 and ?, as in the data of UCI",
        lines(
            "a,nuclei,kind", lambda i: f"{i},{'?' if i % 20 == 3 else i % 10 + 1},{kind(i)}", 100
        ),
        trains(
            "a integer | nuclei integer | *kind text",
            samples=100,
            missing={"nuclei": 5},
            says=("?",),
        ),
    ),
    csv(
        "csv-stata-missing",
        "missing numbers as .a, .b and .z, as Stata writes",
        column("a", lambda i: {3: ".a", 40: ".b", 77: ".z"}.get(i, f"{i}.5"), 100),
        refused("a", ".a", "5"),
    ),
    csv(
        "csv-missing-code",
        "missing numbers as -999, which nothing tells from a number",
        gaps("-999"),
        trains(SEEN, samples=100, missing={"a": 0}),
    ),
    csv(
        "csv-missing-code-said",
        "missing numbers as -999, and the user says so",
        gaps("-999"),
        trains(SEEN, samples=100, missing={"a": 5}),
        choices={"missing": ["-999"]},
    ),
    csv(
        "csv-missing-word",
        "missing numbers in words of the user's language",
        gaps("fehlt"),
        refused("a", "fehlt", "5"),
    ),
    csv(
        "csv-missing-word-said",
        "missing numbers in words of the user's language, which the user names",
        gaps("fehlt"),
        trains(SEEN, samples=100, missing={"a": 5}),
        choices={"missing": ["fehlt"]},
    ),
    csv(
        "csv-missing-spellings",
        "missing numbers in twelve spellings at once",
        column("a", lambda i: SPELLINGS[i // 20 % 12] if i % 20 == 3 else f"{i}.5", 300),
        trains(SEEN, samples=300, missing={"a": 15}),
    ),
    csv(
        "csv-blank-number",
        "a column of charges with blanks, as in the table of a telephone company",
        lines(
            "tenure,charges,kind", lambda i: f"{i},{' ' if i % 60 == 7 else i * 1.5},{kind(i)}", 300
        ),
        trains("tenure integer | charges number | *kind text", samples=300, missing={"charges": 5}),
    ),
    csv(
        "csv-all-missing",
        "a column without any value",
        column("a", lambda _: ""),
        trains("-a other/text/number/integer | b integer | *kind text", says=("a",)),
    ),
    csv(
        "csv-all-na",
        "a column of nothing but NA",
        column("a", lambda _: "NA"),
        trains("-a other/text/number/integer | b integer | *kind text"),
    ),
    csv(
        "csv-constant",
        "a column of one value",
        column("a", lambda _: "7"),
        trains("a integer | b integer | *kind text"),
    ),
    csv(
        "csv-missing-text",
        "missing texts as empty fields",
        column("a", lambda i: ("", "red", "blue")[i % 3]),
        trains("a text | b integer | *kind text", missing={"a": 14}),
    ),
    csv(
        "csv-na-text",
        "NA among texts stays a value: it may be Namibia",
        column("land", lambda i: ("NA", "ZA", "BW")[i % 3]),
        trains("land text | b integer | *kind text", missing={"land": 0}, says=("NA",)),
    ),
    csv(
        "csv-na-text-and-number",
        "NA among texts, and NA beside the numbers of another column",
        lines(
            "a,sex,kind",
            lambda i: f"{'NA' if i % 20 == 3 else i},{('f', 'm', 'NA')[i % 3]},{kind(i)}",
            60,
        ),
        trains(
            "a integer | sex text | *kind text",
            samples=60,
            missing={"a": 3, "sex": 20},
            says=("'NA' stands for a missing value beside the numbers of 'a'", "--missing ''"),
        ),
    ),
    csv(
        "csv-na-text-kept",
        "NA among texts and beside numbers, and the user says that it is a value",
        lines(
            "a,land,kind",
            lambda i: f"{'NA' if i % 20 == 3 else i},{('ZA', 'BW', 'NA')[i % 3]},{kind(i)}",
            60,
        ),
        trains(
            "a integer | land text | *kind text",
            samples=60,
            missing={"a": 3, "land": 0},
            says=("'NA' is a value there",),
        ),
        choices={"missing": []},
    ),
    csv(
        "csv-two-missing-texts",
        "NA beside numbers, and NA and ? among texts",
        lines(
            "a,sex,kind",
            lambda i: f"{'NA' if i % 20 == 3 else i},{('f', '?', 'NA')[i % 3]},{kind(i)}",
            60,
        ),
        trains(
            "a integer | sex text | *kind text",
            samples=60,
            missing={"a": 3, "sex": 20},
            says=("'?' is a value there",),
        ),
    ),
    csv(
        "csv-last-mostly-empty",
        "a last column of remarks, empty in most rows",
        lines("a,kind,remarks", lambda i: f"{i},{kind(i)},{'late' if i % 9 == 0 else ''}", 60),
        refused("the last column 'remarks' has no value in 53 of 60 rows", "--target"),
    ),
    csv(
        "csv-last-empty",
        "a last column without any value",
        lines("a,kind,remarks", lambda i: f"{i},{kind(i)},", 60),
        refused("the last column 'remarks' has no value in 60 of 60 rows", "--target"),
    ),
    csv(
        "csv-last-mostly-na",
        "a last column of remarks that is NA in most rows, as numbers are in some",
        lines(
            "a,kind,remarks",
            lambda i: f"{'NA' if i == 3 else i},{kind(i)},{'late' if i % 9 == 0 else 'NA'}",
            60,
        ),
        refused("the last column 'remarks' has no value in 53 of 60 rows", "--target"),
    ),
    csv(
        "csv-na-target-number",
        "a target of regression with NA",
        lines("a,b,price", lambda i: f"{i},{i % 5},{'NA' if i % 20 == 3 else i * 1.5}", 100),
        trains(
            "a integer | b integer | *price number",
            None,
            100,
            task="tabular-regression",
            missing={"price": 5},
            says=("left out",),
        ),
        training=REGRESSION,
    ),
    csv(
        "csv-label-missing",
        "a class that is missing in some rows",
        lines("a,b,kind", lambda i: f"{i},{i % 5},{'' if i % 20 == 3 else kind(i)}", 60),
        trains(
            "a integer | b integer | *kind text",
            samples=60,
            missing={"kind": 3},
            says=("left out",),
        ),
    ),
    csv(
        "csv-ragged",
        "a row with too few values",
        "a,b,kind\n1,2,p\n1,2\n3,4,q\n",
        refused("line 3", "2", "3"),
    ),
    csv(
        "csv-ragged-long",
        "a row with a comma too many, at line 20,000",
        lines("a,b,kind", lambda i: plain(i) + (",x" if i == 19_998 else ""), 21_000),
        refused("line 20000", "4", "3"),
    ),
    csv(
        "csv-short-rows",
        "empty values at the end of rows left out, as Excel does",
        lines("a,b,kind", lambda i: f"{i}" if i == 39 else plain(i)),
        refused("line 41", "1", "3"),
    ),
)
