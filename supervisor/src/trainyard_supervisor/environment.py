"""The session's packages: a folder that another program built, over those of the runtime."""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Callable, Mapping
from pathlib import Path

from trainyard_api import contract
from trainyard_supervisor.errors import CannotStart

_NO_LOCKS = (errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS, errno.EINVAL)


def hold(folder: Path, say: Callable[[str], None]) -> int:
    """Keep the environment from being removed; the descriptor holds until it is closed.

    Raises CannotStart if it is not there any more.
    """
    file = folder / contract.ENVIRONMENT_FILE
    try:
        handle = os.open(file, os.O_RDONLY | os.O_CLOEXEC)
        try:
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(handle)
            raise _gone() from error
        except OSError as error:
            if error.errno not in _NO_LOCKS:
                raise
            say(f"the volume has no locks: the environment is not kept ({error.strerror})")
        # Who removes it takes the file away before the lock ends.
        if not file.exists():
            os.close(handle)
            raise _gone()
    except (FileNotFoundError, NotADirectoryError) as error:
        raise _gone() from error
    except OSError as error:
        raise CannotStart(
            "EnvironmentNotReadable",
            f"The session's packages cannot be read: {file}: {error.strerror}.",
            "Look at the data volume, then submit the session again.",
        ) from error
    return handle


def variables(folder: Path, environment: Mapping[str, str]) -> dict[str, str]:
    """What makes a program use the environment, as its `bin/activate` does. Pure."""
    path = environment.get("PATH") or os.defpath
    return {"PATH": f"{folder / 'bin'}{os.pathsep}{path}", "VIRTUAL_ENV": str(folder)}


def _gone() -> CannotStart:
    return CannotStart(
        "EnvironmentGone",
        "The session's packages are not on the volume any more.",
        "They are built again.",
    )
