"""The supervisor's start out of its archive, with less memory than `http.client` takes."""

from __future__ import annotations

import os
import sys
from types import ModuleType
from typing import Any

from trainyard_supervisor import http_headers


class Later(ModuleType):
    """Stands for a module of the standard library until something of it is used."""

    def __getattr__(self, name: str) -> Any:
        """What the module itself has by this name, which is imported now."""
        if sys.modules.get(self.__name__) is self:
            del sys.modules[self.__name__]
        return getattr(__import__(self.__name__), name)


def main() -> int:
    """Run as `__main__.main` does; the exit code."""
    # `urllib.parse`, and so `pathlib`, needs it for addresses in brackets alone.
    sys.modules.setdefault("ipaddress", Later("ipaddress"))
    from trainyard_api import contract  # after the line above

    if not os.environ.get(contract.ENV_GATEWAY_URL, "").startswith("https:"):
        # `http.client` imports it if it is there; it takes four megabytes.
        sys.modules["ssl"] = None  # type: ignore[assignment]  # None: it cannot be imported
    http_headers.stand_in()
    from trainyard_supervisor.__main__ import main as run  # after the lines above

    return run(sys.argv[1:])
