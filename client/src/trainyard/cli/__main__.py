"""The programs `trainyard` and `kubectl-trainyard`, also `python -m trainyard.cli`."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line; without its libraries say how to get them."""
    try:
        from trainyard.cli.app import run
    except ModuleNotFoundError as error:
        if (error.name or "").split(".")[0] not in ("typer", "rich", "yaml", "plotille"):
            raise
        sys.exit("the command line is not installed: pip install 'trainyard[cli]'")
    run()


if __name__ == "__main__":
    main()
