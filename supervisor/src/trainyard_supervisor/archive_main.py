"""The supervisor's start out of its archive: less memory where the gateway speaks plain HTTP."""

from __future__ import annotations

import os
import sys

from trainyard_api import contract


def main() -> int:
    """Run as `__main__.main` does; the exit code."""
    if not os.environ.get(contract.ENV_GATEWAY_URL, "").startswith("https:"):
        # `http.client` imports it if it is there; it takes four megabytes.
        sys.modules["ssl"] = None  # type: ignore[assignment]  # None: it cannot be imported
    from trainyard_supervisor.__main__ import main as run  # after the line above

    return run(sys.argv[1:])
