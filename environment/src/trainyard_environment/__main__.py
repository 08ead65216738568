"""`python -m trainyard_environment build OPTIONS`, or `… install FOLDER`."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from trainyard_api import contract
from trainyard_api.contract import BuilderExit
from trainyard_environment.build import build
from trainyard_environment.errors import CannotBuild
from trainyard_environment.last_word import leave, of_built, of_failure
from trainyard_environment.redaction import Redaction
from trainyard_environment.settings import USAGE, Index, settings, termination_file


def main(arguments: Sequence[str]) -> int:
    """Build, or write the archive; the exit code."""
    if len(arguments) == 2 and arguments[0] == "install":
        # Not in the archive itself.
        from trainyard_environment.install import install

        install(Path(arguments[1]))
        return 0
    if not arguments or arguments[0] != "build":
        sys.stderr.write(USAGE)
        return BuilderExit.BAD_ARGUMENTS
    username, password = map(
        os.environ.get, (contract.ENV_INDEX_USERNAME, contract.ENV_INDEX_PASSWORD)
    )
    redact = Redaction(Index("", username or "", password or "").secrets)
    os.umask(0o022)

    def say(sentence: str) -> None:
        # Any encoding of the image's standard output is left aside.
        os.write(1, f"{redact(sentence)}\n".encode("utf-8", "replace"))

    file = termination_file(arguments[1:])
    try:
        built = build(settings(arguments[1:], os.environ), say)
    except CannotBuild as error:
        hint = f" {error.hint}" if error.hint else ""
        say(f"{error.reason}: {error.message}{hint}")
        leave(file, redact(of_failure(error)))
        return error.exit_code
    leave(file, of_built(built))
    return BuilderExit.BUILT


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
