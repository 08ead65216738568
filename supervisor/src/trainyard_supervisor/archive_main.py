"""The supervisor's start out of its archive, with less memory than `http.client` takes."""

from __future__ import annotations

import os
import sys

from trainyard_api import contract
from trainyard_supervisor import http_headers


def main() -> int:
    """Run as `__main__.main` does; the exit code."""
    if not os.environ.get(contract.ENV_GATEWAY_URL, "").startswith("https:"):
        # `http.client` imports it if it is there; it takes four megabytes.
        sys.modules["ssl"] = None  # type: ignore[assignment]  # None: it cannot be imported
    http_headers.stand_in()
    from trainyard_supervisor.__main__ import main as run  # after the line above

    return run(sys.argv[1:])
