"""Archives of pictures by what the pictures are: depth, colours, size, format, damage."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import numpy as np
from data_case import Case, Trains, refused
from picture_archives import PETS, packed
from picture_files import SIDE, Files, pets, picture
from PIL import Image

GREY = (1, SIDE, SIDE)
COLOUR = (3, SIDE, SIDE)


def saved(image: Image.Image, kind: str, **options: Any) -> bytes:
    """The bytes of a picture."""
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def shown(
    name: str,
    what: str,
    ending: str,
    draw: Callable[[int, int], bytes],
    image: tuple[int, int, int],
    **more: Any,
) -> Case:
    """A case of 16 pictures in two classes; `draw(class, number)` gives the bytes."""
    files = {
        f"{pet}/{i}.{ending}": draw(c, i) for c, pet in enumerate(("cat", "dog")) for i in range(8)
    }
    return packed(name, what, files, trains(image=image, **more))


def trains(
    samples: int = 16,
    classes: tuple[str, ...] = ("cat", "dog"),
    image: tuple[int, int, int] = GREY,
    says: tuple[str, ...] = (),
) -> Trains:
    """Pictures that train."""
    return Trains(samples, classes=classes, task="image-classification", image=image, says=says)


def mode(name: str, what: str, ending: str, how: str, image: tuple[int, int, int]) -> Case:
    """A case of a mode of Pillow."""
    kind = {"jpg": "JPEG", "tif": "TIFF"}.get(ending.lower(), ending.upper())
    return shown(name, what, ending, lambda c, i: picture(40 + 160 * c + i, how, kind), image)


def deep(c: int, i: int) -> bytes:
    """A 16-bit grey picture of a depth camera or of X-rays: 500 to 3,500, far above 255."""
    ramp = np.linspace(500, 1500, SIDE * SIDE).reshape(SIDE, SIDE) + 2000 * c + i
    return saved(Image.fromarray(ramp.astype(np.uint16)), "PNG")


def turned(c: int, i: int) -> bytes:
    """A photo of a telephone: the camera says in EXIF which side is up."""
    upright = Image.open(io.BytesIO(picture(255 - i)))
    exif = Image.Exif()
    exif[0x0112] = 3 if c else 1
    return saved(upright, "JPEG", exif=exif, quality=95)


def portrait(c: int, i: int) -> bytes:
    """A photo that is 12 × 8 in the file and 8 × 12 for people."""
    exif = Image.Exif()
    exif[0x0112] = 6
    return saved(Image.open(io.BytesIO(picture(40 + 160 * c + i, size=(12, 8)))), "JPEG", exif=exif)


def animated(c: int, i: int) -> bytes:
    """Three pictures in one."""
    frames = [Image.open(io.BytesIO(picture(40 + 160 * c + i + 9 * k))) for k in range(3)]
    return saved(frames[0], "GIF", save_all=True, append_images=frames[1:])


def one_bit(c: int, i: int) -> bytes:
    """A scan of black and white."""
    return saved(Image.fromarray((np.indices((SIDE, SIDE))[c] + i) % 4 < 2), "PNG")


def clear(c: int, i: int) -> bytes:
    """A picture that is transparent in a part, as logos are."""
    image = Image.open(io.BytesIO(picture(40 + 160 * c + i, "RGB"))).convert("RGBA")
    image.putalpha(Image.fromarray((np.indices((SIDE, SIDE))[0] * 30).astype(np.uint8)))
    return saved(image, "PNG")


def blank(level: int) -> bytes:
    """A picture of one colour."""
    return saved(Image.new("RGB", (100, 100), (level,) * 3), "BMP")


def broken(name: str, data: bytes) -> Files:
    """Sound pictures and one that is not."""
    return PETS | {name: data}


JPEG = picture(99, "RGB", "JPEG", (64, 64))
BIRDS = {f"bird/{i}.tif": picture(120 + i, kind="TIFF") for i in range(8)}
SIZES = {
    f"{pet}/{i}.png": picture(99 * c, size=(16 + i, 12))
    for c, pet in enumerate(("cat", "dog"))
    for i in range(8)
}
ODD_ONE = {
    f"{pet}/{i}.png": picture(99 * c + i, size=(24, 24))
    for c, pet in enumerate(("cat", "dog"))
    for i in range(10)
}


def bad(name: str, what: str, files: Files, *words: str) -> Case:
    """A case of a damaged picture."""
    return packed(name, what, files, refused(*words))


CASES: tuple[Case, ...] = (
    mode("zip-upper-jpg", "photos called .JPG", "JPG", "RGB", COLOUR),
    mode("zip-jpeg-gray", "grey JPEG", "jpeg", "L", GREY),
    mode("zip-cmyk", "JPEG in the colours of print", "jpg", "CMYK", COLOUR),
    mode("zip-palette", "PNG with a palette", "png", "P", COLOUR),
    mode("zip-gray-alpha", "grey PNG with transparency", "png", "LA", GREY),
    mode("zip-bmp", "BMP", "bmp", "RGB", COLOUR),
    mode("zip-webp", "WebP", "webp", "RGB", COLOUR),
    shown("zip-rgba", "PNG with transparency, as logos have", "png", clear, COLOUR),
    shown("zip-one-bit", "scans of black and white", "png", one_bit, GREY),
    shown(
        "zip-16bit-gray", "grey PNG of 16 bit, as depth cameras and X-rays write", "png", deep, GREY
    ),
    shown("zip-animated-gif", "animated GIF: the first picture counts", "gif", animated, COLOUR),
    shown("zip-exif", "photos that EXIF turns upside down in one class", "jpg", turned, GREY),
    shown("zip-exif-portrait", "photos that EXIF turns by a quarter", "jpg", portrait, (1, 12, 8)),
    packed(
        "zip-mixed-modes",
        "grey and colour pictures in one archive",
        PETS | pets("{pet}/c{i}.png", mode="RGB"),
        trains(32, image=COLOUR),
    ),
    packed(
        "zip-sizes",
        "pictures of sixteen sizes",
        SIZES,
        Trains(16, classes=("cat", "dog"), task="image-classification", says=("size",)),
    ),
    packed(
        "zip-one-odd-size",
        "twenty pictures of 24 × 24 and one of 25 × 24",
        ODD_ONE | {"cat/odd.png": picture(9, size=(25, 24))},
        trains(21, image=(1, 24, 24), says=("1 ", "size")),
    ),
    packed(
        "zip-size-said",
        "pictures of sixteen sizes, and a size that the user chose",
        SIZES,
        trains(image=(1, 10, 20)),
        choices={"image_size": (10, 20)},
    ),
    packed(
        "zip-tif-class",
        "a class of TIFF beside classes of PNG",
        PETS | BIRDS,
        trains(24, ("bird", "cat", "dog")),
    ),
    packed("zip-tif-only", "TIFF, as scanners write", pets("{pet}/{i}.tif", kind="TIFF"), trains()),
    packed(
        "zip-heic-class",
        "a class of HEIC, as iPhones write, beside classes of PNG",
        PETS | {f"bird/{i}.heic": b"\0\0\0\x18ftypheic" + bytes(99) for i in range(8)},
        refused("bird", ".heic"),
    ),
    packed(
        "zip-heic-few",
        "some photos of HEIC among others of their class",
        PETS | {"cat/9.heic": b"\0\0\0\x18ftypheic" + bytes(99)},
        trains(says=(".heic",)),
    ),
    packed(
        "zip-dicom-class",
        "a class of DICOM, as hospitals write",
        PETS | {f"ct/{i}.dcm": bytes(128) + b"DICM" + bytes(99) for i in range(8)},
        refused("ct", ".dcm"),
    ),
    packed(
        "zip-svg-class",
        "a class of drawings in SVG",
        PETS | {f"logo/{i}.svg": b"<svg/>" for i in range(8)},
        refused("logo", ".svg"),
    ),
    packed(
        "zip-wrong-ending",
        "JPEG called .png, as browsers save",
        pets("{pet}/{i}.png", kind="JPEG"),
        trains(),
    ),
    packed("zip-no-ending", "pictures without an ending", pets("{pet}/{i}"), refused("no image")),
    packed(
        "zip-blank-bmp",
        "plain BMP of 100 × 100, which compress a thousandfold",
        {
            f"{pet}/{i}.bmp": blank(level)
            for pet, level in (("cat", 255), ("dog", 9))
            for i in range(4)
        },
        trains(8, image=(3, 100, 100)),
    ),
    bad(
        "zip-truncated-jpeg",
        "a JPEG that is cut off",
        broken("cat/broken.jpg", JPEG[:300]),
        "cat/broken.jpg",
    ),
    bad(
        "zip-empty-image",
        "a picture of no bytes",
        broken("cat/empty.png", b""),
        "cat/empty.png",
        "empty",
    ),
    bad(
        "zip-html-as-jpg",
        "the page of an error in place of a picture",
        broken("cat/404.jpg", b"<!DOCTYPE html><h1>404</h1>"),
        "cat/404.jpg",
    ),
    bad(
        "zip-lfs-picture",
        "a pointer of Git LFS in place of a picture",
        broken("cat/9.png", b"version https://git-lfs.github.com/spec/v1\n"),
        "cat/9.png",
    ),
    bad(
        "zip-broken-png",
        "a PNG whose data are damaged",
        broken("cat/9.png", picture(9)[:60] + b"xxxxxx" + picture(9)[66:]),
        "cat/9.png",
    ),
)
