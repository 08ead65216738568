"""Which members of an archive are images that count, by their names."""

from __future__ import annotations

import unicodedata

from trainyard_data.archives import Parts, shown
from trainyard_data.errors import BadData

ENDINGS = frozenset({
    ".png", ".apng", ".jpg", ".jpeg", ".jpe", ".jfif", ".bmp", ".dib", ".gif", ".webp", ".tif",
    ".tiff", ".avif", ".jp2", ".j2k", ".pbm", ".pgm", ".ppm", ".pnm",
})  # fmt: skip
"""Of the images that are read, in lower case."""
UNREADABLE = frozenset({
    ".heic", ".heif", ".jxl", ".svg", ".psd", ".ico", ".tga", ".eps", ".pdf", ".dcm", ".nii",
    ".raw", ".dng", ".nef", ".cr2", ".cr3", ".arw", ".exr", ".hdr", ".npy", ".npz", ".mat", ".h5",
    ".mp4", ".avi", ".mov", ".mkv", ".webm", ".zip", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".7z",
    ".rar", ".zst",
})  # fmt: skip
"""Of what people take for samples, but which is not read."""
ARCHIVES = frozenset({
    ".zip", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".7z", ".rar", ".zst",
})  # fmt: skip
_OVERRIDES = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""They show a name in another order than it is written."""
_REFUSED = frozenset({"Cc", "Cs", "Zl", "Zp"})
"""Controls, halves of characters, ends of lines and paragraphs."""


def ending_of(parts: Parts) -> str:
    """The ending in lower case, with its dot; empty if there is none."""
    stem, dot, ending = parts[-1].rpartition(".")
    return f".{ending.lower()}" if dot and stem else ""


def check(name: str, parts: Parts) -> None:
    """Raise BadData for a name that leads out of the archive or cannot be shown."""
    if ".." in parts or name.startswith(("/", "\\")):
        raise BadData(
            f"the archive's member {shown(name)} points outside of it",
            hint="pack the folder from within: relative names, without '..'",
        )
    if not name.isascii() or not name.isprintable():
        wrong = [c for c in name if c in _OVERRIDES or unicodedata.category(c) in _REFUSED]
        if wrong:
            raise BadData(
                f"the archive's member {shown(name)} has a control character in its name"
                f" (U+{ord(wrong[0]):04X})",
                hint="rename the file",
            )
