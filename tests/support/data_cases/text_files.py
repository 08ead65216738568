"""Plain texts for language models."""

from __future__ import annotations

from data_case import Case, Outcome, RefusedInTraining, Trains, content, refused
from json_lines import SMALL

FOX = "The quick brown fox jumps over the lazy dog.\n"


def plain(name: str, what: str, data: bytes, expected: Outcome) -> Case:
    """A case of a text."""
    return Case(name, what, "d.txt", content(data), expected, training=SMALL)


def trains(data: bytes) -> Trains:
    """Each byte is a sample."""
    return Trains(len(data), task="language-modeling")


def sound(name: str, what: str, text: str) -> Case:
    """A text that trains."""
    data = text.encode()
    return plain(name, what, data, trains(data))


CASES: tuple[Case, ...] = (
    sound("txt-basic", "English", FOX * 40),
    Case(
        "txt-bom-crlf",
        "a byte order mark, which does not count, and lines ended as Windows does",
        "d.txt",
        content((FOX.replace("\n", "\r\n") * 40).encode("utf-8-sig")),
        Trains(40 * (len(FOX) + 1), task="language-modeling"),
        training=SMALL,
    ),
    Case(
        "txt-latin1",
        "Latin-1, which Windows-1252 holds",
        "d.txt",
        content(("Müller aß Käse.\n" * 60).encode("latin-1")),
        Trains(60 * 19, task="language-modeling", says=("Windows-1252", "'Müller'")),
        training=SMALL,
    ),
    Case(
        "txt-utf16",
        "UTF-16, which Notepad calls Unicode",
        "d.txt",
        content((FOX * 40).encode("utf-16")),
        Trains(40 * len(FOX), task="language-modeling", says=("UTF-16",)),
        training=SMALL,
    ),
    plain(
        "txt-utf16-no-mark",
        "UTF-16 without a byte order mark",
        (FOX * 40).encode("utf-16-le"),
        refused("UTF-16", "iconv"),
    ),
    plain(
        "txt-cyrillic",
        "Windows-1251, which looks like no Western text",
        ("Привет, мир.\n" * 60).encode("cp1251"),
        refused("line 1", "UTF-8"),
    ),
    plain(
        "txt-two-encodings",
        "UTF-8 and Latin-1 in one file",
        "Käse\n".encode() * 40 + "Käse\n".encode("latin-1") * 40,
        refused("line 41", "UTF-8"),
    ),
    sound("txt-emoji", "emoji", "🙂 und 🙁\n" * 60),
    sound("txt-one-line", "one line of 8,000 letters", "abcdefgh" * 2**10),
    plain("txt-nul", "NUL bytes inside", b"abc\0def\n" * 60, refused("no text")),
    plain("txt-empty", "no bytes at all", b"", refused("empty")),
    plain("txt-short", "ten bytes", b"0123456789", RefusedInTraining(("10 bytes", "34"))),
    plain(
        "txt-pdf",
        "a PDF document renamed to .txt",
        b"%PDF-1.4\n%\xe2\xe3" + bytes(99),
        refused("PDF"),
    ),
)
