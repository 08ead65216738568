"""NumPy archives and arrays."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from typing import Any

import numpy as np
from csv_rows import trains
from data_case import Case, Make, Outcome, RefusedInTraining, Trains, content, refused
from numpy.typing import NDArray

COUNT = 60
LABELS = np.arange(COUNT) % 3
VALUES = np.arange(COUNT * 4, dtype=np.float64).reshape(COUNT, 4) % 11
CLASSES = ("0", "1", "2")
IMAGES = {"task": "image-classification"}
Array = NDArray[Any]


def bright(shape: tuple[int, ...], most: float = 255) -> Array:
    """Pictures whose brightness depends on the class."""
    ramp = np.linspace(0, most / 2, int(np.prod(shape))).reshape(shape)
    return np.stack([ramp + most / 4 * label for label in LABELS.tolist()])


def archive(compressed: bool = False, /, **arrays: Any) -> Make:
    """An NPZ of these arrays. The time in it is fixed, so that the file is always the same."""
    out = io.BytesIO()
    kind = zipfile.ZIP_DEFLATED if compressed else zipfile.ZIP_STORED
    with zipfile.ZipFile(out, "w", kind) as members:
        for name, values in arrays.items():
            member = io.BytesIO()
            np.lib.format.write_array(member, np.asanyarray(values), allow_pickle=True)
            members.writestr(zipfile.ZipInfo(f"{name}.npy"), member.getvalue(), kind)
    return content(out.getvalue())


def table(samples: int = COUNT, classes: tuple[str, ...] = CLASSES, **more: Any) -> Trains:
    """Arrays that train as a table."""
    return Trains(samples, classes=classes, **({"target": "y"} | more))


def pictures(image: tuple[int, int, int]) -> Trains:
    """Arrays that train as pictures."""
    return Trains(COUNT, classes=CLASSES, task="image-classification", target="y", image=image)


def kept(samples: int, target: str) -> Trains:
    """Grey pictures of the training part; the other parts are left out, and named."""
    return Trains(
        samples,
        classes=CLASSES,
        task="image-classification",
        target=target,
        image=(1, 8, 8),
        says=("not used",),
    )


def npz(name: str, what: str, arrays: Mapping[str, Any], expected: Outcome, **more: Any) -> Case:
    """A case of an archive."""
    return Case(name, what, "d.npz", archive(**arrays), expected, **more)


def shown(name: str, what: str, pixels: Array, image: tuple[int, int, int]) -> Case:
    """A case of pictures in an archive."""
    return npz(name, what, {"x": pixels, "y": LABELS}, pictures(image), training=IMAGES)


def lone(values: Array) -> Make:
    """An NPY file."""
    out = io.BytesIO()
    np.save(out, values)
    return content(out.getvalue())


BYTES = bright((8, 8)).astype(np.uint8)
MASK = np.zeros((3, 4, 5, 6, 7))
NAMES = np.array(["cat", "dog", "eel"])[LABELS]
GAPS = np.where(VALUES == 3, np.nan, VALUES)
ENDLESS = np.where(np.arange(COUNT)[:, None] == 30, np.inf, VALUES)
KERAS = {"x_train": BYTES[:50], "y_train": LABELS[:50], "x_test": BYTES[50:], "y_test": LABELS[50:]}

CASES: tuple[Case, ...] = (
    npz("npz-basic", "x and y", {"x": VALUES, "y": LABELS}, table()),
    npz("npz-upper-names", "X and Y", {"X": VALUES, "Y": LABELS}, table(target="Y")),
    npz(
        "npz-data-target",
        "data and target, as scikit-learn calls them",
        {"data": VALUES, "target": LABELS},
        table(target="target"),
    ),
    npz(
        "npz-keras-names",
        "x_train, y_train, x_test and y_test, as Keras' mnist.npz",
        KERAS,
        kept(50, "y_train"),
        training=IMAGES,
    ),
    npz(
        "npz-medmnist",
        "train_images, train_labels …, as MedMNIST",
        {
            "train_images": BYTES,
            "train_labels": LABELS[:, None],
            "val_images": BYTES[:9],
            "val_labels": LABELS[:9, None],
        },
        kept(60, "train_labels"),
        training=IMAGES,
    ),
    npz(
        "npz-unnamed",
        "arr_0 and arr_1, as np.savez names them",
        {"arr_0": VALUES, "arr_1": LABELS},
        table(target="arr_1", says=("arr_0",)),
    ),
    npz(
        "npz-object-labels",
        "labels as Python objects, which need unpickling",
        {"x": VALUES, "y": NAMES.astype(object)},
        refused("y", "object"),
    ),
    npz(
        "npz-text-labels",
        "labels as texts",
        {"x": VALUES, "y": NAMES},
        table(classes=("cat", "dog", "eel")),
    ),
    npz(
        "npz-byte-labels",
        "labels as bytes",
        {"x": VALUES, "y": NAMES.astype("S3")},
        table(classes=("cat", "dog", "eel")),
    ),
    npz(
        "npz-bool-labels",
        "labels of true and false",
        {"x": VALUES, "y": LABELS == 1},
        table(classes=("False", "True")),
    ),
    npz(
        "npz-big-labels",
        "labels beyond 2^53",
        {"x": VALUES, "y": LABELS % 2 + 2**53},
        table(classes=(str(2**53), str(2**53 + 1))),
    ),
    npz(
        "npz-float-labels",
        "labels 0.0, 1.0 and 2.0",
        {"x": VALUES, "y": LABELS / 1.0},
        table(),
    ),
    npz(
        "npz-column-labels",
        "labels in one column: 60 × 1",
        {"x": VALUES, "y": LABELS[:, None]},
        table(),
    ),
    npz(
        "npz-one-hot",
        "labels one-hot",
        {"x": VALUES, "y": np.eye(3)[LABELS]},
        table(says=("one-hot",)),
    ),
    npz("npz-gaps", "missing numbers as NaN", {"x": GAPS, "y": LABELS}, table()),
    npz("npz-inf", "an infinite number", {"x": ENDLESS, "y": LABELS}, refused("x", "inf", "31")),
    npz(
        "npz-regression",
        "a target of fractions",
        {"x": VALUES, "y": np.arange(COUNT) * 0.37},
        Trains(COUNT, task="tabular-regression", target="y"),
        training={"task": "tabular-regression"},
    ),
    npz(
        "npz-datetime-feature",
        "dates as features",
        {"x": np.arange(COUNT).astype("M8[D]")[:, None], "y": LABELS},
        refused("x", "datetime64"),
    ),
    npz("npz-complex", "complex numbers", {"x": VALUES + 1j, "y": LABELS}, refused("x", "complex")),
    npz(
        "npz-text-features",
        "texts as features",
        {"x": VALUES.astype("U4"), "y": LABELS},
        refused("x"),
    ),
    npz(
        "npz-bigendian",
        "numbers with the high byte first",
        {"x": VALUES.astype(">f8"), "y": LABELS.astype(">i4")},
        table(),
    ),
    npz("npz-float16", "floats of 16 bit", {"x": VALUES.astype(np.float16), "y": LABELS}, table()),
    npz("npz-bool-features", "features of true and false", {"x": VALUES > 4, "y": LABELS}, table()),
    npz("npz-one-feature", "one feature: 60", {"x": VALUES[:, 0], "y": LABELS}, table()),
    npz(
        "npz-fortran",
        "columns first in memory, as R and Fortran order",
        {"x": np.asfortranarray(VALUES), "y": LABELS},
        table(),
    ),
    npz(
        "npz-lengths",
        "x and y of different lengths",
        {"x": VALUES, "y": LABELS[:50]},
        refused("60", "50"),
    ),
    npz(
        "npz-extra-array",
        "names and a description beside data and target",
        {
            "data": VALUES,
            "target": LABELS,
            "feature_names": np.array(list("abcd")),
            "DESCR": np.array("text"),
        },
        table(target="target"),
    ),
    npz(
        "npz-masked-extra-dims",
        "an array of five dimensions beside x and y",
        {"gradcam": MASK, "x": VALUES, "y": LABELS},
        table(),
    ),
    npz("npz-no-rows", "arrays without samples", {"x": VALUES[:0], "y": LABELS[:0]}, refused("no")),
    npz("npz-scalar-labels", "a label for all", {"x": VALUES, "y": np.array(1)}, refused("y")),
    npz("npz-nothing", "no arrays at all", {}, refused("no array")),
    Case("npz-compressed", "compressed", "d.npz", archive(True, x=VALUES, y=LABELS), table()),
    Case(
        "npz-slash-name",
        "an array in a folder",
        "d.npz",
        archive(**{"train/x": VALUES, "y": LABELS}),
        table(),
    ),
    Case(
        "npz-folder-of-text",
        "a zip of texts renamed to .npz",
        "d.npz",
        content(b"PK\x05\x06" + bytes(18)),
        refused("no array"),
    ),
    Case(
        "npz-no-archive", "a CSV renamed to .npz", "d.npz", content(b"a,b\n1,2\n"), refused("zip")
    ),
    Case(
        "npy-table",
        "an array of numbers without a target",
        "d.npy",
        lone(VALUES),
        trains(
            "x0 float64 | x1 float64 | x2 float64 | *x3 float64",
            None,
            COUNT,
            task="tabular-regression",
            says=("x3",),
        ),
    ),
    Case(
        "npy-pickle",
        "an array of Python objects",
        "d.npy",
        lone(np.array([{"a": 1}], dtype=object)),
        refused("object"),
    ),
    Case(
        "npy-records",
        "an array of records with named fields",
        "d.npy",
        lone(np.array([(1.0, 2), (2.0, 3)], dtype=[("a", "f8"), ("kind", "i8")])),
        refused("kind"),
    ),
    shown("npz-uint8-images", "grey pictures of bytes", BYTES, (1, 8, 8)),
    shown(
        "npz-rgb-images",
        "colour pictures of bytes, colours last",
        bright((8, 8, 3)).astype(np.uint8),
        (3, 8, 8),
    ),
    shown(
        "npz-rgb-first-images",
        "colour pictures of bytes, colours first",
        bright((3, 8, 8)).astype(np.uint8),
        (3, 8, 8),
    ),
    shown(
        "npz-float-images-0-1",
        "colour pictures of floats from 0 to 1",
        bright((8, 8, 3), 1.0).astype(np.float32),
        (3, 8, 8),
    ),
    shown(
        "npz-uint16-images",
        "grey pictures of 16 bit",
        bright((8, 8), 65535).astype(np.uint16),
        (1, 8, 8),
    ),
    shown(
        "npz-signed-images",
        "pictures of CT in Hounsfield units, below and above 0",
        (bright((8, 8), 4000) - 1000).astype(np.int16),
        (1, 8, 8),
    ),
    shown(
        "npz-normal-images",
        "pictures from -1 to 1",
        (bright((8, 8), 2.0) - 1).astype(np.float32),
        (1, 8, 8),
    ),
    shown(
        "npz-one-channel-last",
        "grey pictures with an axis for the colour",
        BYTES[..., None],
        (1, 8, 8),
    ),
    npz(
        "npz-multispectral-nhwc",
        "13 bands, last: 16 × 16 × 13",
        {"x": bright((16, 16, 13)).astype(np.uint16), "y": LABELS},
        pictures((13, 16, 16)),
        training=IMAGES,
    ),
    npz(
        "npz-flat-images",
        "pictures as rows of 64 numbers",
        {"x": BYTES.reshape(COUNT, 64), "y": LABELS},
        table(),
    ),
    npz(
        "npz-nan-images",
        "pictures with NaN",
        {"x": np.where(bright((8, 8), 1.0) > 0.7, np.nan, bright((8, 8), 1.0)), "y": LABELS},
        refused("x", "nan"),
        training=IMAGES,
    ),
    npz(
        "npz-one-label",
        "labels of one class",
        {"x": VALUES, "y": LABELS * 0},
        RefusedInTraining(("one class", "'0'")),
    ),
)
