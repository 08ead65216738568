"""Zip and tar archives, read in place: nothing is unpacked to a disk.

One walk over the members serves upload and training alike. It counts members, unpacked bytes and
time while it reads, and keeps nothing of members that it has passed.
"""

from trainyard_data.archives.limits import LIMITS, READING, Limits
from trainyard_data.archives.member import Kind, Member, shown
from trainyard_data.archives.members import is_archive, is_zip, members
from trainyard_data.archives.names import Parts, is_extra, parts_of

__all__ = [
    "LIMITS", "READING", "Kind", "Limits", "Member", "Parts", "is_archive", "is_extra", "is_zip", "members", "parts_of",
    "shown",
]  # fmt: skip
