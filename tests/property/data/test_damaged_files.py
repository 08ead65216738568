"""Damaged files: a schema or BadData, in bounded time and memory, and never another exception."""

from __future__ import annotations

import io
import time
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from image_archives import encoded, picture, png, tar_of, two_classes, zip_of

from trainyard_api.datasets.schema import DatasetSchema
from trainyard_data import arrays, images
from trainyard_data.errors import DataError
from trainyard_data.inspection import inspect

SECONDS = 5.0
BYTES = 96 << 20


def npz(compressed: bool) -> bytes:
    out = io.BytesIO()
    save = np.savez_compressed if compressed else np.savez
    save(out, x=np.arange(48.0).reshape(12, 2, 2), y=np.arange(12) % 2, names=np.array(["a", "b"]))
    return out.getvalue()


def npy() -> bytes:
    out = io.BytesIO()
    np.save(out, np.asfortranarray(np.arange(24, dtype=">i2").reshape(6, 4)))
    return out.getvalue()


ARCHIVES = {
    "zip-deflated": zip_of(two_classes(2)),
    "zip-stored": zip_of(two_classes(2), zipfile.ZIP_STORED),
    "zip-bzip2": zip_of(two_classes(2), zipfile.ZIP_BZIP2),
    "zip-lzma": zip_of(two_classes(2), zipfile.ZIP_LZMA),
    "tar": tar_of(two_classes(2)),
    "tar-gzip": tar_of(two_classes(2), "w:gz"),
    "tar-bzip2": tar_of(two_classes(2), "w:bz2"),
    "tar-xz": tar_of(two_classes(2), "w:xz"),
}
ARRAYS = {"npz": npz(False), "npz-deflated": npz(True), "npy": npy()}
IMAGES = {
    "png": png(size=(9, 7)),
    "png-palette": png(size=(9, 7), mode="P"),
    "jpeg": encoded(picture(size=(20, 17)), "JPEG"),
    "gif": encoded(picture(), "GIF", save_all=True, append_images=[picture(1), picture(2)]),
    "bmp": encoded(picture(), "BMP"),
    "webp": encoded(picture(), "WEBP"),
    "tiff": encoded(picture(), "TIFF"),
    "tiff-packed": encoded(picture(), "TIFF", compression="tiff_lzw"),
    "avif": encoded(picture(size=(16, 16)), "AVIF"),
    "jpeg2000": encoded(picture(size=(16, 16)), "JPEG2000"),
    "ppm": encoded(picture(), "PPM"),
}


@st.composite
def damage(draw: st.DrawFn, content: bytes) -> bytes:
    """The content with a few bytes changed, left out or put in, or its end cut off."""
    raw = bytearray(content)
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, max(0, len(raw) - 1)))
        match draw(st.sampled_from(["change", "extreme", "cut", "remove", "insert", "swap"])):
            case "change":
                raw[at : at + 1] = draw(st.binary(min_size=1, max_size=4))
            case "extreme":
                value = draw(
                    st.sampled_from([b"\xff" * 4, b"\0" * 4, b"\x7f\xff\xff\xff", b"\x80"])
                )
                raw[at : at + len(value)] = value
            case "cut":
                del raw[at:]
            case "remove":
                del raw[at : at + draw(st.integers(1, 600))]
            case "insert":
                raw[at:at] = draw(st.binary(min_size=1, max_size=40))
            case _:
                other = draw(st.integers(0, max(0, len(raw) - 1)))
                raw[at : at + 8] = raw[other : other + 8]
    return bytes(raw)


def tried(path: Path, file_format: str) -> DatasetSchema | None:
    """The schema of a file whose values were read too; None if it was refused."""
    started, schema, refusal = time.process_time(), None, "none"
    tracemalloc.start()
    try:
        schema = inspect(path, file_format)
        if file_format == "images":
            images.read(path, schema)
        elif schema.inputs and schema.target:
            arrays.read(path, file_format, schema)
    except DataError as error:
        schema, refusal = None, str(error)
    finally:
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert refusal
    assert "object at 0x" not in refusal
    assert peak < BYTES
    assert time.process_time() - started < SECONDS
    return schema


@pytest.mark.parametrize("kind", ARCHIVES)
@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_a_damaged_archive(
    tmp_path_factory: pytest.TempPathFactory, kind: str, data: st.DataObject
) -> None:
    path = tmp_path_factory.mktemp("damaged") / "x"
    path.write_bytes(data.draw(damage(ARCHIVES[kind])))

    schema = tried(path, "images")
    assert schema is None or schema.samples > 0


@pytest.mark.parametrize("kind", ARRAYS)
@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_damaged_arrays(
    tmp_path_factory: pytest.TempPathFactory, kind: str, data: st.DataObject
) -> None:
    path = tmp_path_factory.mktemp("damaged") / "x"
    path.write_bytes(data.draw(damage(ARRAYS[kind])))

    schema = tried(path, kind.partition("-")[0])
    assert schema is None or schema.samples >= 0


@pytest.mark.parametrize("kind", IMAGES)
@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_a_damaged_image_in_a_sound_archive(
    tmp_path_factory: pytest.TempPathFactory, kind: str, data: st.DataObject
) -> None:
    path = tmp_path_factory.mktemp("damaged") / "x"
    path.write_bytes(zip_of({**two_classes(1), "cat/b.png": data.draw(damage(IMAGES[kind]))}))

    schema = tried(path, "images")
    assert schema is None or schema.samples == 3


@pytest.mark.parametrize("ending", ["images", "npz", "npy", "text"])
@settings(max_examples=100, deadline=None)
@given(content=st.binary(min_size=1, max_size=2000))
def test_bytes_of_no_kind(
    tmp_path_factory: pytest.TempPathFactory, ending: str, content: bytes
) -> None:
    path = tmp_path_factory.mktemp("bytes") / "x"
    path.write_bytes(content)

    schema = tried(path, ending)
    assert schema is None or ending == "text"
