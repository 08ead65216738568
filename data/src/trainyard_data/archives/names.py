"""The parts of members' names, and which members are none of the user's."""

from __future__ import annotations

_SYSTEM = frozenset({
    "__macosx", "thumbs.db", "desktop.ini", "@eadir", "$recycle.bin", "lost+found",
    "system volume information", "__pycache__", "icon\r",
})  # fmt: skip
"""What systems put beside people's files, in lower case. Names that begin with a dot are hidden."""

Parts = tuple[str, ...]
"""Folders, then the file's own name."""


def parts_of(name: str) -> Parts:
    """The parts of a member's name. A backslash separates too: Windows writes it so."""
    return tuple(p for p in name.replace("\\", "/").split("/") if p not in ("", "."))


def is_extra(parts: Parts) -> bool:
    """Whether it is hidden, or a file that a system adds."""
    return any((p[0] == "." and p != "..") or p.lower() in _SYSTEM for p in parts)
