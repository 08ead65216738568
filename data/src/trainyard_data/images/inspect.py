"""The schema of an archive of images: their names first, then every image."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from trainyard_api.datasets.choices import FEW_CLASSES, MAX_CLASSES, SchemaChoices
from trainyard_api.datasets.schema import DatasetSchema, ImageSchema
from trainyard_data.archives import LIMITS, Kind, Limits, Member, is_extra, members, parts_of, shown
from trainyard_data.errors import BadChoice, BadData
from trainyard_data.images import layout as layouts
from trainyard_data.images.layout import Layout, Place
from trainyard_data.images.listing import Listing, listing_of
from trainyard_data.images.names import ENDINGS, ending_of
from trainyard_data.images.no_classes import (
    nothing_found,
    refuse_other_tasks,
    refuse_unlearned,
)
from trainyard_data.images.notes import notes_of, refuse_unreadable
from trainyard_data.images.pixels import Look, Wide, look, range_of

SIDE = 32
"""Height and width where no size is that of half of the images."""
DECODED_PIXELS = 100_000_000
"""Pixels of one archive that are decoded; of the images behind them only the heads are read."""
MOST_SIZES = 100_000
MOST_SIDE = 4096


def inspect(path: Path, choices: SchemaChoices, limits: Limits = LIMITS) -> DatasetSchema:
    """The schema of an archive. Raises BadData or BadChoice."""
    listing = listing_of(path, limits)
    layout = layouts.find(listing.images.keys(), choices.image_class)
    classes = _classes(listing, layout)
    refuse_unreadable(listing, layout, classes)
    found = _Found()
    for member in members(path, limits):
        there = place_of(member, layout)
        if there is None or there.split == layouts.TEST:
            continue
        found.add(member, there)
    found.refuse_few(classes, listing.is_deep(layout.root))
    height, width = _size(found.sizes, choices)
    scaled = found.count - found.sizes[height, width]
    splits = dict(found.splits) if layout.split else None
    images = ImageSchema(
        channels=3 if found.colour else 1,
        height=height,
        width=width,
        scaled=scaled,
        class_folder=layout.class_folder,
        splits=splits,
        root="/".join(layout.root),
        split_folder=layout.split,
        value_range=range_of(found.wide) if found.wide else None,
    )
    notes = notes_of(listing, layout, classes)
    return DatasetSchema(
        samples=found.count,
        dimensions=[found.count, images.channels, height, width],
        target="class",
        target_reason="the class of an image is the folder that holds it",
        classes=classes,
        images=images,
        notes=[*found.notes(images, choices), *notes],
        choices=choices,
    )


def layout_of(images: ImageSchema) -> Layout:
    """The layout that a schema holds."""
    root = tuple(images.root.split("/")) if images.root else ()
    return Layout(root, images.class_folder, images.split_folder)


def place_of(member: Member, layout: Layout) -> Place | None:
    """Class and split of a member; None for what is no image that counts."""
    if member.kind is not Kind.FILE:
        return None
    parts = parts_of(member.name)
    if not parts or ending_of(parts) not in ENDINGS or is_extra(parts):
        return None
    return layouts.place(parts[:-1], layout)


def _classes(listing: Listing, layout: Layout) -> list[str]:
    """The classes that are learned, sorted. Raises BadData if there are none or too many."""
    places = [p for f in listing.images if (p := layouts.place(f, layout)) is not None]
    classes = sorted({p.label for p in places if p.split != layouts.TEST})
    if not classes:
        raise nothing_found(listing, layout)
    if len(classes) > MAX_CLASSES:
        raise BadData(f"more than {MAX_CLASSES} folders of images")
    refuse_other_tasks(classes)
    refuse_unlearned(classes, {p.label for p in places if p.split == layouts.TRAIN})
    return classes


@dataclass
class _Found:
    """What the images are, counted one after the other."""

    count: int = 0
    pixels: int = 0
    sizes: Counter[tuple[int, int]] = field(default_factory=Counter)
    splits: Counter[str] = field(default_factory=Counter)
    colour: int = 0
    transparent: int = 0
    animated: int = 0
    wide: Wide | None = None
    wide_count: int = 0

    def add(self, member: Member, there: Place) -> None:
        """Look at one image. Raises BadData with its name."""
        content = member.content()
        try:
            seen = look(content, decode=self.pixels < DECODED_PIXELS)
        except BadData as error:
            raise BadData(f"the image {shown(member.name)} {error}", error.hint) from error
        self.count += 1
        self.splits[there.split] += 1
        self._count(seen)

    def _count(self, seen: Look) -> None:
        self.pixels += seen.height * seen.width
        size = (seen.height, seen.width)
        if len(self.sizes) < MOST_SIZES or size in self.sizes:
            self.sizes[size] += 1
        self.colour += seen.channels == 3
        self.transparent += seen.transparent
        self.animated += seen.animated
        if seen.wide is not None:
            self.wide_count += 1
            old = self.wide or seen.wide
            self.wide = Wide(
                min(old.low, seen.wide.low),
                max(old.high, seen.wide.high),
                old.whole and seen.wide.whole,
            )

    def refuse_few(self, classes: list[str], deep: bool) -> None:
        """Raise BadData for what no model can tell apart. `deep`: classes hold folders."""
        if len(classes) == 1:
            other = ", or choose --image-class last-folder" if deep else ""
            raise BadData(
                f"all {self.count} images are of the one class {classes[0]!r}; two are needed",
                hint=f"put the images of each class into a folder named after it{other}",
            )
        if len(classes) > max(FEW_CLASSES, self.count // 2):
            raise BadData(
                f"{self.count} images have {len(classes)} classes; a class needs several images",
                hint="are these folders of single images? Put them into folders of their classes",
            )

    def notes(self, images: ImageSchema, choices: SchemaChoices) -> list[str]:
        """What happens to the pixels, each a sentence."""
        size = f"{images.height} × {images.width}"
        found = []
        if images.scaled:
            reason = (
                "as it was chosen"
                if choices.image_size
                else "the size of most"
                if self.sizes[images.height, images.width]
                else "since no size is that of half of them"
            )
            found.append(
                f"{images.scaled} of {self.count} images {_are(images.scaled)} scaled to {size},"
                f" {reason}."
            )
        if 0 < self.colour < self.count:
            gray = self.count - self.colour
            found.append(f"{gray} of {self.count} images {_are(gray)} gray and read as colour.")
        if self.transparent:
            found.append(f"Images with transparent parts, shown over white: {self.transparent}.")
        if self.animated:
            found.append(f"Images of several frames, of which the first is read: {self.animated}.")
        if images.value_range:
            low, high = images.value_range
            found.append(
                f"Images of more than 8 bits, whose values {low:g} to {high:g} become 0 to 255:"
                f" {self.wide_count}."
            )
        return found


def _are(count: int) -> str:
    return "is" if count == 1 else "are"


def _size(sizes: Counter[tuple[int, int]], choices: SchemaChoices) -> tuple[int, int]:
    """Height and width: as chosen, else those of half of the images, else SIDE × SIDE."""
    if choices.image_size is not None:
        if not all(1 <= side <= MOST_SIDE for side in choices.image_size):
            raise BadChoice(
                f"image_size {choices.image_size[0]} × {choices.image_size[1]} is none;"
                f" height and width are 1 to {MOST_SIDE}"
            )
        return choices.image_size
    size, count = max(sizes.items(), key=lambda s: (s[1], -s[0][0] * s[0][1], s[0]))
    return size if 2 * count >= sizes.total() else (SIDE, SIDE)
