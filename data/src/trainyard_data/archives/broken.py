"""What decompressors and readers of archives raise for damaged files, as BadData."""

from __future__ import annotations

import lzma
import struct
import tarfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager

from trainyard_data.errors import BadData

BROKEN = (
    tarfile.TarError,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    EOFError,
    OSError,
    ValueError,
)


@contextmanager
def sound(what: str) -> Iterator[None]:
    """Raise BadData for what damaged bytes raise. Errors of the disk stay errors.

    `what`: begins the sentence, such as "not a sound zip archive".
    """
    try:
        yield
    except BROKEN as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise BadData(f"{what}: {str(error)[:200]}") from error
