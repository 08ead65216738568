"""The pixels of images: depth, orientation, transparency, colour and size, and what is said."""

from __future__ import annotations

import io
import zlib
from pathlib import Path

import numpy as np
import pytest
from image_archives import encoded, picture, png, written, zip_of
from PIL import Image

from trainyard_api.datasets.choices import SchemaChoices
from trainyard_api.datasets.schema import DatasetSchema
from trainyard_data import images
from trainyard_data.errors import BadChoice, BadData
from trainyard_data.images.pixels import MOST_PIXELS
from trainyard_data.inspection import NO_CHOICES, inspect

CHOSEN = SchemaChoices(image_size=(8, 4))


def pair(first: bytes, *more: bytes) -> dict[str, bytes]:
    """Images of two classes, the first one twice."""
    return {"a/0": first, "b/0": first} | {f"b/{n}": one for n, one in enumerate(more, 1)}


def both(
    folder: Path, members: dict[str, bytes], choices: SchemaChoices = NO_CHOICES
) -> tuple[DatasetSchema, np.ndarray]:
    path = written(folder, zip_of({f"{name}.png": content for name, content in members.items()}))
    schema = inspect(path, "images", choices)
    return schema, images.read(path, schema).pixels


def gray(values: object, dtype: type) -> Image.Image:
    return Image.fromarray(np.array(values, dtype))


@pytest.mark.parametrize(
    ("form", "image", "wanted"),
    [
        pytest.param("PNG", gray([[0, 255, 256, 65535]], np.uint16), [0, 0, 1, 255], id="16 bits"),
        pytest.param("PNG", gray([[0, 16, 2048, 4095]], np.uint16), [0, 1, 128, 255], id="12 bits"),
        pytest.param("PNG", gray([[0, 1, 100, 255]], np.uint16), [0, 1, 100, 255], id="8 in 16"),
        pytest.param("TIFF", gray([[-2, 0, 1, 5]], np.int32), [0, 64, 96, 224], id="32 bits"),
        pytest.param("TIFF", gray([[0, 0.5, 0.999, 1]], np.float32), [0, 128, 255, 255], id="real"),
        pytest.param(
            "PNG", gray([[0, 255, 255, 0]], np.uint8).convert("1"), [0, 255, 255, 0], id="1 bit"
        ),
    ],
)
def test_gray_of_every_depth_is_scaled(
    tmp_path: Path, form: str, image: Image.Image, wanted: list[int]
) -> None:
    schema, pixels = both(tmp_path, pair(encoded(image, form)))

    assert pixels[0].ravel().tolist() == wanted
    assert any("more than 8 bits" in note for note in schema.notes) == (image.mode != "1")


def test_all_images_of_a_dataset_are_scaled_alike(tmp_path: Path) -> None:
    dark, light = (gray([[0, v]], np.uint16) for v in (4095, 65535))
    _, pixels = both(tmp_path, pair(encoded(dark), encoded(light)))

    assert pixels.reshape(3, 2).tolist() == [[0, 15], [0, 15], [0, 255]]


def test_a_prediction_scales_as_the_training_did(tmp_path: Path) -> None:
    schema, _ = both(tmp_path, pair(encoded(gray([[0, 4095]], np.uint16))))
    one = written(tmp_path, encoded(gray([[0, 2048]], np.uint16)), "one.png")
    found = images.read_for_model(one, (1, 1, 2), ["a", "b"], schema.images)

    assert found.pixels.ravel().tolist() == [0, 128]
    assert found.labels == [None]


def test_values_of_32_bits_need_a_range_that_was_learned(tmp_path: Path) -> None:
    one = written(tmp_path, encoded(gray([[0, 1]], np.float32), "TIFF"), "one.tif")

    with pytest.raises(BadData, match="'one.tif' has 32 bits"):
        images.read_for_model(one, (1, 1, 2), ["a"])


def test_a_pixel_that_is_not_finite_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadData, match="'a/0.png' holds a pixel that is not finite"):
        both(tmp_path, pair(encoded(gray([[0, np.nan]], np.float32), "TIFF")))


@pytest.mark.parametrize(
    ("image", "wanted"),
    [
        pytest.param(Image.new("RGBA", (1, 1), (9, 9, 9, 0)), [255] * 3, id="RGBA clear"),
        pytest.param(Image.new("RGBA", (1, 1), (9, 8, 7, 255)), [9, 8, 7], id="RGBA opaque"),
        pytest.param(Image.new("LA", (1, 1), (9, 0)), [255], id="LA clear"),
        pytest.param(Image.new("LA", (1, 1), (9, 255)), [9], id="LA opaque"),
    ],
)
def test_transparent_parts_are_shown_over_white(
    tmp_path: Path, image: Image.Image, wanted: list[int]
) -> None:
    schema, pixels = both(tmp_path, pair(encoded(image)))

    assert pixels[0].ravel().tolist() == wanted
    assert any("over white" in note for note in schema.notes)


def test_palettes_have_their_colours_and_their_transparency(tmp_path: Path) -> None:
    image = Image.new("P", (2, 1))
    image.putpalette([1, 2, 3, 200, 100, 0])
    image.putdata([0, 1])
    _, pixels = both(tmp_path, pair(encoded(image, transparency=0)))

    assert pixels[0].transpose(1, 2, 0).tolist() == [[[255, 255, 255], [200, 100, 0]]]


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("form", ["JPEG", "PNG", "TIFF", "WEBP"])
def test_an_image_is_turned_as_viewers_turn_it(tmp_path: Path, form: str, orientation: int) -> None:
    """The size of the upload too, which reads only heads of large datasets."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    schema, pixels = both(tmp_path, pair(encoded(picture(size=(8, 3)), form, exif=exif)))

    assert schema.dimensions[2:] == ([3, 8] if orientation < 5 else [8, 3])
    assert list(pixels.shape) == schema.dimensions


def test_damaged_orientation_does_not_refuse_a_sound_image(tmp_path: Path) -> None:
    content = encoded(picture(), "JPEG", exif=b"Exif\0\0MM\0*\xff\xff\xff\xff")
    schema, _ = both(tmp_path, pair(content))

    assert schema.samples == 2


def test_cmyk_is_read_as_its_program_wrote_it(tmp_path: Path) -> None:
    """Adobe's programs store CMYK inverted, and say so; Pillow writes in their way."""
    image = Image.new("CMYK", (8, 8), (0, 0, 0, 0))
    _, pixels = both(tmp_path, pair(encoded(image, "JPEG")))

    assert pixels.min() == 255


def test_the_first_frame_is_read(tmp_path: Path) -> None:
    frames = [Image.new("L", (4, 4), v) for v in (50, 200)]
    content = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
    schema, pixels = both(tmp_path, pair(content))

    assert (pixels == 50).all()
    assert "Images of several frames, of which the first is read: 2." in schema.notes


def test_gray_beside_colour_is_said(tmp_path: Path) -> None:
    schema, pixels = both(tmp_path, pair(png(mode="L"), png()))

    assert pixels.shape[1] == 3
    assert "2 of 3 images are gray and read as colour." in schema.notes


class TestSizes:
    """Which size all images get."""

    def test_one_of_another_size_does_not_scale_all(self, tmp_path: Path) -> None:
        others = [png(n, (96, 96)) for n in range(6)]
        schema, pixels = both(tmp_path, pair(png(9, (96, 96)), png(7, (97, 96)), *others))

        assert pixels.shape[2:] == (96, 96)
        assert "1 of 9 images is scaled to 96 × 96, the size of most." in schema.notes
        assert schema.images is not None
        assert schema.images.scaled == 1

    def test_no_size_of_half_of_them(self, tmp_path: Path) -> None:
        members = {f"{c}/{n}": png(n, (5 + n, 7)) for c in "ab" for n in range(3)}
        schema, pixels = both(tmp_path, members)

        assert pixels.shape[2:] == (32, 32)
        assert "6 of 6 images are scaled to 32 × 32, since no size is" in schema.notes[0]

    def test_a_size_that_was_chosen(self, tmp_path: Path) -> None:
        schema, pixels = both(tmp_path, pair(png(size=(4, 8)), png(size=(9, 9))), CHOSEN)

        assert pixels.shape[2:] == (8, 4)
        assert "1 of 3 images is scaled to 8 × 4, as it was chosen." in schema.notes

    @pytest.mark.parametrize("size", [(0, 5), (5, 4097)], ids=str)
    def test_a_size_that_is_none(self, tmp_path: Path, size: tuple[int, int]) -> None:
        with pytest.raises(BadChoice, match="1 to 4096"):
            both(tmp_path, pair(png()), SchemaChoices.model_construct(image_size=size))

    def test_an_image_of_too_many_pixels(self, tmp_path: Path) -> None:
        """A head that declares them, before anything is unpacked."""
        raw = bytearray(png())
        raw[16:24] = (100_000).to_bytes(4, "big") * 2

        raw[29:33] = zlib.crc32(bytes(raw[12:29])).to_bytes(4, "big")

        with pytest.raises(BadData, match=f"at most {MOST_PIXELS}"):
            both(tmp_path, pair(bytes(raw)))


class TestPredictions:
    """Images to predict, with and without classes."""

    @pytest.mark.parametrize(
        ("name", "label"),
        [
            ("0.png", None),
            ("unlabelled/0.png", None),
            ("cat/0.png", "cat"),
            ("new/cat/s0/0.png", "cat"),
            ("cat/dog/0.png", "cat"),
        ],
    )
    def test_a_label_is_a_folder_that_is_a_class(
        self, tmp_path: Path, name: str, label: str | None
    ) -> None:
        path = written(tmp_path, zip_of({name: png(), ".x/cat/1.png": png()}))
        found = images.read_for_model(path, (3, 5, 6), ["cat", "dog"])

        assert found.labels == [label]
        assert found.names == [name]

    def test_one_image_file(self, tmp_path: Path) -> None:
        path = written(tmp_path, png(size=(12, 10)), "One.PNG")

        assert images.read_for_model(path, (3, 5, 6), ["cat"]).pixels.shape == (1, 3, 5, 6)

    def test_an_archive_without_images(self, tmp_path: Path) -> None:
        with pytest.raises(BadData, match="holds no images"):
            images.read_for_model(written(tmp_path, zip_of({"a.txt": b""})), (3, 5, 6), ["cat"])


def test_an_image_is_its_content_and_not_its_ending(tmp_path: Path) -> None:
    image = picture(mode="L")
    content = io.BytesIO()
    image.save(content, "BMP")
    _, pixels = both(tmp_path, pair(content.getvalue()))

    assert np.array_equal(pixels[0, 0], np.asarray(image))
