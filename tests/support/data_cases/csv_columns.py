"""CSV files by what their columns are: dates, booleans, codes, identifiers, the target."""

from __future__ import annotations

import datetime
from collections.abc import Callable

from csv_rows import KINDS, column, csv, kind, lines, trains
from data_case import Case, refused

START = datetime.datetime(2024, 1, 1, 6, 30, tzinfo=datetime.UTC)


def dated(name: str, what: str, written: str, kinds: str = "date/text") -> Case:
    """A column of dates, which are no features."""
    return csv(
        name,
        what,
        column("day", lambda i: f"{START + datetime.timedelta(days=i, hours=i):{written}}", 60),
        trains(f"-day {kinds} | b integer | *kind text", samples=60, says=("day",)),
    )


def coded(name: str, what: str, values: Callable[[int], str], kind_of_column: str = "text") -> Case:
    """A column of few different values."""
    return csv(
        name,
        what,
        column("a", values, 60),
        trains(f"a {kind_of_column} | b integer | *kind text", samples=60),
    )


def choice(*values: str) -> Callable[[int], str]:
    """The values in turn."""
    return lambda i: values[i % len(values)]


def people(row: Callable[[int], str]) -> str:
    """A table of passengers with names, tickets and cabins."""
    return lines("id,fullname,ticket,cabin,sex,age,survived", row, 150)


def passenger(i: int) -> str:
    """One of them."""
    cabin, age = (f"C{i}" if i % 4 == 0 else ""), ("" if i % 11 == 0 else i % 80)
    return (
        f'{i},"Person {i}, Mr. X",T{i * 7},{cabin},{("male", "female")[i % 3 // 2]},{age},{i % 2}'
    )


DAY_IGNORED = "-day date/other | b integer | *kind text"

CASES: tuple[Case, ...] = (
    dated("csv-date-feature", "a column of dates: 2024-01-31", "%Y-%m-%d"),
    dated("csv-date-german", "dates as 31.01.2024", "%d.%m.%Y"),
    dated("csv-date-american", "dates as 01/31/2024", "%m/%d/%Y"),
    dated("csv-date-british", "dates as 31/01/24", "%d/%m/%y"),
    dated("csv-date-sas", "dates as 31JAN2024, as SAS writes", "%d%b%Y"),
    dated("csv-date-words", "dates as Jan 31, 2024, in quotes", '"%b %d, %Y"'),
    dated("csv-date-compact", "dates as 20240131T063000Z", "%Y%m%dT%H%M%SZ", "timestamp/text"),
    dated("csv-timestamp", "times as 2024-01-31 06:30:00", "%Y-%m-%d %H:%M:%S", "timestamp/text"),
    dated(
        "csv-timestamp-zone",
        "times as 2024-01-31T06:30:00+00:00",
        "%Y-%m-%dT%H:%M:%S+00:00",
        "timestamp/text",
    ),
    csv(
        "csv-date-ignored",
        "a column of dates that the user ignores",
        column("day", lambda i: f"2024-{i % 12 + 1:02}-01", 60),
        trains(DAY_IGNORED, samples=60),
        choices={"ignore": ["day"]},
    ),
    csv(
        "csv-date-as-text",
        "a column of few dates that the user takes as texts",
        column("day", lambda i: f"2024-0{i % 3 + 1}-01", 60),
        trains("day text | b integer | *kind text", samples=60),
        choices={"types": {"day": "text"}},
    ),
    csv(
        "csv-year",
        "years, which are numbers",
        column("year", lambda i: f"{1980 + i}"),
        trains("year integer | b integer | *kind text"),
    ),
    coded("csv-weekday", "days of the week", choice("Mon", "Tue", "Wed")),
    coded(
        "csv-clock",
        "times of day in few different texts",
        choice("06:00", "14:00", "22:00"),
        "text/other",
    ),
    coded("csv-bool-words", "true and false", choice("true", "false"), "boolean"),
    coded(
        "csv-bool-upper", "TRUE and FALSE, as Excel and R write", choice("TRUE", "FALSE"), "boolean"
    ),
    coded("csv-bool-yes-no", "yes and no", choice("yes", "no"), "boolean/text"),
    coded("csv-bool-t-f", "T and F", choice("T", "F"), "boolean/text"),
    coded(
        "csv-feature-bool-mixed",
        "yes, no, true and false in one column",
        choice("yes", "no", "true", "false"),
    ),
    coded(
        "csv-bool-and-digits",
        "1, 0 and true, false in one column",
        choice("1", "0", "true", "false"),
    ),
    coded(
        "csv-code-leading-zero",
        "codes with leading zeros",
        choice("01", "02", "10"),
        "text/integer",
    ),
    coded(
        "csv-phone",
        "telephone numbers of few offices",
        choice("+49 731 1234", "0731/1235", "(0731) 1236"),
    ),
    coded("csv-json-texts", "JSON inside of few texts", choice('"{""k"": 1}"', '"{""k"": 2}"')),
    coded("csv-emoji", "emoji as texts", choice("🙂", "🙁")),
    coded("csv-wkt", "points of a map in few texts", choice("POINT (1 2)", "POINT (3 4)")),
    coded(
        "csv-formula", "texts that a spreadsheet would compute", choice("=1+1", "@SUM(A1)", "+A2")
    ),
    csv(
        "csv-titanic-like",
        "passengers: names, tickets and cabins name each row",
        people(passenger),
        trains(
            "-id integer | -fullname text | -ticket text | cabin text"
            " | sex text | age integer | *survived integer",
            ("0", "1"),
            150,
            says=("fullname", "ticket"),
        ),
    ),
    csv(
        "csv-titanic-like-ignored",
        "passengers, whose names, tickets and cabins the user ignores",
        people(passenger),
        trains(
            "-id integer | -fullname text/other | -ticket text/other | -cabin text/other"
            " | sex text | age integer | *survived integer",
            ("0", "1"),
            150,
        ),
        choices={"ignore": ["fullname", "ticket", "cabin"]},
    ),
    csv(
        "csv-uuid",
        "a UUID in each row",
        column("id", lambda i: f"{i:08x}-0000-4000-8000-{i:012x}", 100),
        trains("-id text | b integer | *kind text", samples=100, says=("id",)),
    ),
    csv(
        "csv-long-field",
        "a text of 140,000 letters in an ignored column",
        column("note", lambda i: "x" * (140_000 if i == 3 else 5)),
        trains("-note text/other | b integer | *kind text"),
        choices={"ignore": ["note"]},
    ),
    csv(
        "csv-label-first",
        "the target first, as in MNIST's table: label,px0,px1",
        lines("label,px0,px1", lambda i: f"{i % 3},{i},{i % 2}", 60),
        trains("*label integer | px0 integer | px1 integer", ("0", "1", "2"), 60),
    ),
    csv(
        "csv-feature-y",
        "coordinates x, y, z before the species",
        lines("x,y,z,species", lambda i: f"{i},{i},{i % 3},{('elm', 'oak')[i % 2]}", 60),
        trains("x integer | y integer | z integer | *species text", ("elm", "oak"), 60),
    ),
    csv(
        "csv-target-y",
        "features x1 and x2 after a target y",
        lines("y,x1,x2", lambda i: f"{i % 2},{i},{i % 5}", 60),
        trains("*y integer | x1 integer | x2 integer", ("0", "1"), 60),
    ),
    csv(
        "csv-target-case",
        "a target called Target, first",
        lines("Target,a,b", lambda i: f"{kind(i)},{i},{i % 5}", 60),
        trains("*Target text | a integer | b integer", KINDS, 60),
    ),
    csv(
        "csv-target-class",
        "a target called Class, in the middle",
        lines("a,Class,b", lambda i: f"{i},{kind(i)},{i % 5}", 60),
        trains("a integer | *Class text | b integer", KINDS, 60),
    ),
    csv(
        "csv-target-chosen",
        "a target that the user names",
        lines("kind,a,b", lambda i: f"{kind(i)},{i},{i % 5}", 60),
        trains("*kind text | a integer | b integer", KINDS, 60),
        choices={"target": "kind"},
    ),
    csv(
        "csv-id-last",
        "a running number as the last column",
        lines("a,kind,id", lambda i: f"{i % 7},{kind(i)},{i + 1}", 60),
        refused("id", "target"),
    ),
    csv(
        "csv-target-wrong",
        "a choice that names no column",
        lines("a,b,kind", lambda i: f"{i},{i % 5},{kind(i)}"),
        refused("knd", "kind"),
        choices={"target": "knd"},
    ),
    csv(
        "csv-ignore-wrong",
        "an ignored column that is not there",
        lines("a,b,kind", lambda i: f"{i},{i % 5},{kind(i)}"),
        refused("nope", "kind"),
        choices={"ignore": ["nope"]},
    ),
    csv(
        "csv-type-wrong",
        "a type that the values do not have",
        lines("a,b,kind", lambda i: f"{i},{i % 5},{kind(i)}"),
        refused("kind", "'p'", "integer"),
        choices={"types": {"kind": "integer"}},
    ),
    csv(
        "csv-ip",
        "an address of a computer in each row",
        column("ip", lambda i: f"10.0.0.{i}", 100),
        trains("-ip text | b integer | *kind text", samples=100, says=("ip",)),
    ),
    csv(
        "csv-epoch",
        "seconds since 1970, which are numbers",
        column("at", lambda i: f"{1700000000 + 3600 * i}"),
        trains("at integer | b integer | *kind text"),
    ),
    csv(
        "csv-month",
        "months as 2024-01",
        column("month", lambda i: f"{1950 + i // 12}-{i % 12 + 1:02}", 100),
        trains("-month text/date | b integer | *kind text", samples=100, says=("month",)),
    ),
)
