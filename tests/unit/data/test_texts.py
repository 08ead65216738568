"""Texts: UTF-8 or a refusal that names the cause, and the fields of JSON lines."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from image_archives import tar_of

from trainyard_data import texts
from trainyard_data.errors import BadData
from trainyard_data.inspection import inspect
from trainyard_data.texts.encoding import check


def written(folder: Path, content: bytes) -> Path:
    (folder / "x").write_bytes(content)
    return folder / "x"


def test_a_mark_at_the_start_is_no_text(tmp_path: Path) -> None:
    path = written(tmp_path, b"\xef\xbb\xbfhello\r\n")

    assert inspect(path, "text").samples == 7
    assert texts.read(path, "text") == b"hello\r\n"


@pytest.mark.parametrize(
    ("content", "words", "hint"),
    [
        pytest.param("hällo\n".encode("utf-16-le"), "UTF-16 without", "iconv", id="no mark"),
        pytest.param("ab\nпривет".encode("cp1251"), "line 2: byte 4 ", "1252", id="Cyrillic"),
        pytest.param("ä".encode()[:1], "ends within a character", "cut off", id="cut off"),
        pytest.param(b"a\0b" * 9, "first bytes hold zeros", "plain text", id="zeros"),
        pytest.param(gzip.compress(b"text"), "it is a gzip file", "plain text", id="gzip"),
        pytest.param(tar_of({"a": b"text"}), "it is a tar archive", "plain text", id="tar"),
        pytest.param(b"%PDF-1.7\n\xe2\xe3\xcf", "it is a PDF document", "plain text", id="PDF"),
    ],
)
def test_what_is_no_utf8_is_named(tmp_path: Path, content: bytes, words: str, hint: str) -> None:
    with pytest.raises(BadData, match=words) as caught:
        inspect(written(tmp_path, content), "text")

    assert hint in caught.value.hint


@pytest.mark.parametrize(
    ("encoding", "note"),
    [
        pytest.param("cp1252", "read as Windows-1252, in which line 2 holds 'Käse'", id="Windows"),
        pytest.param("utf-16", "The file is UTF-16.", id="UTF-16"),
        pytest.param("utf-32", "The file is UTF-32.", id="UTF-32"),
    ],
)
def test_an_encoding_of_everyday_programs_is_read_and_said(
    tmp_path: Path, encoding: str, note: str
) -> None:
    text = "guter\nKäse – 5 €\r\n"
    path = written(tmp_path, text.encode(encoding))

    found = inspect(path, "text")

    assert note in found.notes[0]
    assert texts.read(path, "text") == text.encode()
    assert found.samples == len(text.encode())
    assert texts.prompts(path, "text") == [text.encode()]


@pytest.mark.parametrize("start", [b"BMW is a car", b"PKW", b"MMM", b"GIF8"], ids=bytes.decode)
def test_a_text_that_begins_as_a_file_of_another_kind(tmp_path: Path, start: bytes) -> None:
    assert inspect(written(tmp_path, start), "text").samples == len(start)


def test_a_web_page_is_a_text_and_said_to_be_one(tmp_path: Path) -> None:
    found = inspect(written(tmp_path, b"<!DOCTYPE html><p>hello"), "text")

    assert found.notes == ["The text is a web page (HTML): its marks are learned too."]


@given(st.text(min_size=1), st.data())
def test_the_first_byte_that_is_not_utf8_is_found_in_pieces(text: str, data: st.DataObject) -> None:
    """In pieces of any size, with the line that holds it."""
    raw = text.replace("\0", "0").encode("utf-8", "replace")
    place = data.draw(st.integers(0, len(raw)))
    while place and place < len(raw) and raw[place] & 0xC0 == 0x80:
        place -= 1
    size = data.draw(st.integers(1, 5))
    broken = raw[:place] + b"\xff" + raw[place:]
    pieces = [broken[n : n + size] for n in range(0, len(broken), size)]

    with pytest.raises(BadData) as caught:
        check(pieces)
    line = broken[:place].count(b"\n") + 1
    kinds = ("the text seems to be UTF-16", "the file is no text")
    assert str(caught.value).startswith((f"line {line}: byte {place + 1} of", *kinds))


@pytest.mark.parametrize(
    ("line", "words", "hint"),
    [
        pytest.param(
            '{"content": "a"}',
            "has no field 'text'; its fields are 'content'",
            "rename",
            id="other",
        ),
        pytest.param('{"messages": []}', "its fields are 'messages'", "a chat", id="chat"),
        pytest.param('{"conversations": []}', "'conversations'", "a chat", id="conversations"),
        pytest.param("{}", "its fields are none", "rename", id="no field"),
        pytest.param('{"text": null}', "field 'text': null is not a text", "", id="null"),
        pytest.param('{"text": 3}', "field 'text': 3 is not a text", "", id="number"),
        pytest.param('["a"]', 'is no object: \\["a"\\]', "", id="list"),
        pytest.param('{"text": "\\ud800"}', "half of a character", "", id="surrogate"),
        pytest.param('{"text": "a"', "is not JSON", "", id="cut"),
        pytest.param("[" * 100_000, "is not JSON", "", id="deep"),
    ],
)
def test_json_lines_that_hold_no_text(tmp_path: Path, line: str, words: str, hint: str) -> None:
    path = written(tmp_path, b'{"text": "a"}\n\n' + line.encode())

    with pytest.raises(BadData, match=f"line 3.*{words}") as caught:
        texts.prompts(path, "jsonl")
    assert hint in caught.value.hint


def test_prompts(tmp_path: Path) -> None:
    path = written(tmp_path, b'\xef\xbb\xbf{"text": "a"}\r\n\r\n{"text": "b", "more": 1}')

    assert texts.prompts(path, "jsonl") == [b"a", b"b"]
    assert texts.read(path, "jsonl") == b"a\nb"
    assert texts.prompts(written(tmp_path, b"one\ntwo"), "text") == [b"one\ntwo"]
