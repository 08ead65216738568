"""Forms of zip and tar archives: what is read, and what is refused with its cause."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import struct
import tarfile
import time
import tracemalloc
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from bad_files import BadFile, datasets
from image_archives import encoded, png, tar_of, two_classes, written, zip_of
from PIL import Image

from trainyard_data import images
from trainyard_data.archives import LIMITS, Limits, members
from trainyard_data.errors import BadData
from trainyard_data.images.inspect import inspect
from trainyard_data.inspection import NO_CHOICES
from trainyard_data.inspection import inspect as inspect_any

METHODS = {
    "stored": zipfile.ZIP_STORED,
    "deflated": zipfile.ZIP_DEFLATED,
    "bzip2": zipfile.ZIP_BZIP2,
    "lzma": zipfile.ZIP_LZMA,
}


def samples(folder: Path, content: bytes, limits: Limits = LIMITS) -> int:
    """Images that are found, of which as many are read."""
    path = written(folder, content, "x")
    schema = inspect(path, NO_CHOICES, limits)
    assert len(images.read(path, schema).pixels) == schema.samples
    return schema.samples


def streamed(member: dict[str, bytes]) -> bytes:
    """A zip whose sizes follow its members, as programs write that cannot seek."""
    out = io.BytesIO()

    class Stream(io.RawIOBase):
        def writable(self) -> bool:
            return True

        def write(self, data: object, /) -> int:
            return out.write(bytes(data))  # type: ignore[call-overload]  # bytes of any kind

    with zipfile.ZipFile(Stream(), "w", zipfile.ZIP_DEFLATED) as archive:  # type: ignore[arg-type]  # no seek
        for name, content in member.items():
            archive.writestr(name, content)
    return out.getvalue()


def wide(archive: bytes) -> bytes:
    """The same zip with the end records of zip64."""
    at = archive.rindex(b"PK\x05\x06")
    count, size, offset = struct.unpack_from("<HLL", archive, at + 10)
    end = struct.pack("<4sQ2H2L4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, count, count, size, offset)
    locator = struct.pack("<4sLQL", b"PK\x06\x07", 0, at, 1)
    last = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 65535, 65535, 2**32 - 1, 2**32 - 1, 0)
    return archive[:at] + end + locator + last


def with_bytes_behind(archive: bytes) -> bytes:
    """The same zip with bytes behind the packed stream of every member, and counted with it."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(archive)) as source, zipfile.ZipFile(out, "w") as target:
        for info in source.infolist():
            start = info.header_offset + 30 + len(info.filename)
            packed = archive[start : start + info.compress_size]
            target.writestr(info.filename, packed + b"more" * (1 << 16))
        pairs = list(zip(source.infolist(), target.infolist(), strict=True))
    content, entry = bytearray(out.getvalue()), target.start_dir
    for info, made in pairs:
        for at in (made.header_offset + 8, entry + 10):
            struct.pack_into("<H", content, at, info.compress_type)
            struct.pack_into("<L", content, at + 6, info.CRC)
            struct.pack_into("<L", content, at + 14, info.file_size)
        entry += 46 + len(made.filename)
    return bytes(content)


@pytest.mark.parametrize("method", ["deflated", "bzip2", "lzma"])
def test_bytes_behind_the_packed_stream_of_a_member_end_it(tmp_path: Path, method: str) -> None:
    archive = with_bytes_behind(zip_of(two_classes(), METHODS[method]))

    assert samples(tmp_path, archive) == 6


@pytest.mark.parametrize("method", METHODS)
def test_every_packing_of_zip_that_is_read(tmp_path: Path, method: str) -> None:
    assert samples(tmp_path, zip_of(two_classes(), METHODS[method])) == 6


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(wide, id="zip64"),
        pytest.param(lambda raw: b"#!/bin/sh\n" * 9 + raw, id="bytes before it"),
        pytest.param(lambda raw: raw + b"\0" * 70, id="bytes behind it"),
        pytest.param(lambda raw: raw[:-2] + b"\x03\x00abc", id="a comment"),
        pytest.param(lambda _: streamed(two_classes()), id="sizes behind members"),
    ],
)
def test_sound_zips_of_other_forms(tmp_path: Path, change: Callable[[bytes], bytes]) -> None:
    assert samples(tmp_path, change(zip_of(two_classes()))) == 6


def marked(field: int, value: bytes) -> Callable[[bytes], bytes]:
    """Write `value` into the first entry of the directory, at `field`."""

    def change(raw: bytes) -> bytes:
        at = raw.index(b"PK\x01\x02") + field
        return raw[:at] + value + raw[at + len(value) :]

    return change


def link(raw: bytes) -> bytes:
    return marked(38, struct.pack("<L", 0o120777 << 16))(raw)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        pytest.param(marked(10, b"\x09"), "'cat/0.png' is packed with Deflate64", id="deflate64"),
        pytest.param(marked(10, b"\x5d"), "'cat/0.png' is packed with zstd", id="zstd"),
        pytest.param(marked(10, b"\x62"), "packed with PPMd", id="ppmd"),
        pytest.param(marked(10, b"\x4d"), "packed with the method 77", id="an unknown method"),
        pytest.param(marked(8, b"\x01"), "'cat/0.png' is encrypted", id="encrypted"),
        pytest.param(marked(16, b"\0\0\0\1"), "checksum is another", id="checksum"),
        pytest.param(marked(24, b"\x01\0\0\0"), "larger than the 1 bytes", id="declared too small"),
        pytest.param(marked(24, b"\0\0\0\0"), "larger than the 0 bytes", id="declared empty"),
        pytest.param(marked(24, b"\xff\xff\0\0"), "instead of 65535", id="declared too large"),
        pytest.param(marked(24, b"\xfe\xff\xff\xff"), "at most 67108864", id="declared huge"),
        pytest.param(marked(42, b"\x09\0\0\0"), "not where the archive's", id="another place"),
        pytest.param(marked(46, b"cat/9"), "another name in the", id="another name"),
        pytest.param(link, "'cat/0.png' is a link", id="a link"),
        pytest.param(lambda raw: raw[:-30], "no directory|cut off", id="cut off"),
        pytest.param(lambda raw: raw[:4], "no directory", id="only its mark"),
        pytest.param(lambda raw: raw[:4] + raw[9:], "directory does not fit", id="bytes are lost"),
    ],
)
def test_zips_that_are_refused(
    tmp_path: Path, change: Callable[[bytes], bytes], words: str
) -> None:
    with pytest.raises(BadData, match=words):
        samples(tmp_path, change(zip_of(two_classes())))


def test_entries_of_one_place_are_refused(tmp_path: Path) -> None:
    """The form of small bombs: many names in the directory for the same bytes."""
    raw = zip_of({"cat/0.png": png(), "cat/1.png": png()})
    first, second = (raw.index(b"PK\x01\x02"), raw.rindex(b"PK\x01\x02"))
    overlapping = raw[: second + 42] + raw[first + 42 : first + 46] + raw[second + 46 :]

    with pytest.raises(BadData, match="'cat/1.png' has another name"):
        samples(tmp_path, overlapping)


@pytest.mark.parametrize("pack", [bytes, gzip.compress, bz2.compress, lzma.compress])
@pytest.mark.parametrize(
    "form",
    [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT],
    ids=["ustar", "gnu", "pax"],
)
def test_every_form_of_tar(tmp_path: Path, pack: Callable[[bytes], bytes], form: int) -> None:
    members = two_classes()
    if form != tarfile.USTAR_FORMAT:
        members |= {f"cat/{'n' * 200}/{'ä' * 90}.png": png(8)}

    assert samples(tmp_path, pack(tar_of(members, form=form))) == len(members)


def test_gzip_members_one_after_the_other(tmp_path: Path) -> None:
    raw = tar_of(two_classes())

    assert samples(tmp_path, gzip.compress(raw[:3000]) + gzip.compress(raw[3000:])) == 6


def sparse() -> bytes:
    member = tarfile.TarInfo("cat/0.png")
    member.type = tarfile.GNUTYPE_SPARSE
    return member.tobuf(tarfile.GNU_FORMAT)


def linked(kind: bytes) -> bytes:
    out = io.BytesIO(tar_of(two_classes()))
    with tarfile.open(fileobj=out, mode="a") as archive:
        member = tarfile.TarInfo("cat/l.png")
        member.type, member.linkname = kind, "cat/0.png"
        archive.addfile(member)
    return out.getvalue()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        pytest.param(tar_of(two_classes()) * 2, "bytes follow the end", id="joined"),
        pytest.param(tar_of(two_classes()) + b"x", "bytes follow the end", id="garbage"),
        pytest.param(
            gzip.compress(tar_of(two_classes())) + b"x" * 20, "Not a gzipped", id="behind gzip"
        ),
        pytest.param(tar_of(two_classes())[:1500], "ends within", id="cut"),
        pytest.param(tar_of(two_classes(), "w:gz")[:-9], "ended|ends within", id="cut gzip"),
        pytest.param(sparse(), "sparse file", id="sparse"),
        pytest.param(linked(tarfile.SYMTYPE), "'cat/l.png' is a link", id="symbolic link"),
        pytest.param(linked(tarfile.LNKTYPE), "'cat/l.png' is a link", id="hard link"),
        pytest.param(linked(tarfile.FIFOTYPE), "'cat/l.png' is a device", id="device"),
        pytest.param(b"Rar!\x1a\x07\x00" + b"x" * 600, "it is a RAR archive", id="rar"),
        pytest.param(b"Rar!\x1a\x07\x01\x00", "it is a RAR archive", id="short"),
        pytest.param(b"7z\xbc\xaf\x27\x1c" + b"x" * 600, "it is a 7-Zip archive", id="7z"),
        pytest.param(png(size=(40, 40)), "it is a PNG image", id="an image"),
        pytest.param(b"<html><body>404" + b" " * 600, "it is a web page", id="a web page"),
    ],
)
def test_what_is_no_sound_tar(tmp_path: Path, content: bytes, words: str) -> None:
    with pytest.raises(BadData, match=words):
        samples(tmp_path, content)


@pytest.mark.parametrize(
    "kind",
    [tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK],
    ids=["pax", "pax for all", "long name", "long link"],
)
def test_what_a_header_declares_is_not_read_into_memory(tmp_path: Path, kind: bytes) -> None:
    header = tarfile.TarInfo("x")
    header.type, header.size = kind, 48 << 20
    path = written(tmp_path, header.tobuf() + b"a" * header.size + tar_of(two_classes()), "x.tar")
    tracemalloc.start()
    try:
        with pytest.raises(BadData, match="a header of 50331648 bytes; at most 65536"):
            inspect(path, NO_CHOICES)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert peak < 4 << 20


def test_a_tar_is_no_zip_because_its_last_member_is_one(tmp_path: Path) -> None:
    content = tar_of({**two_classes(), "photos.zip": zip_of(two_classes())})

    assert samples(tmp_path, content) == 6


def test_a_tar_is_no_image_because_of_its_first_letters(tmp_path: Path) -> None:
    plain = {f"BM{name}": content for name, content in two_classes().items()}

    assert samples(tmp_path, tar_of(plain, form=tarfile.USTAR_FORMAT)) == 6


@pytest.mark.parametrize("name", ["photos.zip", "cat.tar.gz", "dog.7z"])
def test_archives_in_an_archive_are_named(tmp_path: Path, name: str) -> None:
    with pytest.raises(BadData, match="holds other archives") as caught:
        samples(tmp_path, zip_of({f"all/{name}": b"x"}))

    assert "unpack them" in caught.value.hint


@pytest.mark.parametrize("pack", [zip_of, tar_of])
def test_members_are_counted_while_they_are_read(
    tmp_path: Path, pack: Callable[[dict[str, bytes]], bytes]
) -> None:
    path = written(tmp_path, pack(two_classes(10)), "x")
    walk = members(path, replace(LIMITS, members=5))
    found = [next(walk).name for _ in range(5)]

    assert len(found) == 5
    with pytest.raises(BadData, match="more than 5 members"):
        next(walk)


def test_memory_does_not_grow_with_the_members(tmp_path: Path) -> None:
    """One entry of 60,000 is held at a time; of images, 8 bytes each are kept."""
    path = written(tmp_path, zip_of({f"cat/{n}.txt": b"" for n in range(60_000)}), "x")
    tracemalloc.start()
    try:
        with pytest.raises(BadData, match="no images .* 60000 × .txt"):
            inspect(path, NO_CHOICES)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert path.stat().st_size > 5 << 20
    assert peak < 4 << 20


@pytest.mark.parametrize("pack", [bz2.compress, lzma.compress])
def test_a_bomb_ends_early(tmp_path: Path, pack: Callable[[bytes], bytes]) -> None:
    member = tarfile.TarInfo("cat/0.png")
    member.size = 400 << 20
    zeros = b"".join([pack(member.tobuf())] + [pack(b"\0" * (4 << 20))] * 100)
    started = time.process_time()

    with pytest.raises(BadData, match="times its size|ends within"):
        samples(tmp_path, zeros)
    assert time.process_time() - started < 20


def test_blank_images_are_no_bomb(tmp_path: Path) -> None:
    """Deflate packs them a thousand times smaller, and there may be many."""
    blank = encoded(Image.new("RGB", (400, 400), "white"), "BMP")
    content = zip_of({f"{c}/{n}.bmp": blank for c in ("cat", "dog") for n in range(80)})

    assert len(content) < len(blank)
    assert samples(tmp_path, content) == 160


def test_time_is_bounded(tmp_path: Path) -> None:
    with pytest.raises(BadData, match="too long to unpack"):
        samples(tmp_path, tar_of(two_classes(), "w:gz"), replace(LIMITS, seconds=-1.0))


@pytest.mark.parametrize(
    "bad",
    [b for b in datasets() if b.filename.endswith((".zip", ".tar", ".npz", ".npy", ".txt"))],
    ids=lambda bad: bad.id,
)
def test_every_bad_file_is_refused_within_bounds(tmp_path: Path, bad: BadFile) -> None:
    path = tmp_path / bad.filename
    path.write_bytes(bad.content)
    kinds = {".zip": "images", ".tar": "images", ".txt": "text"}
    started = time.process_time()
    tracemalloc.start()
    try:
        with pytest.raises(BadData):
            inspect_any(path, kinds.get(path.suffix, path.suffix[1:]))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert peak < 64 << 20
    assert time.process_time() - started < 10
