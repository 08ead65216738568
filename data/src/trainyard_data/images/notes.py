"""What is said of an archive of images, beside its numbers."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterable

from trainyard_data.errors import BadData
from trainyard_data.images.layout import ABOVE, FIRST, TEST, Layout, place, split_name
from trainyard_data.images.listing import Listing
from trainyard_data.images.names import UNREADABLE

_MOST_NAMES = 5
_PROSE = frozenset({"", ".md", ".rst", ".pdf"})
"""Endings of files about a dataset, which hold nothing to train on."""


def refuse_unreadable(listing: Listing, layout: Layout, classes: Iterable[str]) -> None:
    """Raise BadData for a class all of whose files are samples of a kind that is not read."""
    for label, endings in _others(listing, layout, classes).items():
        wrong = {e: n for e, n in endings.items() if e in UNREADABLE}
        if wrong:
            raise BadData(
                f"the folder {label!r} holds no image that is read here, but {endings_of(wrong)}",
                hint="convert them to PNG or JPEG, or leave the folder out",
            )


def notes_of(listing: Listing, layout: Layout, classes: Iterable[str]) -> list[str]:
    """What was guessed or left out by name, each a sentence."""
    return [
        *_of_layout(listing, layout),
        *_of_classes(listing, layout),
        *_of_others(listing, layout, set(classes)),
        *_of_names(listing),
    ]


def _of_layout(listing: Listing, layout: Layout) -> Iterable[str]:
    deeper = [f for f in listing.images if len(f) > len(layout.root) + 1 + bool(layout.split)]
    if deeper and layout.class_folder == FIRST:
        yield (
            f"Classes are the first folders below {_root(layout)}, folders within them do not"
            f" count, such as {'/'.join(min(deeper))!r}."
            " --image-class last-folder takes the last ones."
        )
    elif deeper:
        yield "Classes are the last folders, as it was chosen."
    yield from _of_splits(listing, layout)
    lost = {f: n for f, n in listing.images.items() if place(f, layout) is None}
    if lost:
        names = {listing.examples[f] for f in lost if f in listing.examples}
        yield (
            f"{images_of(sum(lost.values()))} in no folder of a class: left out, such as"
            f" {some_of(names)}."
        )


def _of_splits(listing: Listing, layout: Layout) -> Iterable[str]:
    """Which folders are the splits, with their images."""
    counts = dict[str, Counter[str]]()
    for folders, count in listing.images.items():
        there, name = place(folders, layout), split_name(folders, layout)
        if there is not None and name is not None:
            counts.setdefault(there.split, Counter())[name] += count
    for split, names in sorted(counts.items()):
        listed = ", ".join(f"{name!r} ({images_of(n)})" for name, n in sorted(names.items()))
        use = (
            "not used, neither to train nor to validate" if split == TEST else f"the {split} split"
        )
        yield f"Folders of a split: {listed}: {use}."


def _of_classes(listing: Listing, layout: Layout) -> Iterable[str]:
    """Classes that look alike, and those of a single image."""
    counts, alike = Counter[str](), dict[str, set[str]]()
    for folders, count in listing.images.items():
        there = place(folders, layout)
        if there is not None and there.split != TEST:
            counts[there.label] += count
            alike.setdefault(" ".join(there.label.casefold().split()), set()).add(there.label)
    for names in [names for names in alike.values() if len(names) > 1][:_MOST_NAMES]:
        yield f"The classes {some_of(names)} differ only in case or spaces; they are different ones."
    if any(not unicodedata.is_normalized("NFC", part) for f in listing.images for part in f):
        yield "Names of folders in decomposed letters, as macOS writes, are read as composed ones."
    single = [label for label, count in counts.items() if count == 1]
    if single:
        yield f"Classes of a single image: {some_of(single)}."


def _of_others(listing: Listing, layout: Layout, classes: set[str]) -> Iterable[str]:
    for label, endings in list(_others(listing, layout, classes).items())[:_MOST_NAMES]:
        yield f"The folder {label!r} holds no images ({endings_of(endings)}) and is no class."
    empty = {
        p.label
        for f in listing.empty
        if len(f) == len(layout.root) + 1 + (layout.split == ABOVE)
        and (p := place(f, layout)) is not None
        and p.label not in classes
    } - _others(listing, layout, classes).keys()
    if empty:
        yield f"Folders without files are no classes: {some_of(empty)}."
    left = Counter[str]()
    for folders, endings in listing.others.items():
        found = place(folders, layout)
        if found is None:
            left.update({e: n for e, n in endings.items() if e not in _PROSE})
        elif found.label in classes:
            left.update(endings)
    if left:
        yield f"Beside the images there are {endings_of(left)}: left out."


def _of_names(listing: Listing) -> Iterable[str]:
    if listing.extras:
        yield (
            f"Files that are hidden or that a system adds do not count: {listing.extras},"
            f" such as {listing.extra[:100]!r}."
        )
    if listing.old_names:
        yield (
            f"The names of {images_of(listing.old_names)} are not UTF-8 and are read as code page 437;"
            " where classes look wrong, pack the archive with UTF-8 names."
        )
    if listing.backslashes:
        yield "Backslashes in names are read as separators of folders."


def _others(listing: Listing, layout: Layout, classes: Iterable[str]) -> dict[str, Counter[str]]:
    """Folders in the place of classes that hold other files only, and the endings of these."""
    known, found = set(classes), dict[str, Counter[str]]()
    for folders, endings in sorted(listing.others.items()):
        there = place(folders, layout)
        if there is not None and there.label not in known:
            found.setdefault(there.label, Counter()).update(endings)
    return found


def _root(layout: Layout) -> str:
    return repr("/".join(layout.root)) if layout.root else "the archive's root"


def images_of(count: int) -> str:
    """`1 image`, `3 images`."""
    return "1 image" if count == 1 else f"{count} images"


def endings_of(endings: Counter[str] | dict[str, int]) -> str:
    """`3 × .txt, 1 × without ending`, the most frequent first."""
    ranked = sorted(endings.items(), key=lambda e: (-e[1], e[0]))
    named = [f"{n} × {e or 'without ending'}" for e, n in ranked[:_MOST_NAMES]]
    return ", ".join([*named, "…"] if len(ranked) > _MOST_NAMES else named)


def some_of(names: Iterable[str]) -> str:
    """The first names, each in quotes."""
    ranked = sorted(names)
    named = [repr(n) for n in ranked[:_MOST_NAMES]]
    return ", ".join([*named, "…"] if len(ranked) > _MOST_NAMES else named)
