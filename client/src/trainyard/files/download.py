"""A file of a session on its way here. It has no hash: that would take reading it twice."""

from __future__ import annotations

from pathlib import Path

import httpx

from trainyard import errors
from trainyard.transfer import Download


class FileDownload(Download):
    """A download that gets its name when it has the length that the gateway named."""

    tag = ""
    """The ETag of what was downloaded."""

    def begin(self, response: httpx.Response) -> None:
        """Read the headers of a successful response; start over if it holds the whole file.

        Raises BadAnswer for a response without an ETag, such as a web page.
        """
        self.tag = response.headers.get("ETag", "")
        if not self.tag or "Content-Length" not in response.headers:
            raise errors.BadAnswer(
                f"this is not a Trainyard gateway: {self.target.name} came without its ETag"
            )
        self.start(response)

    def finish(self) -> Path:
        """Give the file its name. The connection has checked the length."""
        return self.keep()


def same_content(one: str, other: str) -> bool:
    """Whether two ETags are of the same content."""
    return one.removeprefix("W/") == other.removeprefix("W/")


def is_weak(tag: str) -> bool:
    """Whether the file was written so recently that half of a change may have this ETag, too."""
    return tag.startswith("W/")
