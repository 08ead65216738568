"""Names of files that a program has made, as URLs, archives and other machines take them. Pure.

On Linux a name is any bytes but `/` and NUL. Here it is a text as `os.fsdecode` makes it: bytes
that are not UTF-8 are lone surrogates.

Guarantees:

- `from_address(address(path)) == path`, and an address is ASCII.
- Two names never have the same portable name, and a portable name is one part of a path on every
  machine: no separator, no control or invisible character, not `.` or `..`.
"""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import quote, unquote_to_bytes

from trainyard_api.visible_text import visible

LONGEST_PATH: Final = 4096
"""Bytes of a path, as Linux has it."""
_ESCAPE: Final = re.compile("%[0-9A-Fa-f]{2}")
_NOT_ON_WINDOWS: Final = frozenset('<>:"|?*')
_DEVICE: Final = re.compile(
    r"(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9\u00b9\u00b2\u00b3])\s*(\..*)?", re.I | re.S
)
"""Names that Windows keeps for devices, with any ending."""


def address(path: str) -> str:
    """A path as it stands in a URL: its bytes, percent-encoded where they are no plain letters."""
    return quote(path.encode("utf-8", "surrogateescape"))


def from_address(text: str) -> str:
    """The path that an address names."""
    return unquote_to_bytes(text).decode("utf-8", "surrogateescape")


def parts_of(path: str) -> tuple[str, ...]:
    """The names in a relative path; none for the folder itself. One `/` at the end is ignored.

    Raises ValueError with what is wrong.
    """
    if not path:
        return ()
    parts = path.removesuffix("/").split("/")
    if any(part in ("", ".", "..") for part in parts) or "\0" in path:
        raise ValueError("a path is relative, with single / between names that are not . or ..")
    if len(path.encode("utf-8", "surrogateescape")) > LONGEST_PATH:
        raise ValueError(f"a path has at most {LONGEST_PATH} bytes")
    return tuple(parts)


def portable(name: str, windows: bool = False) -> str:
    """A name that can be written on another machine, with `windows` also on that one.

    What cannot be written there is percent-encoded; then a `%` of the name is encoded as well.
    """
    hidden = visible(name) != name
    unsafe = {c for c in name if c in "\\/\0" or (hidden and visible(c) != c)}
    if windows:
        unsafe |= _NOT_ON_WINDOWS & set(name)
    whole = _encoded(name) if name in ("", ".", "..") else ""
    tail = name[-1:] if windows and name[-1:] in (" ", ".") else ""
    device = bool(windows and _DEVICE.fullmatch(name))
    if whole or not (unsafe or tail or device or _ESCAPE.search(name)):
        return whole or name
    first = _encoded(name[0]) if device else ""
    body = name[len(name[0]) if device else 0 : len(name) - len(tail)]
    middle = "".join(_encoded(c) if c in unsafe or c == "%" else c for c in body)
    return first + middle + _encoded(tail)


def _encoded(text: str) -> str:
    raw = text.encode("utf-8", "surrogateescape")
    return "".join(f"%{byte:02X}" for byte in raw)
