"""Values of Secrets in what is reported: every form in which programs print them."""

from __future__ import annotations

import base64
import json
import urllib.parse
from pathlib import Path

import pytest

from trainyard.reporting.secret_mask import MOST_FORMS, SecretMask, values_of

TOKEN = "canary/Tok+en 5f1c=é"
KEY = "-----BEGIN KEY-----\r\nbm90IGEga2V5\n  indented line\nshort\n-----END KEY-----\n"
LONG = "".join(f"{n:04x}" for n in range(500))


def encoded(text: str, before: str = "") -> str:
    return base64.b64encode((before + text).encode()).decode()


SHOWN = [
    pytest.param(TOKEN, TOKEN, id="as it is"),
    pytest.param(TOKEN, f"x{TOKEN}x", id="within a word"),
    pytest.param(TOKEN, urllib.parse.quote(TOKEN), id="in a path"),
    pytest.param(TOKEN, urllib.parse.quote(TOKEN, safe=""), id="in a URL"),
    pytest.param(TOKEN, urllib.parse.quote_plus(TOKEN), id="in a form"),
    pytest.param('a "quoted" \\ value\t', json.dumps({"token": 'a "quoted" \\ value\t'}), id="JSON"),
    pytest.param("a 'quoted' \\ value\t", repr({"token": "a 'quoted' \\ value\t"}), id="Python"),
    pytest.param(TOKEN, repr(TOKEN.encode()), id="bytes"),
    pytest.param(TOKEN, encoded(TOKEN), id="base64"),
    pytest.param(TOKEN, encoded(TOKEN).rstrip("="), id="base64 without padding"),
    pytest.param(TOKEN, encoded(TOKEN, "me:"), id="base64 behind a name"),
    pytest.param(TOKEN, encoded(TOKEN, "you:"), id="base64 behind a longer name"),
    pytest.param("\xff" * 30, base64.urlsafe_b64encode(("\xff" * 30).encode()).decode(), id="base64 for URLs"),
    pytest.param(LONG, LONG, id="long"),
    pytest.param(LONG, encoded(LONG), id="long in base64"),
    pytest.param(LONG, base64.encodebytes(LONG.encode()).decode(), id="base64 in lines"),
    pytest.param(f"{TOKEN}\n", encoded(TOKEN), id="a value that ends with a line feed"),
]  # fmt: skip


@pytest.mark.parametrize(("value", "printed"), SHOWN)
def test_a_value_is_masked_in_every_form(value: str, printed: str) -> None:
    mask = SecretMask([value.encode()])
    shown = mask.in_bytes(printed.encode()).decode()

    assert "***" in shown
    assert mask.in_text(printed) == shown
    # What is left is what stands around it; of base64 behind a name the ends, too.
    assert len("".join(shown.replace("***", "").split())) <= 16


def test_each_line_of_a_value_is_masked_but_short_ones() -> None:
    mask = SecretMask([KEY.encode()])
    assert mask.in_text(KEY.replace("\r", "")) == "***\n***\n  ***\nshort\n***\n"
    assert mask.in_text("indented line, and bm90IGEga2V5") == "***, and ***"


UNSEEN = [
    pytest.param([], "text", id="no Secret"),
    pytest.param(["1234567"], "1234567", id="shorter than eight"),
    pytest.param(["", " \n \n"], " \n \n", id="blank"),
    pytest.param(["a longer value"], "a longer valu", id="a part of it"),
]


@pytest.mark.parametrize(("values", "printed"), UNSEEN)
def test_what_is_left_alone(values: list[str], printed: str) -> None:
    mask = SecretMask(value.encode() for value in values)
    assert (mask.in_text(printed), mask.in_bytes(printed.encode())) == (printed, printed.encode())


def test_the_longest_of_several_is_masked() -> None:
    mask = SecretMask([b"password", b"password-of-ada"])
    assert mask.in_text("password-of-ada password") == "*** ***"


def test_numbers_of_a_message_stay_numbers() -> None:
    mask = SecretMask([b"12345678"])
    said = mask.in_message('{"end": {"step": 12345678}, "message": "12345678 is wrong"}')
    assert json.loads(said) == {"end": {"step": 12345678}, "message": "*** is wrong"}
    assert mask.in_message("no JSON: 12345678") == "no JSON: ***"
    assert mask.in_message('{"a":  1}') == '{"a":  1}'


def test_more_lines_than_are_looked_for_are_counted() -> None:
    mask = SecretMask(["\n".join(f"line {n:08}" for n in range(MOST_FORMS + 5)).encode()])
    assert (len(mask.forms), mask.left_out) == (MOST_FORMS, 5)


def test_values_come_from_the_mounted_files_and_the_variables_of_their_names(
    tmp_path: Path,
) -> None:
    kept = tmp_path / "hub" / "..data"
    kept.mkdir(parents=True)
    (kept / "TOKEN").write_bytes(b"new value")
    (tmp_path / "hub" / "TOKEN").symlink_to("..data/TOKEN")
    (tmp_path / "hub" / "gone").symlink_to("..data/gone")
    (tmp_path / "empty").mkdir()
    found = values_of(tmp_path, {"TOKEN": "old value", "OTHER": "public", "gone": "of the pod"})

    assert {value for value in found if value} == {b"new value", b"old value", b"of the pod"}
    assert values_of(tmp_path / "none", {"TOKEN": "public"}) == []
