"""NPZ and NPY: which array is what, what is refused at upload, and what a prediction takes."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from trainyard_api.datasets.choices import SchemaChoices
from trainyard_api.datasets.schema import DatasetSchema
from trainyard_data import arrays
from trainyard_data.errors import BadChoice, BadData
from trainyard_data.inspection import inspect

X = np.arange(24.0).reshape(6, 4)
Y = np.array([0, 1, 2, 0, 1, 2])
INF = float("inf")
PIXELS = np.arange(6 * 64, dtype=np.uint8).reshape(6, 8, 8)


def saved(folder: Path, compressed: bool = False, **members: Any) -> Path:
    path = folder / "x.npz"
    save = np.savez_compressed if compressed else np.savez
    save(path, **{name: np.asarray(value) for name, value in members.items()})
    return path


def schema_of(folder: Path, /, **members: Any) -> DatasetSchema:
    return inspect(saved(folder, **members), "npz")


@pytest.mark.parametrize(
    ("names", "chosen", "left_out"),
    [
        pytest.param(["x", "y"], ("x", "y"), [], id="x y"),
        pytest.param(["X", "Y"], ("X", "Y"), [], id="X Y"),
        pytest.param(["data", "target"], ("data", "target"), [], id="data target"),
        pytest.param(["images", "labels"], ("images", "labels"), [], id="images labels"),
        pytest.param(
            ["x_train", "y_train", "x_test", "y_test"],
            ("x_train", "y_train"),
            ["x_test", "y_test"],
            id="Keras",
        ),
        pytest.param(
            ["train_images", "train_labels", "val_images", "val_labels"],
            ("train_images", "train_labels"),
            ["val_images", "val_labels"],
            id="MedMNIST",
        ),
        pytest.param(["trainX", "trainY", "testX"], ("trainX", "trainY"), ["testX"], id="camels"),
        pytest.param(["Xtrain", "ytrain"], ("Xtrain", "ytrain"), [], id="joined"),
        pytest.param(["train/x", "y"], ("train/x", "y"), [], id="a folder"),
        pytest.param(["features", "y"], ("features", "y"), [], id="features"),
        pytest.param(["other", "y"], ("other", "y"), [], id="the only other one"),
        pytest.param(["x_train", "x", "y"], ("x", "y"), ["x_train"], id="x before x_train"),
    ],
)
def test_which_array_is_what(
    tmp_path: Path, names: list[str], chosen: tuple[str, str], left_out: list[str]
) -> None:
    """The same for upload and training."""
    is_target = [n == chosen[1] or "lab" in n.lower() or "y" in n.lower() for n in names]
    members = {n: Y if t else X for n, t in zip(names, is_target, strict=True)}
    found = schema_of(tmp_path, **members)
    read = arrays.read(tmp_path / "x.npz", "npz", found)

    assert (found.inputs, found.target) == chosen == (read.input_name, read.target_name)
    assert (found.samples, found.dimensions, found.classes) == (6, [6, 4], ["0", "1", "2"])
    assert all(any(repr(n) in note for note in found.notes) for n in left_out)
    assert np.array_equal(read.inputs, X)
    assert read.target is not None
    assert read.target.tolist() == Y.tolist()


def test_samples_are_those_of_the_array_that_is_used(tmp_path: Path) -> None:
    found = schema_of(tmp_path, x=X, y=Y, gradcam=np.zeros((2, 3, 4, 5)), names=["a"], note="b")

    assert found.samples == 6
    assert found.notes == ["Arrays that are not used: 'gradcam', 'names', 'note'."]


def test_arrays_without_telling_names(tmp_path: Path) -> None:
    found = schema_of(tmp_path, arr_0=X, arr_1=Y)

    assert (found.inputs, found.target) == ("arr_0", "arr_1")
    assert found.target_reason == "the only array of one axis, beside 'arr_0' with as many samples"


def test_an_object_array_that_is_not_used_spoils_nothing(tmp_path: Path) -> None:
    found = schema_of(tmp_path, x=X, y=Y, meta=np.array([{"a": 1}], object))

    assert found.samples == 6


@pytest.mark.parametrize(
    ("members", "words"),
    [
        pytest.param({"x": X}, "no array is called y, target", id="no target"),
        pytest.param({"a": X, "b": X, "y": Y}, "which of the arrays 'a', 'b'", id="two inputs"),
        pytest.param({"y": Y}, "no array beside the target", id="only a target"),
        pytest.param({"x": X, "y": 1}, "'y' is a single value", id="scalar"),
        pytest.param({"x": X, "y": Y[:5]}, "'x' has 6 samples and 'y' has 5", id="lengths"),
        pytest.param({"x": X[:0], "y": Y[:0]}, "nothing is in it", id="empty"),
        pytest.param({"x": X + 1j, "y": Y}, "'x' holds complex128", id="complex"),
        pytest.param({"x": X.astype("M8[D]"), "y": Y}, "holds datetime64", id="dates"),
        pytest.param({"x": X.astype(str), "y": Y}, "'x' holds <U32", id="texts as samples"),
        pytest.param({"x": X.astype(object), "y": Y}, "'x' holds Python objects", id="objects"),
        pytest.param({"x": X, "y": Y.astype(object)}, "'y' holds Python objects", id="labels"),
        pytest.param({"x": X, "y": Y.astype("m8[s]")}, "'y' holds timedelta64", id="durations"),
        pytest.param({"x": X, "y": X}, "'y' has the shape .* row 1 is not one-hot", id="rows"),
        pytest.param({"x": X, "y": Y + INF}, "row 1, array 'y': the target", id="not finite"),
        pytest.param({"x": X, "y": ["a\n"] * 6}, "a control character", id="control"),
        pytest.param({"x": X + INF, "y": Y}, r"row 1, array 'x', place \[0\]: .* inf", id="inf"),
        pytest.param(
            {"x": PIXELS + np.nan, "y": Y}, r"row 1, array 'x', place \[0, 0\]", id="nan pixels"
        ),
    ],
)
def test_what_cannot_be_used_is_refused_at_upload(
    tmp_path: Path, members: dict[str, Any], words: str
) -> None:
    with pytest.raises((BadData, BadChoice), match=words):
        schema_of(tmp_path, **members)


@pytest.mark.parametrize(
    ("target", "classes", "read"),
    [
        pytest.param(Y[:, None], ["0", "1", "2"], Y.tolist(), id="a column"),
        pytest.param(np.eye(3)[Y], ["0", "1", "2"], Y.tolist(), id="one-hot"),
        pytest.param(np.asfortranarray(np.eye(3)[Y]), ["0", "1", "2"], Y.tolist(), id="by columns"),
        pytest.param(Y.astype(">i2"), ["0", "1", "2"], Y.tolist(), id="big-endian"),
        pytest.param(Y + 0.0, ["0", "1", "2"], Y.tolist(), id="whole decimals"),
        pytest.param(Y / 2, ["0", "0.5", "1"], (Y / 2).tolist(), id="decimals"),
        pytest.param(Y > 0, ["False", "True"], (Y > 0).tolist(), id="booleans"),
        pytest.param(
            (Y + 2**53).astype(np.uint64),
            [str(2**53 + n) for n in range(3)],
            (Y + 2**53).tolist(),
            id="integers beyond 2^53",
        ),
        pytest.param(np.array(["a", "b", "é"])[Y], ["a", "b", "é"], None, id="texts"),
        pytest.param(np.array([b"a", b"b", b"\xc3\xa9"])[Y], ["a", "b", "é"], None, id="UTF-8"),
        pytest.param(np.array([b"a", b"b", b"\xe9"])[Y], ["a", "b", "é"], None, id="Latin-1"),
    ],
)
def test_classes_are_called_as_they_are_written(
    tmp_path: Path, target: Any, classes: list[str], read: list[Any] | None
) -> None:
    found = schema_of(tmp_path, x=X, y=target)
    values = arrays.read(tmp_path / "x.npz", "npz", found).target

    assert values is not None
    assert found.classes == classes
    assert read is None or values.tolist() == read
    assert sorted(set(arrays.labels(values))) == classes


@pytest.mark.parametrize(
    ("shape", "chosen", "images"),
    [
        pytest.param((8, 8), None, (1, 8, 8), id="gray"),
        pytest.param((64,), None, (1, 8, 8), id="rows of a square"),
        pytest.param((8, 9, 3), None, (3, 8, 9), id="channels last"),
        pytest.param((3, 8, 9), None, (3, 8, 9), id="channels first"),
        pytest.param((16, 16, 13), None, (13, 16, 16), id="13 channels last"),
        pytest.param((13, 16, 16), None, (13, 16, 16), id="13 channels first"),
        pytest.param((20, 30, 13), None, None, id="not clear"),
        pytest.param((20, 30, 13), "last", (13, 20, 30), id="chosen last"),
        pytest.param((20, 30, 13), "first", (20, 30, 13), id="chosen first"),
        pytest.param((7, 7, 7), None, None, id="a cube"),
        pytest.param((65,), None, None, id="no square"),
        pytest.param((2, 3, 4, 5), None, None, id="five axes"),
    ],
)
def test_which_axis_holds_the_channels(
    tmp_path: Path, shape: tuple[int, ...], chosen: Any, images: tuple[int, int, int] | None
) -> None:
    values = np.random.default_rng(0).integers(0, 255, (6, *shape), np.uint8)
    path = saved(tmp_path, x=values, y=Y)
    schema = inspect(path, "npz", SchemaChoices(channel_axis=chosen))

    found = schema.images
    assert (found and (found.channels, found.height, found.width)) == images
    if found is not None:
        assert arrays.as_images(values, "x", found).shape[1:] == images
    if images is None and len(shape) > 2:
        assert any("not clear" in n or "images have the shape" in n for n in schema.notes)


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", ["<f8", ">f4", "<f2", "|u1", ">i2", "|b1", "<u8"])
def test_values_of_every_form_are_read(
    tmp_path: Path, compressed: bool, order: Any, dtype: str
) -> None:
    values = np.array(np.arange(60).reshape(6, 2, 5) % 7, dtype, order=order)
    path = saved(tmp_path, compressed, x=values, y=Y)

    read = arrays.read(path, "npz", inspect(path, "npz"))
    assert np.array_equal(read.inputs, values)


def test_what_is_stored_unpacked_is_mapped(tmp_path: Path) -> None:
    """So that memory does not grow with the file."""
    path = saved(tmp_path, x=X, y=Y)

    assert isinstance(arrays.read(path, "npz", inspect(path, "npz")).inputs, np.memmap)


class TestNpy:
    """One array: a matrix whose last column is the target."""

    def test_a_matrix_is_a_table(self, tmp_path: Path) -> None:
        np.save(tmp_path / "x.npy", np.column_stack([X, Y]))
        found = inspect(tmp_path / "x.npy", "npy")
        read = arrays.read(tmp_path / "x.npy", "npy", found)

        assert (found.dimensions, found.target, found.classes) == ([6, 5], "x4", ["0", "1", "2"])
        assert "its last column, 'x4', is taken" in found.notes[0]
        assert np.array_equal(read.inputs, X)
        assert read.target is not None
        assert read.target.tolist() == Y.tolist()

    @pytest.mark.parametrize(
        ("values", "words"),
        [
            pytest.param(Y, "and no target", id="one axis"),
            pytest.param(PIXELS, "and no target", id="images"),
            pytest.param(X[:, :1], "and no target", id="one column"),
            pytest.param(np.array([{}], object), "Python objects", id="objects"),
            pytest.param(np.array([(1, 2.0)], "i4,f8"), "fields f0, f1", id="records"),
            pytest.param(X.astype(str), "samples are numbers", id="texts"),
            pytest.param(np.full((2, 3), np.inf), "row 1, column 'x0'", id="infinite"),
            pytest.param(np.zeros((1, 20_000)), "at most 10000", id="wide"),
        ],
    )
    def test_other_arrays_are_refused(self, tmp_path: Path, values: Any, words: str) -> None:
        np.save(tmp_path / "x.npy", values)

        with pytest.raises(BadData, match=words):
            inspect(tmp_path / "x.npy", "npy")

    def test_another_target_than_the_last_column(self, tmp_path: Path) -> None:
        np.save(tmp_path / "x.npy", X)

        with pytest.raises(BadChoice, match="the last column|its last column"):
            inspect(tmp_path / "x.npy", "npy", SchemaChoices(target="x0"))


class TestPredictions:
    """A file that fits the model, or a sentence that says how it does not."""

    def images(self, folder: Path, scale: float = 255.0, **members: Any) -> arrays.Arrays:
        path = saved(folder, **members)
        return arrays.images_for_model(path, "npz", (1, 8, 8), "y", scale)

    @pytest.mark.parametrize(
        "values", [PIXELS, PIXELS[:, None], PIXELS[..., None]], ids=["gray", "first", "last"]
    )
    def test_images_of_the_learned_shape(self, tmp_path: Path, values: Any) -> None:
        found = self.images(tmp_path, x=values, y=Y)

        assert np.array_equal(found.inputs[:, 0], PIXELS)
        assert found.target is not None

    def test_images_of_another_shape(self, tmp_path: Path) -> None:
        words = r"learned 1 × 8 × 8 .* a sample of the array 'x' has 10 × 10"
        with pytest.raises(BadData, match=words):
            self.images(tmp_path, x=np.zeros((2, 10, 10)))

    def test_values_up_to_1_for_a_model_of_bytes(self, tmp_path: Path) -> None:
        with pytest.raises(BadData, match="learned values up to 255, those .* end at 1"):
            self.images(tmp_path, x=PIXELS / 255)

    def test_bytes_for_a_model_of_values_up_to_1(self, tmp_path: Path) -> None:
        with pytest.raises(BadData, match="learned values up to 1, the array 'x' holds 255"):
            self.images(tmp_path, scale=1.0, x=PIXELS)

    def test_a_pixel_that_is_not_finite(self, tmp_path: Path) -> None:
        values = PIXELS.astype(float)
        values[2, 3, 4] = np.nan
        with pytest.raises(BadData, match=r"row 3, array 'x', place \(0, 3, 4\)"):
            self.images(tmp_path, x=values)

    def test_a_table_of_other_columns(self, tmp_path: Path) -> None:
        with pytest.raises(BadData, match="learned 4 columns, the array 'x' has 6"):
            arrays.matrix_for_model(saved(tmp_path, x=np.zeros((2, 6))), "npz", 4, "y")

    @pytest.mark.parametrize("name", ["x", "data", "anything", "x_test", "test_images"])
    def test_samples_without_truth(self, tmp_path: Path, name: str) -> None:
        found = arrays.matrix_for_model(saved(tmp_path, **{name: X}), "npz", 4, "y")

        assert np.array_equal(found.inputs, X)
        assert found.target is None

    def test_an_npy_with_and_without_the_last_column(self, tmp_path: Path) -> None:
        np.save(tmp_path / "a.npy", X)
        np.save(tmp_path / "b.npy", np.column_stack([X, Y]))
        without, with_it = (
            arrays.matrix_for_model(tmp_path / f"{n}.npy", "npy", 4, "x4") for n in "ab"
        )

        assert np.array_equal(without.inputs, with_it.inputs)
        assert without.target is None
        assert with_it.target is not None


class TestDamage:
    """NPZ files that no program wrote so."""

    def packed(self, folder: Path, **members: bytes) -> Path:
        with zipfile.ZipFile(folder / "x.npz", "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in members.items():
                archive.writestr(f"{name}.npy", content)
        return folder / "x.npz"

    def npy(self, values: Any) -> bytes:
        out = io.BytesIO()
        np.save(out, values)
        return out.getvalue()

    @pytest.mark.parametrize(
        ("content", "words"),
        [
            pytest.param(b"nonsense", "member 'x.npy': not an NPY array", id="no array"),
            pytest.param(b"\x93NUMPY\x02\x00\xff\xff\xff\xff", "4294967295 bytes", id="header"),
        ],
    )
    def test_a_member(self, tmp_path: Path, content: bytes, words: str) -> None:
        with pytest.raises(BadData, match=words):
            inspect(self.packed(tmp_path, x=content, y=self.npy(Y)), "npz")

    def test_values_that_are_missing(self, tmp_path: Path) -> None:
        path = self.packed(tmp_path, x=self.npy(X)[:-8], y=self.npy(Y))

        with pytest.raises(BadData, match="'x.npy': its size does not fit its shape"):
            inspect(path, "npz")

    def test_files_that_macos_adds(self, tmp_path: Path) -> None:
        path = saved(tmp_path, x=X, y=Y)
        with zipfile.ZipFile(path, "a") as archive:
            archive.writestr("__MACOSX/._x.npy", b"Mac")
            archive.writestr("README.txt", b"read me")

        assert inspect(path, "npz").notes == [
            "Members that are no arrays are left out: 'README.txt'."
        ]

    def test_an_array_that_is_there_twice(self, tmp_path: Path) -> None:
        path = saved(tmp_path, x=X, y=Y)
        with zipfile.ZipFile(path, "a") as archive:
            archive.writestr("x", self.npy(X))

        with pytest.raises(BadData, match="the array 'x' twice"):
            inspect(path, "npz")


def test_an_array_that_python_2_wrote(tmp_path: Path) -> None:
    path = tmp_path / "x.npy"
    header = b"{'descr': '<f8', 'fortran_order': False, 'shape': (6L, 4L), }".ljust(117) + b"\n"
    path.write_bytes(b"\x93NUMPY\x01\x00" + b"\x76\x00" + header + X.tobytes())

    assert inspect(path, "npy").samples == 6
