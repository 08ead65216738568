"""`python -m trainyard_supervisor [OPTIONS] -- PROGRAM ARGS…`, or `… install FOLDER`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from trainyard_api import contract
from trainyard_supervisor.ending.due import LINGER_SECONDS

USAGE = """\
usage: trainyard_supervisor [--run-dir FOLDER] [--termination-message FILE] [--linger SECONDS]
                            [--code-dir FOLDER] [--secrets-dir FOLDER] -- PROGRAM ARGS…
       trainyard_supervisor install FOLDER
"""


class Options(NamedTuple):
    """What stands before `--`: for runs outside of a pod."""

    run_dir: Path = Path(contract.RUN_DIR)
    termination_message: Path = Path(contract.TERMINATION_MESSAGE_FILE)
    linger: float = LINGER_SECONDS
    code_dir: Path = Path(contract.CODE_DIR)
    secrets_dir: Path = Path(contract.SECRETS_DIR)


def main(arguments: Sequence[str]) -> int:
    """Run a program, or write the archive; the exit code."""
    if len(arguments) == 2 and arguments[0] == "install":
        # Not in the archive itself.
        from trainyard_supervisor.install import install

        install(Path(arguments[1]))
        return 0
    # Imported where a program is run: the archive is written sooner without it.
    from trainyard_supervisor.session import run_session

    own, command = _parted(arguments)
    try:
        options = parsed(own)
    except ValueError:
        sys.stderr.write(USAGE)
        return contract.ExitCode.BAD_CONFIGURATION
    return run_session(
        command,
        options.run_dir,
        options.termination_message,
        options.linger,
        options.code_dir,
        options.secrets_dir,
    )


def parsed(given: Sequence[str]) -> Options:
    """The options; `argparse` would take a megabyte. Raises ValueError."""
    options = Options()
    names = iter(given)
    for name in names:
        value = next(names, None)
        if value is None:
            raise ValueError(name)
        if name == "--run-dir":
            options = options._replace(run_dir=Path(value))
        elif name == "--termination-message":
            options = options._replace(termination_message=Path(value))
        elif name == "--code-dir":
            options = options._replace(code_dir=Path(value))
        elif name == "--secrets-dir":
            options = options._replace(secrets_dir=Path(value))
        elif name == "--linger":
            options = options._replace(linger=float(value))
        else:
            raise ValueError(name)
    return options


def _parted(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """What stands before and after the first `--`."""
    given = list(arguments)
    if "--" not in given:
        return given, []
    at = given.index("--")
    return given[:at], given[at + 1 :]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
