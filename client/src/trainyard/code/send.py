"""The requests that bring a bundle to the gateway; both clients carry them out.

Guarantee: only contents that the gateway lacks are sent. Nothing is kept here between two runs, and
the same requests may be sent again at any time.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Generator
from typing import Any, Final

from trainyard import errors
from trainyard.code import calls
from trainyard.code.answers import CodeBundle
from trainyard.code.bundle import Bundle
from trainyard.code.pack import packs
from trainyard.multipart import Request
from trainyard.transfer import Progress

_ROUNDS: Final = 3
"""A content may be removed between two requests, as one that no bundle needed."""


def send(bundle: Bundle, progress: Progress) -> Generator[Request, Any, CodeBundle]:
    """Offer the manifest, and send what is missing until nothing is.

    Raises CannotBundle if a file changes meanwhile, ApiError as the gateway refuses.
    """
    manifest = json.loads(bundle.text)
    for _ in range(_ROUNDS):
        answer: CodeBundle = yield Request(calls.put_bundle(manifest), slow=True)
        if answer.bundle != bundle.name:
            raise errors.BadAnswer(
                "the gateway gives this folder another name than this client; update the client"
            )
        if not answer.missing:
            return answer
        lacking = [(h, bundle.by_hash[h]) for h in answer.missing if h in bundle.by_hash]
        total = sum(content.size for _, content in lacking)
        for pack in packs(lacking, _reporting(progress, total)):
            yield Request(calls.send_contents(), pack, slow=True)
    raise errors.BadAnswer("the gateway still lacks files that were sent; try again")


def _reporting(progress: Progress, total: int) -> Callable[[int], None]:
    return lambda sent: progress(sent, total)
