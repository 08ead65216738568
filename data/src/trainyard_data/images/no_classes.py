"""Why the folders of an archive of images name no classes that can be learned."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection

from trainyard_data.errors import BadData
from trainyard_data.images.layout import Layout, split_name
from trainyard_data.images.listing import Listing
from trainyard_data.images.names import ARCHIVES, ENDINGS
from trainyard_data.images.notes import endings_of, images_of, some_of

_PICTURES = frozenset({"images", "image", "imgs", "img", "jpegimages", "photos", "rgb", "input"})
_ANSWERS = frozenset({
    "masks", "mask", "labels", "label", "annotations", "annotation", "annots", "gt", "ground_truth",
    "groundtruth", "segmentation", "segmentations", "segmentationclass", "segmentationobject", "seg",
    "trimaps", "targets", "target", "depth", "output",
})  # fmt: skip
"""Folders of datasets for segmentation, which hold an answer for each picture."""


def nothing_found(listing: Listing, layout: Layout) -> BadData:
    """Why an archive has no images of classes."""
    if listing.images and layout.split:
        named = {name for f in listing.images if (name := split_name(f, layout)) is not None}
        return BadData(
            f"the folders {some_of(named)} are splits, no classes, and their images lie in them"
            " directly",
            hint="put the images of each class into a folder named after it, such as train/cat",
        )
    if listing.images:
        return BadData(
            f"all {images_of(listing.images.total())} lie outside of folders, so that they have no"
            " classes",
            hint="put the images of each class into a folder named after it, and pack the folders",
        )
    endings = sum(listing.others.values(), Counter[str]())
    if any(ending in ARCHIVES for ending in endings):
        return BadData(
            f"the archive holds other archives ({endings_of(endings)}) and no images",
            hint="unpack them, and pack their folders of images as one archive",
        )
    held = f"; it holds {endings_of(endings)}" if endings else ""
    return BadData(
        f"no images ({', '.join(sorted(ENDINGS))}) in folders named after their class{held}",
        hint="put the images of each class into a folder named after it, and pack the folders",
    )


def refuse_other_tasks(classes: Collection[str]) -> None:
    """Raise BadData for folders of pictures and their masks, which are no classes."""
    names = {label.lower() for label in classes}
    if names & _PICTURES and names & _ANSWERS and names <= _PICTURES | _ANSWERS:
        raise BadData(
            f"the folders {some_of(classes)} seem to hold pictures and their masks, no classes",
            hint="segmentation is not trained here; put the images of each class into a folder",
        )


def refuse_unlearned(classes: Collection[str], trained: Collection[str]) -> None:
    """Raise BadData for classes without an image to train with."""
    without = set(classes) - set(trained)
    if without:
        raise BadData(
            f"no image of the train split is of the class {some_of(without)}, only of the"
            " validation split",
            hint="put images of it into the train split, or leave its folder out",
        )
