"""Replaces the values of a session's Secrets by `***` in what is reported.

Looked for are each value, each line of a value of several lines, and the forms in which programs
print them: in URLs, in JSON, as Python shows them, and in base64 (also inside of longer base64).
Values and lines of less than `SHORTEST` bytes are not looked for: they would be found everywhere.
"""

from __future__ import annotations

import binascii
import json
import os
import urllib.parse
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from trainyard.reporting.text_filter import TextFilter

MASK = "***"
SHORTEST = 8
PIECE_BYTES = 256
"""Longer texts are looked for in pieces, so that little is held back of a stream."""
BASE64_PIECE = 76
"""Where programs break lines of base64."""
MOST_FORMS = 2000
"""What is looked for at most; texts as they are come first."""
MOST_BYTES = 2 << 20
"""Of all values together: Linux passes a program no more in its variables."""
_URL_SAFE = bytes.maketrans(b"+/", b"-_")


class SecretMask:
    """What must not be shown of one session; false if there is nothing."""

    def __init__(self, values: Iterable[bytes] = ()) -> None:
        self.forms, self.left_out = _forms(values)
        """What is looked for, the longest first; and how many lines of values are not."""
        self._texts = tuple(dict.fromkeys(form.decode("utf-8", "replace") for form in self.forms))
        self._filter = self._text_filter = TextFilter(self.forms)
        encoded = tuple(text.encode() for text in self._texts)
        if encoded != self.forms:
            self._text_filter = TextFilter(encoded)

    @property
    def cost(self) -> int:
        """To look at bytes without a value costs as much as to look for so many texts in them."""
        return self._filter.cost

    def __bool__(self) -> bool:
        return bool(self.forms)

    def in_bytes(self, data: bytes) -> bytes:
        """`data` without them."""
        if not self._filter.may_hold(data):
            return data
        for form in self.forms:
            if form in data:
                data = data.replace(form, MASK.encode())
        return data

    def in_text(self, text: str) -> str:
        """`text` without them."""
        if not self.forms or not self._text_filter.may_hold(text.encode("utf-8", "surrogatepass")):
            return text
        for form in self._texts:
            if form in text:
                text = text.replace(form, MASK)
        return text

    def in_message(self, text: str) -> str:
        """A text that may be JSON: then it stays JSON."""
        if not self or self.in_text(text) == text:
            return text
        try:
            return json.dumps(self.in_json(json.loads(text)))
        except (ValueError, RecursionError):
            return self.in_text(text)

    def in_json(self, value: Any) -> Any:
        """A value of JSON with all its texts and names without them; numbers stay."""
        if not self:
            return value
        if isinstance(value, str):
            return self.in_text(value)
        if isinstance(value, Mapping):
            return {self.in_json(key): self.in_json(item) for key, item in value.items()}
        if isinstance(value, (list, tuple)):
            return [self.in_json(item) for item in value]
        return value


def values_of(folder: Path, environment: Mapping[str, str]) -> list[bytes]:
    """The values of the Secrets that are mounted below `folder`, a folder for each.

    The variables that have the names of their keys count as well: a Secret may have changed
    between the two.
    """
    found: dict[bytes, None] = {}
    left = MOST_BYTES
    for file in _files(folder):
        try:
            with file.open("rb") as content:
                value = content.read(left)
        except OSError:
            value = b""
        left -= len(value)
        found[value] = None
        found[os.fsencode(environment.get(file.name, ""))] = None
    return list(found)


def keys_too_short(folder: Path) -> list[str]:
    """`SECRET/KEY` of each value that is mounted below `folder` and cannot be masked.

    None of its lines has `SHORTEST` bytes.
    """
    found = []
    for file in _files(folder):
        try:
            with file.open("rb") as content:
                lines = content.read(MOST_BYTES).splitlines()
        except OSError:
            continue
        longest = max((len(line.strip()) for line in lines), default=0)
        if 0 < longest < SHORTEST:
            found.append(f"{file.parent.name}/{file.name}")
    return found


def _files(folder: Path) -> Iterator[Path]:
    try:
        secrets = sorted(folder.iterdir())
        for secret in secrets:
            # The kubelet's own folders in a mounted Secret begin with two dots.
            yield from (f for f in sorted(secret.iterdir()) if not f.name.startswith(".."))
    except OSError:
        return


def _forms(values: Iterable[bytes]) -> tuple[tuple[bytes, ...], int]:
    plain: dict[bytes, None] = {}
    others: dict[bytes, None] = {}
    for value in values:
        lines = [line.strip() for line in value.splitlines()]
        for line in lines:
            plain.update(dict.fromkeys(_pieces(line, PIECE_BYTES)))
            for form in _written(line):
                others.update(dict.fromkeys(_pieces(form, PIECE_BYTES)))
        for whole in dict.fromkeys((value, value.strip())):
            for form in _base64(whole):
                others.update(dict.fromkeys(_pieces(form, BASE64_PIECE)))
    found = list({**plain, **others})[:MOST_FORMS]
    ordered = tuple(sorted(found, key=lambda form: (-len(form), form)))
    return ordered, max(0, len(plain) - MOST_FORMS)


def _pieces(text: bytes, size: int) -> Iterator[bytes]:
    """A text in pieces of `size` bytes, the last one also with the few behind it.

    Nothing if it is too short.
    """
    if len(text) < SHORTEST:
        return
    at = 0
    while len(text) - at >= size + SHORTEST:
        yield text[at : at + size]
        at += size
    yield text[at:]
    yield text[at : at + size]


def _written(line: bytes) -> Iterator[bytes]:
    """A line as it stands in URLs, in JSON and in what Python shows."""
    for safe in ("", "/"):
        quoted = urllib.parse.quote(line, safe=safe)
        yield quoted.encode()
        yield quoted.replace("%20", "+").encode()
    yield repr(line)[2:-1].encode()
    text = line.decode("utf-8", "replace")
    yield repr(text)[1:-1].encode()
    for ascii_only in (True, False):
        yield json.dumps(text, ensure_ascii=ascii_only)[1:-1].encode()


def _base64(value: bytes) -> Iterator[bytes]:
    """A value in base64: alone, and behind what has any length."""
    if len(value) < SHORTEST:
        return
    for ahead, mixed in ((0, 0), (1, 2), (2, 3)):
        data = b"\0" * ahead + value
        whole = binascii.b2a_base64(data[: len(data) // 3 * 3], newline=False)[mixed:]
        alone = binascii.b2a_base64(data, newline=False).rstrip(b"=")[mixed:]
        for form in (whole, alone) if ahead == 0 else (whole,):
            yield form
            yield form.translate(_URL_SAFE)
