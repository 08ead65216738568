"""The code of a session's program."""

from __future__ import annotations

from pydantic import Field

from trainyard_api.code import BUNDLE_PATTERN, RELATIVE_PATH_PATTERN
from trainyard_api.model import ClosedModel

COMMIT_PATTERN = r"^([0-9a-f]{40}|[0-9a-f]{64})$"


class Code(ClosedModel):
    """A folder with your program. The program starts in a copy of it, in which it may write."""

    bundle: str = Field(min_length=64, max_length=64, pattern=BUNDLE_PATTERN)
    """Name of the bundle: the hash of its list of files. `trainyard code push` prints it."""
    working_dir: str | None = Field(
        default=None, min_length=1, max_length=1000, pattern=RELATIVE_PATH_PATTERN
    )
    """Folder in the bundle in which the program starts. Default: its top."""
    commit: str | None = Field(default=None, pattern=COMMIT_PATTERN, max_length=64)
    """Commit of Git that the folder was at."""
    dirty: bool | None = None
    """Whether the folder held changes that are not in the commit."""
