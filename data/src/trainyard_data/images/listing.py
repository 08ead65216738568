"""What the names in an archive say: which images count, and what is left out."""

from __future__ import annotations

from array import array
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from trainyard_data.archives import Kind, Limits, Member, Parts, is_extra, members, parts_of, shown
from trainyard_data.errors import BadData
from trainyard_data.images.layout import Folders
from trainyard_data.images.names import ENDINGS, check, ending_of

MOST_FOLDERS = 200_000
"""Different folders, of images and of other files."""

MOST_EXAMPLES = 1000


@dataclass
class Listing:
    """Counts by folder. Nothing here grows with the number of images but 8 bytes for each."""

    images: Counter[Folders] = field(default_factory=Counter)
    others: dict[Folders, Counter[str]] = field(default_factory=dict)
    """Files of other endings, by folder and ending."""
    empty: set[Folders] = field(default_factory=set)
    """Folders that the archive lists."""
    extras: int = 0
    extra: str = ""
    """Hidden files and those that systems add, and one of their names."""
    old_names: int = 0
    """Images whose names are not UTF-8."""
    backslashes: bool = False
    examples: dict[Folders, str] = field(default_factory=dict)
    """An image of each of the first folders."""

    def add(self, member: Member, parts: Parts) -> bool:
        """Count one that is not extra, and say whether it is an image. Raises BadData."""
        if member.kind in (Kind.LINK, Kind.DEVICE):
            raise BadData(
                f"the archive's member {shown(member.name)} is a {member.kind}",
                hint="store the image itself: tar --dereference --hard-dereference, zip without -y",
            )
        check(member.name, parts)
        ending = ending_of(parts)
        if member.kind is Kind.FOLDER:
            self.empty.add(parts)
            return False
        if ending not in ENDINGS:
            self.others.setdefault(parts[:-1], Counter())[ending[:20]] += 1
            return False
        self.images[parts[:-1]] += 1
        self.old_names += not member.utf8
        self.backslashes |= "\\" in member.name
        if len(self.examples) < MOST_EXAMPLES:
            self.examples.setdefault(parts[:-1], member.name)
        return True

    def is_deep(self, root: Folders) -> bool:
        """Whether images lie in folders within the folders below `root`."""
        return any(len(folders) > len(root) + 1 for folders in self.images)

    def folders_seen(self) -> int:
        """Different folders until now."""
        return len(self.images) + len(self.others) + len(self.empty)


def listing_of(path: Path, limits: Limits) -> Listing:
    """Read the names of all members. Raises BadData for one that is ambiguous."""
    found, hashes = Listing(), array("q")
    for member in members(path, limits):
        parts = parts_of(member.name)
        if not parts:
            continue
        if is_extra(parts):
            found.extras += member.kind is not Kind.FOLDER
            found.extra = found.extra or member.name
        elif found.add(member, parts):
            hashes.append(hash(parts))
        if found.folders_seen() > MOST_FOLDERS:
            raise BadData(f"the archive has more than {MOST_FOLDERS} folders")
    _refuse_twins(path, limits, hashes)
    return found


def _refuse_twins(path: Path, limits: Limits, hashes: array[int]) -> None:
    """Raise BadData for a name that occurs twice. A second walk tells it from a mere hash."""
    values, counts = np.unique(np.frombuffer(hashes, np.int64), return_counts=True)
    doubtful = set(values[counts > 1].tolist())
    if not doubtful:
        return
    seen = set()
    for member in members(path, limits):
        parts = parts_of(member.name)
        if hash(parts) not in doubtful or member.kind is not Kind.FILE or is_extra(parts):
            continue
        if parts in seen:
            raise BadData(
                f"the archive's member {shown(member.name)} is there twice",
                hint="pack the folder again as a new archive",
            )
        seen.add(parts)
