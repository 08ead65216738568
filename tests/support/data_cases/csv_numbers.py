"""CSV files by how their numbers are written."""

from __future__ import annotations

from csv_rows import REGRESSION, column, csv, kind, lines, trains
from data_case import Case, refused


def german(i: int) -> str:
    """A number such as 1.234,50."""
    return f"{i + 1}.{i * 7 % 900 + 100},50"


def accounting(i: int) -> str:
    """A number in brackets where it is negative, as accountants write."""
    return f"({i}.50)" if i % 3 == 0 else f"{i}.50"


SEEN = "a number | b integer | *kind text"

CASES: tuple[Case, ...] = (
    csv(
        "csv-decimal-comma-quoted",
        "200 numbers with decimal commas in quotes",
        column("a", lambda i: f'"{i},5"', 200),
        trains(SEEN, samples=200, says=("0,5",)),
    ),
    csv(
        "csv-decimal-comma-quoted-few",
        "few different numbers with decimal commas in quotes",
        column("a", lambda i: f'"{i % 9},5"', 60),
        trains(SEEN, samples=60, says=("0,5",)),
    ),
    csv(
        "csv-thousands",
        'commas between thousands: "1,000"',
        lines("price,b,kind", lambda i: f'"{i + 1},{i:03}",{i % 5},{kind(i)}', 200),
        trains("price integer | b integer | *kind text", samples=200, says=("1,000",)),
    ),
    csv(
        "csv-thousands-and-decimals",
        'commas between thousands and a decimal point: "1,234.50"',
        lines("price,b,kind", lambda i: f'"{i + 1},{i:03}.50",{i % 5},{kind(i)}'),
        trains("price number | b integer | *kind text", says=("price",)),
    ),
    csv(
        "csv-german-numbers",
        "points between thousands and a decimal comma: 1.234,50",
        lines("preis;b;kind", lambda i: f"{german(i)};{i % 5};{kind(i)}"),
        trains("preis number | b integer | *kind text", says=("preis",)),
    ),
    csv(
        "csv-swiss-numbers",
        "apostrophes between thousands: 1'234.50",
        lines("preis;b;kind", lambda i: f"{i + 1}'{i:03}.50;{i % 5};{kind(i)}"),
        trains("preis number | b integer | *kind text", says=("preis",)),
    ),
    csv(
        "csv-reg-price-text",
        "a target with a dollar sign",
        lines("a,price", lambda i: f"{i},${i}.50", 60),
        trains("a integer | *price number", None, 60, task="tabular-regression", says=("$0.50",)),
        training=REGRESSION,
    ),
    csv(
        "csv-euro",
        "a feature with a euro sign after it",
        column("price", lambda i: f"{i}.50 €"),
        trains("price number | b integer | *kind text", says=("0.50 €",)),
    ),
    csv(
        "csv-percent",
        "percentages: 5%",
        column("share", lambda i: f"{i % 30}%", 200),
        trains("share number/integer | b integer | *kind text", samples=200, says=("%",)),
    ),
    csv(
        "csv-units",
        "numbers with a unit: 12 cm",
        column("length", lambda i: f"{i} cm", 200),
        refused("length", "cm"),
    ),
    csv(
        "csv-accounting",
        "negative numbers in brackets",
        column("balance", accounting, 200),
        refused("balance", "(0.50)"),
    ),
    csv(
        "csv-range",
        "ranges: 10-19, in few different texts",
        column("age", lambda i: f"{i % 5}0-{i % 5}9"),
        trains("age text | b integer | *kind text"),
    ),
    csv(
        "csv-plus-sign",
        "numbers with a plus sign",
        column("a", lambda i: f"{i - 20:+d}.5"),
        trains(SEEN),
    ),
    csv(
        "csv-minus-sign",
        "a minus sign of typography (U+2212)",
        column("a", lambda i: f"{i - 20}".replace("-", "\u2212"), 200),
        refused("a", "\u2212"),
    ),
    csv(
        "csv-scientific",
        "powers of ten: 1.5e-03 and 2E+05",
        column("a", lambda i: f"{i}.5e-03" if i % 2 else f"{i}E+05"),
        trains(SEEN),
    ),
    csv(
        "csv-fortran-exponent",
        "powers of ten with a D, as Fortran and Stata write: 1.5D+03",
        column("a", lambda i: f"{i}.5D+03", 200),
        refused("a", "D+03"),
    ),
    csv(
        "csv-point-first",
        "numbers without a zero before the point, as SAS and SPSS write: .5, -.5",
        column("a", lambda i: f"{'-' if i % 2 else ''}.{i}"),
        trains(SEEN),
    ),
    csv(
        "csv-point-last",
        "numbers that end in a point: 5.",
        column("a", lambda i: f"{i}."),
        trains(SEEN),
    ),
    csv(
        "csv-hexadecimal",
        "hexadecimal numbers: 0x1f",
        column("a", lambda i: f"{i * 7:#06x}", 200),
        refused("a", "0x"),
    ),
    csv(
        "csv-int-then-float",
        "30,000 whole numbers before the first with decimals",
        column("a", lambda i: f"{i}.5" if i > 30_000 else f"{i}", 32_000),
        trains(SEEN, samples=32_000),
        training={"epochs": 1, "batchSize": 4096},
    ),
    csv(
        "csv-late-text",
        "30,000 numbers before a text",
        column("a", lambda i: "n/v" if i == 30_100 else f"{i}", 32_000),
        refused("a", "n/v", "30102"),
    ),
    csv(
        "csv-two-odd-texts",
        "numbers with two texts among them",
        column("a", lambda i: {50: "broken", 90: "see note"}.get(i, f"{i}.25"), 200),
        refused("a", "broken", "52"),
    ),
    csv(
        "csv-uint64",
        "numbers above 2^63",
        column("a", lambda i: f"{18446744073709551000 + i}", 60),
        trains("a integer/number | b integer | *kind text", samples=60),
    ),
    csv(
        "csv-huge-integers",
        "whole numbers of 30 digits",
        column("a", lambda i: f"{i + 1}{'0' * 29}"),
        trains("a integer/number | b integer | *kind text"),
    ),
    csv(
        "csv-long-decimals",
        "decimals of 25 digits",
        column("a", lambda i: f"{i}.1234567890123456789012345"),
        trains(SEEN),
    ),
    csv(
        "csv-inf",
        "an infinite value",
        column("a", lambda i: "inf" if i == 30 else f"{i}.5", 60),
        refused("a", "inf", "32"),
    ),
    csv(
        "csv-infinity-spelled",
        "an infinite value, spelled -Infinity",
        column("a", lambda i: "-Infinity" if i == 30 else f"{i}.5", 60),
        refused("a", "-Infinity", "32"),
    ),
    csv(
        "csv-beyond-double",
        "a number beyond the range of a double: 1e400",
        column("a", lambda i: "1e400" if i == 30 else f"{i}.5", 60),
        refused("a", "1e400", "32"),
    ),
    csv(
        "train-1e300-feature",
        "values so far apart that they have no finite spread",
        lines("a,b,kind", lambda i: f"{i % 2}.0e{300 * (i % 2)},{i % 7},{kind(i)}", 60),
        refused("a", "1.0e300"),
    ),
    csv(
        "csv-constant-target-fraction",
        "a target of regression that is always 0.1",
        lines("a,price", lambda i: f"{i},0.1", 60),
        trains("a integer | *price number", None, 60, task="tabular-regression"),
    ),
    csv(
        "csv-many-classes-int-reg",
        "200 different whole prices: a target of regression",
        lines("a,b,price", lambda i: f"{i},{i % 5},{i * 10}", 200),
        trains("a integer | b integer | *price integer", None, 200, task="tabular-regression"),
    ),
    csv(
        "csv-arabic-digits",
        "digits of Arabic",
        column("a", lambda i: "".join(chr(0x660 + int(d)) for d in str(i)), 200),
        refused("a"),
    ),
    csv(
        "csv-below-detection",
        "numbers below what a device sees: <0.006",
        column("c", lambda i: f"{'<' if i % 20 == 0 else ''}0.{i + 1:03}", 200),
        refused("c", "<0.001"),
    ),
    csv(
        "csv-kilo",
        "thousands as k: 1.5k",
        column("price", lambda i: f"{i}.5k", 200),
        refused("price", "0.5k"),
    ),
)
