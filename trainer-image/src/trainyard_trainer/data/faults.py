"""Errors while a user's file is read become one sentence, and are not tried again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from trainyard_data import errors as data_errors
from trainyard_trainer.errors import BadConfiguration, BadData, OutOfMemory, TrainingError


@contextmanager
def of_file(name: str) -> Iterator[None]:
    """Turn every fault of the body into a TrainingError that names the file.

    Reading is a function of the file: another attempt would fail alike. Errors of the volume
    (OSError) pass unchanged.
    """
    try:
        yield
    except (TrainingError, OSError):
        raise
    except data_errors.BadChoice as error:
        raise BadConfiguration(str(error), error.hint) from error
    except data_errors.DataError as error:
        raise BadData(f"{name}: {error}", error.hint) from error
    except MemoryError as error:
        raise _too_large(name) from error
    except Exception as error:  # any other error of a reader
        if "DefaultCPUAllocator" in str(error):
            raise _too_large(name) from error
        raise BadData(
            f"{name} cannot be read: {' '.join(str(error).split()) or type(error).__name__}",
            hint="check the file with the program that wrote it",
        ) from error


def _too_large(name: str) -> OutOfMemory:
    return OutOfMemory(
        f"the pod's memory does not hold {name}",
        hint="ask for more memory, or use a smaller dataset",
    )
