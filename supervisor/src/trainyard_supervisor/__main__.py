"""`python -m trainyard_supervisor [OPTIONS] -- PROGRAM ARGS…`, or `… install FOLDER`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from trainyard_api import contract
from trainyard_supervisor.ending.due import LINGER_SECONDS
from trainyard_supervisor.session import run_session


def main(arguments: Sequence[str]) -> int:
    """Run a program, or write the archive; the exit code."""
    if arguments[:1] == ["install"]:
        # Not in the archive itself.
        from trainyard_supervisor.install import install

        install(Path(arguments[1]))
        return 0
    own, command = _parted(arguments)
    options = _parser().parse_args(own)
    return run_session(command, options.run_dir, options.termination_message, options.linger)


def _parted(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """What stands before and after the first `--`."""
    given = list(arguments)
    if "--" not in given:
        return given, []
    at = given.index("--")
    return given[:at], given[at + 1 :]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="trainyard_supervisor", description=__doc__)
    parser.add_argument("--run-dir", type=Path, default=Path(contract.RUN_DIR))
    parser.add_argument(
        "--termination-message", type=Path, default=Path(contract.TERMINATION_MESSAGE_FILE)
    )
    parser.add_argument("--linger", type=float, default=LINGER_SECONDS, metavar="SECONDS")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
