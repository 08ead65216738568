"""What an upload says of an archive of images is what a training reads."""

from __future__ import annotations

import io
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from image_archives import encoded, png, tar_of, zip_of
from PIL import Image, ImageOps

from trainyard_data import images
from trainyard_data.errors import BadData
from trainyard_data.inspection import inspect

POOL = [png(n, size) for n in range(4) for size in ((6, 5), (7, 5))]
FOLDERS = st.sampled_from(["cat", "dog", "Bird", "große Katze", "a;b", "0", "train", "val", "s.1"])
NAMES = st.sampled_from(["0.png", "1.PNG", "a b.jpg", "ü.jpeg", "IMG.png", "img.png", "x.tif", "y"])
JUNK = ["__MACOSX/cat/._0.png", "cat/.DS_Store", ".hidden/x.png", "cat/Thumbs.db", "notes.txt"]
PATHS = st.tuples(st.lists(FOLDERS, min_size=1, max_size=3), NAMES).map(
    lambda p: "/".join([*p[0], p[1]])
)


def packed(folder: Path, paths: list[str], form: str, root: str) -> Path:
    members = {root + p: POOL[n % len(POOL)] for n, p in enumerate(paths)}
    path = folder / "x"
    path.write_bytes(zip_of(members) if form == "zip" else tar_of(members, form))
    return path


@settings(max_examples=200, deadline=None)
@given(
    paths=st.lists(PATHS, min_size=4, max_size=20, unique=True),
    junk=st.lists(st.sampled_from(JUNK), max_size=3, unique=True),
    form=st.sampled_from(["zip", "w", "w:gz"]),
    root=st.sampled_from(["", "pets/", "./", "/".join(["deep"] * 3) + "/"]),
)
def test_counts_and_classes_of_the_upload_are_those_of_the_reader(
    tmp_path_factory: pytest.TempPathFactory,
    paths: list[str],
    junk: list[str],
    form: str,
    root: str,
) -> None:
    path = packed(tmp_path_factory.mktemp("archive"), [*paths, *junk], form, root)
    try:
        schema = inspect(path, "images")
    except BadData:
        assume(False)
        raise
    found = images.read(path, schema)

    assert schema.images is not None
    assert len(found.labels) == len(found.names) == schema.samples == schema.dimensions[0]
    assert list(found.pixels.shape) == schema.dimensions
    assert sorted({str(label) for label in found.labels}) == schema.classes
    assert found.names == sorted(found.names)
    assert found.splits is None or Counter(found.splits) == schema.images.splits
    wanted = {root + p for p in paths if not p.endswith("/y")}
    assert set(found.names) <= wanted
    if not schema.images.splits and not any("left out" in note for note in schema.notes):
        assert set(found.names) == wanted


@settings(max_examples=100, deadline=None)
@given(
    paths=st.lists(PATHS, min_size=4, max_size=12, unique=True),
    order=st.randoms(use_true_random=False),
)
def test_the_order_of_members_changes_nothing(
    tmp_path_factory: pytest.TempPathFactory, paths: list[str], order: object
) -> None:
    members = {p: POOL[n % len(POOL)] for n, p in enumerate(paths)}
    folder = tmp_path_factory.mktemp("order")
    (folder / "a").write_bytes(zip_of(members))
    mixed = list(members)
    order.shuffle(mixed)  # type: ignore[attr-defined]  # a Random of hypothesis
    (folder / "b").write_bytes(tar_of({name: members[name] for name in mixed}))
    try:
        schema = inspect(folder / "a", "images")
    except BadData:
        assume(False)
        raise
    one, other = images.read(folder / "a", schema), images.read(folder / "b", schema)

    assert inspect(folder / "b", "images") == schema
    assert (one.names, one.labels) == (other.names, other.labels)
    assert np.array_equal(one.pixels, other.pixels)


MODES = {
    "PNG": ["1", "L", "LA", "P", "RGB", "RGBA", "I;16", "P transparent", "RGB transparent"],
    "TIFF": ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16", "I", "F"],
    "JPEG": ["L", "RGB", "CMYK"],
    "WEBP": ["RGB", "RGBA"],
    "BMP": ["1", "L", "P", "RGB"],
    "GIF": ["L", "P", "P transparent"],
    "PPM": ["1", "L", "RGB"],
}
CASES = [(form, mode) for form, modes in MODES.items() for mode in modes]


def made(mode: str, seed: int, size: tuple[int, int]) -> tuple[Image.Image, dict[str, object]]:
    """An image of a mode, and what saving it needs."""
    rng = np.random.default_rng(seed)
    shape = (size[1], size[0])
    if mode == "I;16":
        return Image.fromarray(rng.integers(0, 2**16, shape, np.uint16)), {}
    if mode == "I":
        return Image.fromarray(rng.integers(-(2**20), 2**20, shape, np.int32)), {}
    if mode == "F":
        return Image.fromarray(rng.normal(size=shape).astype(np.float32)), {}
    rgba = Image.fromarray(rng.integers(0, 256, (*shape, 4), np.uint8))
    if mode == "P transparent":
        return rgba.convert("RGB").convert("P"), {"transparency": 3}
    if mode == "RGB transparent":
        image = rgba.convert("RGB")
        return image, {"transparency": image.getpixel((0, 0))}
    return rgba.convert(mode), {}


def rendition(content: bytes) -> np.ndarray:
    """What Pillow shows: upright, over white."""
    image = ImageOps.exif_transpose(Image.open(io.BytesIO(content)))
    if image.mode in ("I;16", "I", "F"):
        values = np.asarray(image).astype(np.float64)
        low, high = values.min(), values.max()
        # Few pixels of 32 bits may all hold what 16 bits can.
        if image.mode == "I;16" or (image.mode == "I" and low >= 0 and high < 2**16):
            low, high = 0, 2 ** max(8, int(high).bit_length()) - 1
        steps = (high - low + 1) if image.mode != "F" else (high - low) or 1.0
        return np.clip(np.floor((values - low) * 256 / steps), 0, 255)
    if image.has_transparency_data:
        clear = image.convert("RGBA")
        white = Image.new("RGB", image.size, "white")
        white.paste(clear, mask=clear.getchannel("A"))
        return np.asarray(white.convert("L" if image.mode in ("L", "LA", "1") else "RGB"))
    return np.asarray(image.convert("L" if image.mode in ("1", "L") else "RGB"))


@settings(max_examples=200, deadline=None)
@given(
    case=st.sampled_from(CASES),
    orientation=st.integers(0, 9),
    seed=st.integers(0, 10_000),
    size=st.tuples(st.integers(1, 9), st.integers(1, 9)),
)
def test_the_pixels_are_what_pillow_shows(
    tmp_path_factory: pytest.TempPathFactory,
    case: tuple[str, str],
    orientation: int,
    seed: int,
    size: tuple[int, int],
) -> None:
    form, mode = case
    image, options = made(mode, seed, size)
    if orientation and form in ("PNG", "JPEG", "WEBP", "TIFF"):
        exif = Image.Exif()
        exif[0x0112] = orientation
        options = {**options, "exif": exif}
    if form == "WEBP":
        options = {**options, "lossless": True}
    content = encoded(image, form, **options)
    path = tmp_path_factory.mktemp("pixels") / "x"
    path.write_bytes(zip_of({"a/1.png": content, "b/1.png": content}))

    schema = inspect(path, "images")
    pixels = images.read(path, schema).pixels[0]

    wanted = rendition(content)
    wanted = wanted[None] if wanted.ndim == 2 else np.moveaxis(wanted, -1, 0)
    assert pixels.shape == wanted.shape
    tolerance = 1 if "transparent" in mode or mode.endswith("A") else 0  # Two ways to blend.
    assert np.abs(pixels.astype(int) - wanted).max() <= tolerance
