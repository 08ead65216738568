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
    plain(
        "txt-latin1",
        "Latin-1",
        ("Müller aß Käse.\n" * 60).encode("latin-1"),
        refused("line 1", "UTF-8", "Latin-1"),
    ),
    sound("txt-emoji", "emoji", "🙂 und 🙁\n" * 60),
    sound("txt-one-line", "one line of 8,000 letters", "abcdefgh" * 2**10),
    plain("txt-nul", "NUL bytes inside", b"abc\0def\n" * 60, refused("no text")),
    plain("txt-empty", "no bytes at all", b"", refused("empty")),
    plain("txt-short", "ten bytes", b"0123456789", RefusedInTraining(("10 bytes", "34"))),
    plain("txt-utf16", "UTF-16", (FOX * 40).encode("utf-16"), refused("UTF-16")),
    plain(
        "txt-pdf",
        "a PDF document renamed to .txt",
        b"%PDF-1.4\n%\xe2\xe3" + bytes(99),
        refused("PDF"),
    ),
)
