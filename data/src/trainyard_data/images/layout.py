"""Which folder of a path names the class of an image, and which its split."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection
from dataclasses import dataclass
from typing import NamedTuple

Folders = tuple[str, ...]
"""The folders of a path, the outermost first."""

FIRST, LAST = "first-folder", "last-folder"
TRAIN, VALIDATION, TEST = "train", "validation", "test"
SPLITS = {
    "train": TRAIN, "training": TRAIN,
    "val": VALIDATION, "valid": VALIDATION, "validation": VALIDATION, "dev": VALIDATION,
    "test": TEST, "testing": TEST,
}  # fmt: skip
"""Names of folders for splits, in lower case."""
_MORE = re.compile(r"(?:[ _-]?(?:set|images?|imgs?|pics|data|[0-9]+))*")
"""What follows the name of a split: train2017, test_images, val-set."""
ABOVE, BELOW = "above", "below"


@dataclass(frozen=True, slots=True)
class Layout:
    """How the folders of an archive name classes.

    `root`: folders that all images share, above the classes. `split`: whether the folders `train`
    and so on stand above the class's folder or below it; None if there are none.
    """

    root: Folders = ()
    class_folder: str = FIRST
    split: str | None = None


class Place(NamedTuple):
    """Class and split of an image."""

    label: str
    split: str = TRAIN


def find(folders: Collection[Folders], class_folder: str | None) -> Layout:
    """The layout of the folders that hold images. `class_folder`: as the user chose."""
    root = _root(folders)
    below = [f[len(root) :] for f in folders if len(f) > len(root)]
    kind = class_folder or FIRST
    if _are_splits({f[0] for f in below}):
        return Layout(root, kind, ABOVE)
    if kind == FIRST and all(len(f) > 1 for f in below) and _are_splits({f[1] for f in below}):
        return Layout(root, kind, BELOW)
    return Layout(root, kind)


def place(folders: Folders, layout: Layout) -> Place | None:
    """Where an image in these folders belongs; None if it lies in no class's folder."""
    if folders[: len(layout.root)] != layout.root:
        return None
    below, split = folders[len(layout.root) :], TRAIN
    if layout.split == ABOVE and below:
        split, below = split_of(below[0]) or TRAIN, below[1:]
    if not below:
        return None
    if layout.split == BELOW and len(below) > 1:
        split = split_of(below[1]) or TRAIN
    return Place(_composed(below[0] if layout.class_folder == FIRST else below[-1]), split)


def split_name(folders: Folders, layout: Layout) -> str | None:
    """The folder that names the split of an image."""
    depth = len(layout.root) + (layout.split == BELOW)
    return folders[depth] if layout.split and len(folders) > depth else None


def split_of(name: str) -> str | None:
    """The split that a folder of this name holds; None for any other name."""
    lowered = name.lower()
    found = [known for known in SPLITS if lowered.startswith(known)]
    longest = max(found, key=len, default=None)
    if longest is None or not _MORE.fullmatch(lowered[len(longest) :]):
        return None
    return SPLITS[longest]


def _composed(label: str) -> str:
    """A name as most systems write it: macOS takes letters and accents apart."""
    return label if label.isascii() else unicodedata.normalize("NFC", label)


def _root(folders: Collection[Folders]) -> Folders:
    """The folders that all share. One at least is left for the class."""
    if not folders:
        return ()
    first, last = min(folders), max(folders)
    shared = 0
    while shared < min(len(first), len(last)) and first[shared] == last[shared]:
        shared += 1
    longest = max(len(f) for f in folders)
    return first[: min(shared, longest - 1)] if longest else ()


def _are_splits(names: set[str]) -> bool:
    """Whether they name splits: one for training, and another."""
    found = {split_of(name) for name in names}
    return None not in found and TRAIN in found and len(found) > 1
