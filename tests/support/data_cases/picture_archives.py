"""Archives of pictures by their folders and names, and by the program that packed them."""

from __future__ import annotations

import zipfile
from pathlib import Path

from data_case import Case, Make, Outcome, Trains, content, refused
from picture_files import SIDE, Files, pets, picture, renamed, tarred, windows, zipped

IMAGES = {"task": "image-classification"}


def trains(
    samples: int = 16, classes: tuple[str, ...] = ("cat", "dog"), says: tuple[str, ...] = ()
) -> Trains:
    """Pictures that train."""
    return Trains(
        samples, classes=classes, task="image-classification", image=(1, SIDE, SIDE), says=says
    )


def packed(name: str, what: str, files: Files, expected: Outcome, **more: object) -> Case:
    """A case of a zip."""
    return made(name, what, "d.zip", zipped(files), expected, **more)


def made(
    name: str, what: str, filename: str, make: Make, expected: Outcome, **more: object
) -> Case:
    """A case of an archive."""
    return Case(name, what, filename, make, expected, training=IMAGES, **more)  # type: ignore[arg-type]  # choices only


PETS = pets()
SPLITS = {
    f"{part}/{name}": data for part in ("train", "val", "test") for name, data in PETS.items()
}
FORKS = {f"__MACOSX/{name.replace('/', '/._')}": b"\0\5\x16\7" + bytes(30) for name in PETS}
ANNOTATIONS = b'{"images": [], "annotations": [], "categories": []}'


def seven(path: Path) -> None:
    """The first bytes of an archive of 7-Zip."""
    path.write_bytes(b"7z\xbc\xaf\x27\x1c" + b"packed " * 200)


CASES: tuple[Case, ...] = (
    packed("zip-basic", "a folder for each class", PETS, trains()),
    packed(
        "zip-single-root",
        "the classes' folders in one folder",
        pets("pets/{pet}/{i}.png"),
        trains(),
    ),
    packed(
        "zip-deep-root",
        "the classes' folders three folders deep",
        pets("home/me/pets/{pet}/{i}.png"),
        trains(),
    ),
    packed(
        "zip-macosx",
        "what the Finder of macOS adds: __MACOSX and .DS_Store",
        PETS | FORKS | {".DS_Store": b"\0\0\0\1Bud1", "cat/.DS_Store": b"\0\0\0\1Bud1"},
        trains(),
    ),
    packed(
        "zip-ipynb-checkpoints",
        "copies that Jupyter keeps in .ipynb_checkpoints",
        PETS
        | {
            "cat/.ipynb_checkpoints/0-checkpoint.png": picture(9),
            ".ipynb_checkpoints/x.png": picture(9),
        },
        trains(),
    ),
    packed(
        "zip-thumbs-db",
        "what Windows adds: Thumbs.db and desktop.ini, and a table of labels",
        PETS | {"cat/Thumbs.db": b"\xd0\xcf", "desktop.ini": b"[x]", "labels.csv": b"a,b\n"},
        trains(),
    ),
    packed(
        "zip-synology",
        "what a Synology adds: @eaDir with small copies",
        PETS | {f"cat/@eaDir/{i}.png/SYNOPHOTO_THUMB_M.png": picture(9) for i in range(4)},
        trains(),
    ),
    packed(
        "zip-folders-listed",
        "folders as entries of the archive",
        {"cat/": b"", "dog/": b"", **PETS},
        trains(),
    ),
    packed(
        "zip-train-val-test",
        "train, val and test with a folder for each class",
        SPLITS,
        trains(32, says=("train", "val", "test")),
    ),
    packed(
        "zip-train-test",
        "training and test only",
        {n: d for n, d in SPLITS.items() if not n.startswith("val")},
        trains(16, says=("train", "test")),
    ),
    packed(
        "zip-test-without-classes",
        "training pictures in folders of their classes, those to be judged beside them in none",
        pets("train/{pet}/{i}.png") | {f"test1/{i}.png": picture(i) for i in range(6)},
        trains(says=("'test1/0.png'", "left out")),
    ),
    packed(
        "zip-splits-without-classes",
        "train and test with pictures in no folders of classes, labels in a table",
        {f"{part}/{i}.png": picture(i) for part in ("train", "test") for i in range(9)}
        | {"train.csv": b"file,label\n0.png,cat\n"},
        refused("'test', 'train' are splits"),
    ),
    packed(
        "zip-splits-numbered",
        "train2017 and val2017 with pictures in no folders of classes, as COCO's",
        {f"{part}2017/{i:012}.jpg": picture(i) for part in ("train", "val") for i in range(9)}
        | {"annotations/instances_train2017.json": ANNOTATIONS},
        refused("'train2017', 'val2017' are splits"),
    ),
    packed(
        "zip-yolo-splits",
        "images/train and images/val beside labels/train and labels/val, as YOLO has them",
        {f"images/{part}/{i}.png": picture(i) for part in ("train", "val") for i in range(9)}
        | {
            f"labels/{part}/{i}.txt": b"0 .5 .5 .1 .1"
            for part in ("train", "val")
            for i in range(9)
        },
        refused("are splits"),
    ),
    packed(
        "zip-masks",
        "pictures and masks of the same names, for segmentation",
        {f"{part}/{i}.png": picture(i) for part in ("images", "masks") for i in range(9)},
        refused("'images', 'masks'", "segmentation"),
    ),
    packed(
        "zip-voc-segmentation",
        "pictures and masks, as Pascal VOC has them",
        {
            f"VOC2012/{part}/{i}.png": picture(i)
            for part in ("JPEGImages", "SegmentationClass")
            for i in range(9)
        },
        refused("segmentation"),
    ),
    packed(
        "zip-class-in-validation-only",
        "a class without a picture to train with",
        pets("train/{pet}/{i}.png")
        | {f"val/{pet}/{i}.png": picture(i) for pet in ("cat", "bird") for i in range(4)},
        refused("'bird'", "train split"),
    ),
    packed(
        "zip-tiny-imagenet",
        "validation pictures in one folder, their classes in a table, as Tiny ImageNet has them",
        pets("train/{pet}/images/{i}.png")
        | {f"val/images/{i}.png": picture(i) for i in range(4)}
        | {"val/val_annotations.txt": b"0.png n01443537"},
        refused("'images'", "train split"),
    ),
    packed(
        "zip-class-called-train",
        "a class called train beside others",
        pets(names=("plane", "train")),
        trains(classes=("plane", "train")),
    ),
    packed(
        "zip-class-subfolders",
        "folders of sessions inside of each class",
        {
            f"{n.split('/')[0]}/session{i % 3}/{n.split('/')[1]}": d
            for i, (n, d) in enumerate(PETS.items())
        },
        trains(says=("cat", "folder")),
    ),
    packed(
        "zip-class-subfolders-last",
        "folders of sessions, which the user takes as classes",
        {
            f"{n.split('/')[0]}/session{i % 2}/{n.split('/')[1]}": d
            for i, (n, d) in enumerate(PETS.items())
        },
        trains(classes=("session0", "session1")),
        choices={"image_class": "last-folder"},
    ),
    packed(
        "zip-flat",
        "pictures without folders, their class in the name",
        pets("{pet}_{i}.png"),
        refused("folder", "class"),
    ),
    packed(
        "zip-flat-one-folder",
        "all pictures in one folder",
        pets("images/{pet}_{i}.png"),
        refused("one class", "images"),
    ),
    packed(
        "zip-some-flat",
        "some pictures beside the folders",
        PETS | {"9.png": picture(9)},
        trains(says=("9.png", "left out")),
    ),
    packed(
        "zip-yolo",
        "pictures and boxes in two folders, as Roboflow exports for YOLO",
        {f"train/images/{i}.png": picture(i) for i in range(9)}
        | {f"train/labels/{i}.txt": b"0 .5 .5 .1 .1" for i in range(9)}
        | {"data.yaml": b"nc: 1"},
        refused("class"),
    ),
    packed(
        "zip-coco",
        "pictures and annotations, as COCO has them",
        {f"train2017/{i:012}.png": picture(i) for i in range(9)}
        | {"annotations/instances_train2017.json": ANNOTATIONS},
        refused("class"),
    ),
    packed(
        "zip-voc",
        "pictures and XML, as Pascal VOC has them",
        {f"VOC2012/JPEGImages/{i}.png": picture(i) for i in range(9)}
        | {f"VOC2012/Annotations/{i}.xml": b"<annotation/>" for i in range(9)},
        refused("class"),
    ),
    packed(
        "zip-hugging-face",
        "pictures and metadata.csv, as the Hub's imagefolder has them",
        {f"train/{i}.png": picture(i) for i in range(9)}
        | {"train/metadata.csv": b"file_name,label\n0.png,cat\n"},
        refused("class"),
    ),
    packed(
        "zip-imagenet-names",
        "folders named by WordNet",
        pets(names=("n02123045", "n02085620")),
        trains(classes=("n02085620", "n02123045")),
    ),
    packed(
        "zip-digit-folders", "folders 0 and 1", pets(names=("0", "1")), trains(classes=("0", "1"))
    ),
    packed(
        "zip-leading-zero-folders",
        "folders 01 and 1",
        pets(names=("01", "1")),
        trains(classes=("01", "1")),
    ),
    packed(
        "zip-one-image-per-class",
        "120 people with one picture each",
        {f"person{i}/a.png": picture(i) for i in range(120)},
        refused("120", "classes"),
    ),
    packed(
        "zip-empty-class",
        "a folder without a picture",
        PETS | {"bird/": b""},
        trains(says=("bird",)),
    ),
    packed(
        "zip-class-space-unicode",
        "classes with spaces, umlauts and emoji",
        pets(names=("große Katze", "犬 🐕")),
        trains(classes=("große Katze", "犬 🐕")),
    ),
    packed(
        "zip-u202f",
        "names of macOS screenshots, which have a narrow no-break space",
        pets("{pet}/Screenshot 2024-01-01 at 9.00.{i}\u202fAM.png"),
        trains(),
    ),
    packed("zip-semicolon-name", "names with ;", pets("{pet}/{i};v2.png"), trains()),
    packed(
        "zip-camera-names",
        "names with brackets, commas, colons and percent signs",
        pets("{pet}/IMG (1), 12:30 100% #{i}.png"),
        trains(),
    ),
    packed(
        "zip-case-twins",
        "names that differ in case alone",
        PETS | {"cat/IMG_1.png": picture(41), "cat/img_1.png": picture(42)},
        trains(18),
    ),
    packed(
        "zip-case-twin-classes",
        "folders that differ in case alone",
        PETS | {f"Cat/{i}.png": picture(120) for i in range(8)},
        trains(24, ("Cat", "cat", "dog"), says=("Cat",)),
    ),
    packed(
        "zip-long-names", "names of 200 letters", pets("{pet}/" + "n" * 200 + "{i}.png"), trains()
    ),
    packed(
        "zip-composed-names",
        "a class in composed and in decomposed letters, from Windows and macOS",
        pets(names=("käfer", "dog")) | pets("{pet}/b{i}.png", names=("ka\u0308fer", "dog")),
        trains(32, classes=("dog", "käfer"), says=("decomposed",)),
    ),
    made(
        "zip-backslash",
        "backslashes between folders, as old programs of Windows write",
        "d.zip",
        windows(PETS),
        trains(),
    ),
    made(
        "zip-gbk-names",
        "names in the encoding of China",
        "d.zip",
        renamed(
            pets(names=("__mao_", "dog")),
            lambda n: n.encode().replace(b"__mao_", "小猫咪".encode("gbk")),
            0,
        ),
        Trains(16, task="image-classification", image=(1, SIDE, SIDE)),
    ),
    made("zip-stored", "without compression", "d.zip", zipped(PETS, zipfile.ZIP_STORED), trains()),
    made("zip-bzip2", "compressed by bzip2", "d.zip", zipped(PETS, zipfile.ZIP_BZIP2), trains()),
    made(
        "zip-lzma",
        "compressed by LZMA, as 7-Zip can",
        "d.zip",
        zipped(PETS, zipfile.ZIP_LZMA),
        trains(),
    ),
    made("zip-empty", "an empty archive", "d.zip", zipped({}), refused("no image")),
    made(
        "zip-no-archive", "a picture renamed to .zip", "d.zip", content(picture(9)), refused("zip")
    ),
    made("zip-seven", "an archive of 7-Zip renamed to .zip", "d.zip", seven, refused("7-Zip")),
    made(
        "zip-rar",
        "an archive of RAR renamed to .zip",
        "d.zip",
        content(b"Rar!\x1a\x07\x01\x00" + b"packed " * 200),
        refused("RAR"),
    ),
    made("seven-ending", "an archive of 7-Zip", "d.7z", seven, refused(".7z", ".zip")),
    made(
        "tar-dot-prefix",
        "a tar whose names begin with ./",
        "d.tar",
        tarred(PETS, prefix="./"),
        trains(),
    ),
    made("tar-gz", "a tar compressed by gzip", "d.tar.gz", tarred(PETS, "w:gz"), trains()),
    made("tar-gz-as-tgz", "the ending .tgz", "d.tgz", tarred(PETS, "w:gz"), trains()),
    made(
        "tar-symlink",
        "a link out of the archive",
        "d.tar",
        tarred(PETS, links=("cat/l.png",)),
        refused("cat/l.png", "link"),
    ),
    made(
        "tar-xz", "a tar compressed by xz", "d.tar.xz", tarred(PETS, "w:xz"), refused(".xz", ".zip")
    ),
    made(
        "tar-macos",
        "a tar of macOS, which has a ._ file beside each picture",
        "d.tar",
        tarred(PETS | {n.replace("/", "/._"): b"\0\5\x16\7" + bytes(30) for n in PETS}),
        trains(),
    ),
    packed(
        "zip-of-zips",
        "archives in an archive",
        {"cat.zip": b"PK\x05\x06" + bytes(18)},
        refused("archives", ".zip"),
    ),
    packed(
        "zip-table",
        "a table beside the folders of the classes",
        PETS | {"labels.csv": b"a,b\n1,2\n"},
        trains(says=("Beside the images there are 1 × .csv: left out.",)),
    ),
    made(
        "tar-absolute",
        "names from the root of the disk",
        "d.tar",
        tarred(PETS, prefix="/"),
        refused("cat/0.png"),
    ),
)
