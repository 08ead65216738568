"""What a file is by its first bytes, for the sentences that refuse it."""

from __future__ import annotations

import re

LONGEST = 512
"""Bytes of a file's start that `kind_of` looks at."""

_MARKS: tuple[tuple[bytes, str], ...] = (
    (b"version https://git-lfs", "a pointer of Git LFS, not the file itself (run `git lfs pull`)"),
    (b"\x89HDF\r\n\x1a\n", "an HDF5 file (.h5)"),
    (b"GGUF", "a GGUF file of llama.cpp"),
    (b"\x93NUMPY", "a NumPy array (.npy)"),
    (b"PK\x03\x04", "a zip archive"),
    (b"PK\x05\x06", "an empty zip archive"),
    (b"Rar!\x1a\x07", "a RAR archive"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive (.7z)"),
    (b"\x1f\x8b", "a gzip file"),
    (b"BZh", "a bzip2 file"),
    (b"\xfd7zXZ\x00", "an xz file"),
    (b"\x28\xb5\x2f\xfd", "a zstd file"),
    (b"MSCF", "a cabinet file"),
    (b"PAR1", "a Parquet file"),
    (b"ARROW1", "an Arrow file"),
    (b"{\\rtf", "an RTF document"),
    (b"%PDF-", "a PDF document"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "a document of an old Microsoft Office (Excel, Word)"),
    (b"SQLite format 3\x00", "an SQLite database"),
    (b"MATLAB 5.0", "a MATLAB file (.mat)"),
    (b"\x89PNG\r\n\x1a\n", "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"GIF8", "a GIF image"),
    (b"BM", "a BMP image"),
    (b"II*\x00", "a TIFF image"),
    (b"MM\x00*", "a TIFF image"),
    (b"\xff\xfe", "a UTF-16 text"),
    (b"\xfe\xff", "a UTF-16 text"),
)
_PATTERNS = (
    (re.compile(rb"\x08[\x01-\x20]\x12[\x01-\x40][\x20-\x7e]"), "an ONNX model"),
    (re.compile(rb"\x80[\x02-\x05]"), "a Python pickle, as older torch.save wrote"),
    (
        re.compile(rb"\s*(?:\xef\xbb\xbf)?\s*<(?:!doctype\s+html|html|head|body)\b", re.IGNORECASE),
        "a web page (HTML)",
    ),
    (
        re.compile(rb"\s*(?:\xef\xbb\xbf)?\s*<(?:\?xml|svg)\b", re.IGNORECASE),
        "an XML or SVG document",
    ),
)
_TEXTS = ("a pointer of Git LFS", "an RTF document", "a PDF document", "a web page", "an XML")
"""Beginnings of kinds that may consist of plain characters only."""
_CONTROL = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]")
_ISO_BRANDS = {b"heic": "a HEIC image", b"heix": "a HEIC image", b"mif1": "a HEIF image"}


def kind_of(start: bytes) -> str | None:
    """What the file is, with its article; None if the first bytes tell nothing."""
    if start[257:262] == b"ustar":
        return "a tar archive"
    for mark, kind in _MARKS:
        if start.startswith(mark):
            return kind
    if start[4:8] == b"ftyp":
        return _ISO_BRANDS.get(start[8:12], "a video or an image of the MP4 family")
    if start[:4] == b"RIFF" and start[8:12] == b"WEBP":
        return "a WebP image"
    return next((kind for pattern, kind in _PATTERNS if pattern.match(start)), None)


def kind_beside_text(start: bytes) -> str | None:
    """As `kind_of`, for a file that should be a text: `BMI,age` begins no BMP image."""
    kind = kind_of(start[:LONGEST])
    if kind is None or kind.startswith(_TEXTS) or _CONTROL.search(start[:LONGEST]):
        return kind
    return None
