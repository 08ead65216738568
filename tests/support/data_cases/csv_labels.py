"""CSV files by the classes of their target."""

from __future__ import annotations

from csv_rows import REGRESSION, csv, labelled, lines, trains
from data_case import Case, RefusedInTraining, refused


def classes(name: str, what: str, target: str, values: tuple[str, ...], kind: str = "text") -> Case:
    """A case whose classes stay as they are written."""
    return csv(
        name,
        what,
        labelled(target, values),
        trains(f"a integer | b integer | *{target} {kind}", tuple(sorted(values)), 60),
    )


LONG = "a class with a very long name " * 20

CASES: tuple[Case, ...] = (
    classes("csv-label-na", "country codes, of which NA is Namibia", "country", ("NA", "ZA")),
    classes("csv-label-none", "the class None beside High", "risk", ("High", "None")),
    classes("csv-label-null", "the class null beside other words", "state", ("null", "set")),
    classes("csv-label-bool", "True and False", "churn", ("False", "True"), "boolean/text"),
    classes("csv-label-bool-lower", "true and false", "churn", ("false", "true"), "boolean/text"),
    classes(
        "csv-label-bool-upper",
        "TRUE and FALSE, as R writes",
        "churn",
        ("FALSE", "TRUE"),
        "boolean/text",
    ),
    classes("csv-label-yes-no", "Yes and No", "churn", ("No", "Yes"), "boolean/text"),
    classes("csv-label-y-n", "Y and N", "churn", ("N", "Y"), "boolean/text"),
    classes(
        "csv-label-t-f", "T and F, as PostgreSQL and R write", "churn", ("F", "T"), "boolean/text"
    ),
    classes("csv-label-on-off", "on and off", "lamp", ("off", "on"), "boolean/text"),
    classes("csv-label-digits", "0 and 1", "churn", ("0", "1"), "integer"),
    classes("csv-label-ja-nein", "ja and nein", "churn", ("ja", "nein")),
    classes(
        "csv-label-leading-zero",
        "postal codes with leading zeros",
        "plz",
        ("01067", "04109"),
        "text/integer",
    ),
    classes(
        "csv-label-mixed-zero",
        "codes of which few have leading zeros",
        "code",
        ("007", "12", "345"),
        "text/integer",
    ),
    classes("csv-label-numbers-and-text", "numbers and a text", "grade", ("1", "2", "fail")),
    classes(
        "csv-label-float", "classes 1.0, 2.0 and 3.0", "quality", ("1.0", "2.0", "3.0"), "number"
    ),
    classes("csv-label-decimals", "classes 1.50 and 2.00", "size", ("1.50", "2.00"), "number"),
    classes("csv-label-minus-one", "classes -1 and 1", "side", ("-1", "1"), "integer"),
    classes(
        "csv-label-bigint",
        "two ids beyond 2^53",
        "account",
        ("9007199254740992", "9007199254740993"),
        "integer",
    ),
    classes(
        "csv-label-bigint-3",
        "three ids beyond 2^53",
        "account",
        ("9007199254740992", "9007199254740993", "9007199254740995"),
        "integer",
    ),
    classes(
        "csv-label-digits-40",
        "classes of 40 digits",
        "key",
        ("1" * 39 + "1", "1" * 39 + "2"),
        "integer/text/number",
    ),
    classes(
        "csv-label-date", "dates as classes", "batch", ("2024-01-01", "2024-02-01"), "date/text"
    ),
    classes("csv-label-time", "times of day as classes", "shift", ("06:00", "14:00", "22:00")),
    classes("csv-label-version", "version numbers as classes", "release", ("1.10.0", "1.9.0")),
    classes("csv-label-hex", "hexadecimal classes", "colour", ("#00ff00", "#ff0000")),
    classes(
        "csv-label-exponent",
        "codes that read like powers of ten",
        "gene",
        ("1E5", "2E5"),
        "number/text",
    ),
    classes("csv-label-spaces", "classes of several words", "animal", ("big cat", "small dog")),
    classes("csv-label-slashes", "classes with slashes", "path", ("a/b", "a/c", "../d")),
    classes("csv-label-long", "classes of 600 letters", "topic", (LONG + "a", LONG + "b")),
    classes("csv-label-case", "classes that differ in case alone", "team", ("Red", "red")),
    classes("csv-label-dash", "the class - beside +", "test", ("+", "-")),
    classes("csv-label-question", "the class ? beside !", "mark", ("!", "?")),
    classes("csv-label-html", "classes with the signs of HTML", "tag", ("<b>&amp;</b>", "<i>")),
    classes("csv-label-arabic", "classes written from right to left", "lang", ("عربي", "עברית")),
    csv(
        "csv-label-trailing-space",
        "classes of which some have a space after them",
        labelled("kind", ("p", "p ", "q")),
        trains("a integer | b integer | *kind text", ("p", "q"), 60),
    ),
    csv(
        "csv-label-quoted-comma",
        "classes with a comma, in quotes",
        labelled("place", ('"Ulm, DE"', '"Bern, CH"')),
        trains("a integer | b integer | *place text", ("Bern, CH", "Ulm, DE"), 60),
    ),
    csv(
        "csv-single-class",
        "a target of one class",
        labelled("kind", ("p",)),
        RefusedInTraining(("kind", "'p'")),
    ),
    csv(
        "csv-imbalanced",
        "495 rows of one class and 5 of another",
        lines("a,b,kind", lambda i: f"{i},{i % 5},{'rare' if i % 100 == 3 else 'common'}", 500),
        trains("a integer | b integer | *kind text", ("common", "rare"), 500),
    ),
    csv(
        "train-rare-class",
        "one row of a class",
        lines("a,b,kind", lambda i: f"{i},{i % 5},{'r' if i == 30 else 'pq'[i % 2]}", 60),
        trains("a integer | b integer | *kind text", ("p", "q", "r"), 60),
    ),
    csv(
        "csv-label-each-row",
        "a different text in each row as the target",
        lines("a,b,name", lambda i: f"{i},{i % 5},person {i}", 200),
        refused("name", "200"),
    ),
    csv(
        "csv-label-many",
        "150 classes in 3,000 rows",
        lines("a,b,kind", lambda i: f"{i},{i % 5},class {i % 150:03}", 3000),
        trains(
            "a integer | b integer | *kind text", tuple(f"class {i:03}" for i in range(150)), 3000
        ),
    ),
    csv(
        "csv-label-too-many",
        "1,500 classes in 6,000 rows",
        lines("a,b,kind", lambda i: f"{i},{i % 5},class {i % 1500:04}", 6000),
        refused("kind", "1000"),
    ),
    csv(
        "csv-label-fraction",
        "100 different fractions as the target",
        lines("a,b,price", lambda i: f"{i},{i % 5},{i * 0.37:.2f}", 100),
        trains("a integer | b integer | *price number", None, 100, task="tabular-regression"),
    ),
    csv(
        "csv-duplicate-rows",
        "the same two rows over and over",
        lines("a,b,kind", lambda i: f"{i % 2},{i % 2},{'pq'[i % 2]}", 60),
        trains("a integer | b integer | *kind text", ("p", "q"), 60),
    ),
    csv("csv-single-row", "a single row", "a,b,kind\n1,2,p\n", refused("1 row")),
    csv(
        "csv-two-rows",
        "two rows of two classes",
        "a,b,kind\n1,2,p\n3,4,q\n",
        trains("a integer | b integer | *kind text", ("p", "q"), 2),
        training={"validationSplit": 0},
    ),
    csv(
        "train-outlier-in-validation",
        "a target of regression with one value of 1e30",
        lines("a,price", lambda i: f"{i / 100},{'1e30' if i == 37 else 1 + i / 100}", 100),
        trains("a number | *price number", None, 100, task="tabular-regression"),
        training=REGRESSION,
    ),
    classes("csv-label-stars", "stars as classes", "rating", ("*", "**", "***")),
    classes("csv-label-not-available", "N/A beside yes and no", "answer", ("N/A", "no", "yes")),
    classes("csv-label-integer-gaps", "classes 3, 7 and 100", "code", ("100", "3", "7"), "integer"),
    classes(
        "csv-label-percent", "classes 10% and 20%", "share", ("10%", "20%"), "integer/number/text"
    ),
    csv(
        "csv-label-null-number",
        "NULL beside the classes 0 and 1",
        labelled("kind", ("NULL", "0", "1")),
        trains("a integer | b integer | *kind integer", ("0", "1"), 60, says=("left out",)),
    ),
)
