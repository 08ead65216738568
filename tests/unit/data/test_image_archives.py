"""Archives of images: which members count, which classes they have, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from image_archives import Members, encoded, picture, png, tar_of, two_classes, written, zip_of

from trainyard_api.datasets.choices import SchemaChoices
from trainyard_api.datasets.schema import DatasetSchema
from trainyard_data import images
from trainyard_data.errors import BadData
from trainyard_data.inspection import inspect


def schema_of(folder: Path, members: Members, **choices: object) -> DatasetSchema:
    path = written(folder, zip_of(members))
    return inspect(path, "images", SchemaChoices.model_validate(choices))


def read_back(folder: Path, schema: DatasetSchema) -> images.Images:
    return images.read(folder / "x.zip", schema)


@pytest.mark.parametrize(
    "extra",
    [
        "__MACOSX/cat/._0.png",
        "cat/.ipynb_checkpoints/0-checkpoint.png",
        ".ipynb_checkpoints/x.png",
        "cat/Thumbs.db",
        "cat/.DS_Store",
        "cat/desktop.ini",
        "@eaDir/cat/SYNO.png",
        "cat/._0.png",
        "cat/Icon\r",
    ],
)
def test_files_that_systems_add_are_no_samples(tmp_path: Path, extra: str) -> None:
    found = schema_of(tmp_path, {**two_classes(), extra: png()})

    assert (found.samples, found.classes) == (6, ["cat", "dog"])
    assert "a system adds" in found.notes[0]
    assert len(read_back(tmp_path, found).labels) == 6


@pytest.mark.parametrize(
    "name",
    [
        "Screenshot 2024-01-01 at 9.00.00\u202fAM.png",
        "0;v2.png",
        "IMG_1.png",
        "a\u00a0b\u3000c.png",
        "\u200eWhatsApp.png",
        "👩\u200d🚀.png",
        "\U0001fae9 newer than this Python.png",
    ],
    ids=ascii,
)
def test_names_that_are_ordinary_somewhere_are_accepted(tmp_path: Path, name: str) -> None:
    members = {**two_classes(), f"cat/{name}": png(9), f"cat/{name.lower()}": png(9)}
    found = schema_of(tmp_path, members)

    assert found.samples == len(members)
    assert read_back(tmp_path, found).labels.count("cat") == len(members) - 3


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("cat/a\n.png", "control character in its name .U.000A."),
        ("cat/\x1b[31m.png", "control character"),
        ("cat/\u202egnp.png", "U.202E"),
        ("../cat/a.png", "points outside"),
        ("/etc/a.png", "points outside"),
        ("cat\\..\\..\\x.png", "points outside"),
    ],
    ids=ascii,
)
def test_names_that_mislead_are_refused(tmp_path: Path, name: str, words: str) -> None:
    with pytest.raises(BadData, match=words):
        schema_of(tmp_path, {**two_classes(), name: png()})


def test_a_tar_is_read_as_a_zip_is(tmp_path: Path) -> None:
    members = {f"./pets/{name}": content for name, content in two_classes().items()}
    zipped = written(tmp_path, zip_of(members))
    tarred = written(tmp_path, tar_of(members, "w:gz"), "x.tar.gz")

    schema = inspect(tarred, "images")
    assert schema == inspect(zipped, "images")
    assert (images.read(tarred, schema).pixels == images.read(zipped, schema).pixels).all()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is an empty file"),
        (b"<!DOCTYPE html><title>404</title>", "it is a web page"),
        (encoded(picture(size=(60, 60)), "JPEG")[:700], "damaged or cut off"),
        (png()[:60], "damaged or cut off"),
    ],
    ids=["empty", "web page", "cut JPEG", "cut PNG"],
)
def test_a_broken_image_is_named_at_upload(tmp_path: Path, content: bytes, words: str) -> None:
    with pytest.raises(BadData, match=f"the image 'cat/b.jpg' .*{words}") as caught:
        schema_of(tmp_path, {**two_classes(), "cat/b.jpg": content})

    assert "BytesIO" not in str(caught.value)
