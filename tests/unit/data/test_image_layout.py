"""Which folder names the class of an image, and which its split."""

from __future__ import annotations

import pytest

from trainyard_data.images.layout import FIRST, LAST, Layout, find, place

CAT, DOG = ("cat",), ("dog",)


def folders(*paths: str) -> list[tuple[str, ...]]:
    return [tuple(p for p in path.split("/") if p) for path in paths]


@pytest.mark.parametrize(
    ("paths", "layout"),
    [
        pytest.param(["cat", "dog"], Layout(), id="classes"),
        pytest.param(["pets/cat", "pets/dog"], Layout(("pets",)), id="a root"),
        pytest.param(["a/b/cat", "a/b/dog"], Layout(("a", "b")), id="a deep root"),
        pytest.param(["cat/s0", "cat/s1", "dog/s0"], Layout(), id="folders within classes"),
        pytest.param(["cat", "cat/s1", "dog"], Layout(), id="some within classes"),
        pytest.param(["cat"], Layout(), id="one class"),
        pytest.param(["pets/cat"], Layout(("pets",)), id="one class in a root"),
        pytest.param(["", "cat", "dog"], Layout(), id="some in no folder"),
        pytest.param([""], Layout(), id="all in no folder"),
        pytest.param(
            ["train/cat", "train/dog", "val/cat"], Layout((), FIRST, "above"), id="splits"
        ),
        pytest.param(["d/Train/cat", "d/TEST/cat"], Layout(("d",), FIRST, "above"), id="in a root"),
        pytest.param(
            ["cat/train", "cat/test", "dog/train"], Layout((), FIRST, "below"), id="below"
        ),
        pytest.param(["train/cat", "train/dog"], Layout(("train",)), id="one split is a root"),
        pytest.param(["train", "plane"], Layout(), id="a class called train"),
        pytest.param(["train", "test"], Layout((), FIRST, "above"), id="splits without classes"),
        pytest.param(
            ["train/cat", "test"], Layout((), FIRST, "above"), id="a test split without classes"
        ),
        pytest.param(
            ["train2017/cat", "val-set/cat", "test_images"],
            Layout((), FIRST, "above"),
            id="longer names of splits",
        ),
        pytest.param(["trainer/cat", "test/cat"], Layout(), id="a folder called trainer"),
        pytest.param(["val/cat", "test/cat"], Layout(), id="nothing to train on"),
    ],
)
def test_the_layout_that_folders_have(paths: list[str], layout: Layout) -> None:
    assert find(folders(*paths), None) == layout


@pytest.mark.parametrize(
    ("path", "layout", "wanted"),
    [
        pytest.param("cat", Layout(), ("cat", "train"), id="its folder"),
        pytest.param("cat/s0", Layout(), ("cat", "train"), id="the first folder"),
        pytest.param("cat/s0", Layout(class_folder=LAST), ("s0", "train"), id="the last folder"),
        pytest.param("", Layout(), None, id="no folder"),
        pytest.param("pets", Layout(("pets",)), None, id="the root itself"),
        pytest.param("zoo/cat", Layout(("pets",)), None, id="another root"),
        pytest.param("val/cat", Layout(split="above"), ("cat", "validation"), id="a split above"),
        pytest.param("cat/Testing", Layout(split="below"), ("cat", "test"), id="a split below"),
        pytest.param("val", Layout(split="above"), None, id="a split without class"),
        pytest.param("test2/cat", Layout(split="above"), ("cat", "test"), id="a numbered split"),
        pytest.param("ka\u0308fer", Layout(), ("käfer", "train"), id="decomposed letters"),
    ],
)
def test_the_class_and_split_of_a_path(
    path: str, layout: Layout, wanted: tuple[str, str] | None
) -> None:
    assert place(folders(path)[0], layout) == wanted
