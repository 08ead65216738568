"""The form of a value, and the type of a column by the forms of its values."""

from __future__ import annotations

import pytest

from trainyard_api.datasets.schema import NumberFormat
from trainyard_data.tables.values.column_types import column_type, plain_number
from trainyard_data.tables.values.forms import Form, Kind, form_of

FORMS = {
    "7": Kind.INTEGER, "-7": Kind.INTEGER, "+7": Kind.INTEGER, "0": Kind.INTEGER,
    "01067": Kind.CODE, "00": Kind.CODE, "1.5": Kind.POINT, "1.": Kind.POINT, ".5": Kind.POINT,
    "1e5": Kind.POINT, "0.125": Kind.POINT, "1.234": Kind.POINT_THREE,
    "1.234.567": Kind.POINT_GROUPS, "1.234,5": Kind.POINT_COMMA, "1,5": Kind.COMMA,
    "0,125": Kind.COMMA, "1,234": Kind.COMMA_THREE, "1,234,567": Kind.COMMA_GROUPS,
    "1,234.5": Kind.COMMA_POINT, "1 234": Kind.SPACE_GROUPS, "1'234.50": Kind.SPACE_POINT,
    "1\u202f234,5": Kind.SPACE_COMMA, "inf": Kind.INFINITE, "-Infinity": Kind.INFINITE,
    "true": Kind.BOOLEAN, "FALSE": Kind.BOOLEAN, "2024-01-31": Kind.DATE, "31.01.2024": Kind.DATE,
    "1/31/24": Kind.DATE, "31JAN2024": Kind.DATE, "Jan 31, 2024": Kind.DATE,
    "2024-01-31 06:30": Kind.TIMESTAMP, "2024-01-31T06:30:00+00:00": Kind.TIMESTAMP,
    "20240131T063000Z": Kind.TIMESTAMP, "NA": Kind.MISSING, "?": Kind.MISSING, "nan": Kind.MISSING,
    "None": Kind.MISSING, "12 cm": Kind.ODD, "(0.50)": Kind.ODD, "0x1f": Kind.ODD,
    "1.5D+03": Kind.ODD, "\u22125": Kind.ODD, "x7": Kind.TEXT, "1e": Kind.ODD, "2024-05": Kind.TEXT,
    "10-19": Kind.TEXT, "10.0.0.1": Kind.TEXT, "yes": Kind.TEXT, "nan(1)": Kind.TEXT,
}  # fmt: skip


@pytest.mark.parametrize(("text", "kind"), FORMS.items(), ids=FORMS)
def test_a_text_has_one_form(text: str, kind: Kind) -> None:
    assert form_of(text).kind is kind


@pytest.mark.parametrize(
    ("text", "kind", "sign"),
    [
        ("5%", Kind.INTEGER, "%"),
        ("5 %", Kind.INTEGER, "%"),
        ("-$1.50", Kind.POINT, "$"),
        ("1.234,50 €", Kind.POINT_COMMA, "€"),
    ],
)
def test_a_sign_at_a_number_is_part_of_its_form(text: str, kind: Kind, sign: str) -> None:
    assert form_of(text) == Form(kind, sign)


def test_texts_of_missing_values_can_be_chosen() -> None:
    assert form_of("NA", missing=["fehlt"]).kind is Kind.TEXT
    assert form_of("fehlt", missing=["fehlt"]).kind is Kind.MISSING


PLAIN: dict[str, tuple[tuple[str, ...], str]] = {
    "integers": (("1", "-2"), "integer"),
    "integers and decimals": (("1", "2.5"), "number"),
    "numbers and NA": (("1", "NA"), "integer"),
    "nothing but NA": (("NA", "?"), "number"),
    "codes with zeros": (("01", "20"), "text"),
    "booleans": (("true", "FALSE", "NA"), "boolean"),
    "booleans and digits": (("true", "1"), "text"),
    "dates": (("2024-01-31", "NA"), "date"),
    "dates and times": (("2024-01-31", "2024-01-31 06:30"), "timestamp"),
    "dates and a text": (("2024-01-31", "unknown"), "text"),
    "numbers and a text": (("1", "x"), "text"),
    "two decimal marks": (("1.5", "1,5"), "text"),
    "signs at some": (("5%", "6"), "text"),
}


@pytest.mark.parametrize(("texts", "kind"), PLAIN.values(), ids=PLAIN)
def test_the_type_follows_from_the_forms(texts: tuple[str, ...], kind: str) -> None:
    decided = column_type({form_of(t): t for t in texts}, None)

    assert (decided.type, decided.numbers) == (kind, None)


WRITTEN: dict[str, tuple[tuple[str, ...], str, str, NumberFormat]] = {
    "decimal commas": (("1,5", "2"), ".", "number", NumberFormat(decimal=",")),
    "thousands": (("1,234", "5"), ".", "integer", NumberFormat(grouping=",")),
    "a comma of three digits in a file of semicolons": (
        ("1,234",), ",", "number", NumberFormat(decimal=","),
    ),
    "thousands and decimals": (("1,234.50", "3.25"), ".", "number", NumberFormat(grouping=",")),
    "points as groups": (("1.234.567",), ".", "integer", NumberFormat(decimal=",", grouping=".")),
    "points as groups before a comma": (
        ("1.234", "1,5"), ".", "number", NumberFormat(decimal=",", grouping="."),
    ),
    "apostrophes": (("1'234.50",), ".", "number", NumberFormat(grouping=" ")),
    "per cent": (("5%", "6.5 %"), ".", "number", NumberFormat(sign="%")),
    "dollars": (("$1", "$1,000.50"), ".", "number", NumberFormat(grouping=",", sign="$")),
}  # fmt: skip


@pytest.mark.parametrize(("texts", "hint", "kind", "numbers"), WRITTEN.values(), ids=WRITTEN)
def test_numbers_that_are_not_plain_have_a_format_and_say_so(
    texts: tuple[str, ...], hint: str, kind: str, numbers: NumberFormat
) -> None:
    decided = column_type({form_of(t): t for t in texts}, None, hint)

    assert (decided.type, decided.numbers) == (kind, numbers)
    assert "is read as" in (decided.reason or "")


READ: dict[str, tuple[str, NumberFormat, str | None]] = {
    "plain": ("1.5", NumberFormat(), "1.5"),
    "zeros before it": ("007", NumberFormat(), "007"),
    "a comma": ("1,5", NumberFormat(), None),
    "groups": ("1,234", NumberFormat(), None),
    "a sign": ("5%", NumberFormat(), None),
    "groups in a column of groups": ("1,234", NumberFormat(grouping=","), "1234"),
    "a comma in a column of groups": ("1,5", NumberFormat(grouping=","), None),
    "three digits after a decimal comma": ("1,234", NumberFormat(decimal=","), "1.234"),
    "a point in a column of commas": ("1.5", NumberFormat(decimal=","), None),
    "groups and a comma": ("1.234,5", NumberFormat(decimal=",", grouping="."), "1234.5"),
    "no sign in a column of signs": ("5", NumberFormat(sign="%"), None),
    "a sign in a column of signs": ("5 %", NumberFormat(sign="%"), "5"),
    "spaces": ("1 234", NumberFormat(grouping=" "), "1234"),
}


@pytest.mark.parametrize(("text", "numbers", "plain"), READ.values(), ids=READ)
def test_a_number_is_read_by_the_format_of_its_column_alone(
    text: str, numbers: NumberFormat, plain: str | None
) -> None:
    assert plain_number(text, numbers) == plain
