"""Inspects one file: `python -m trainyard_data PATH FORMAT [CHOICES]`.

Standard output gets one line of JSON: the schema, or after exit code 65 the refusal as
`{"error", "message", "hint"}`. CHOICES are `SchemaChoices` as JSON.

With `--stdin` the program loads the readers first and then waits for one line of JSON on standard
input, a `Request`. It bounds its own memory and time as the request says before it opens the file.
"""

from __future__ import annotations

import argparse
import json
import sys
from contextlib import suppress
from pathlib import Path

from pydantic import ValidationError

from trainyard_api.contract import ExitCode
from trainyard_api.datasets.choices import SchemaChoices
from trainyard_api.model import ClosedModel
from trainyard_data.errors import BadData, DataError
from trainyard_data.formats import FORMATS
from trainyard_data.inspection import inspect

MAX_SCHEMA_BYTES = 4 << 20
"""Bytes of a schema at most. 10,000 columns with names of 100 characters take a third of it."""
MORE_NICE = 5
"""Uploads that are inspected must not slow down requests."""


class Request(ClosedModel):
    """What to inspect, and within which bounds."""

    path: str
    format: str
    choices: SchemaChoices = SchemaChoices()
    memory_bytes: int
    """Memory of the process, without what it maps from files."""
    cpu_seconds: int
    """Time of all its processors."""


def main(arguments: list[str] | None = None) -> int:
    """Inspect and print. Returns the exit code."""
    options = _parser().parse_args(arguments)
    if options.stdin:
        _load_readers()
        line = sys.stdin.readline()
        if not line:  # it is no longer needed
            return 0
        request = Request.model_validate_json(line)
        bound(request)
        return _answer(Path(request.path), request.format, request.choices)
    try:
        choices = SchemaChoices.model_validate_json(options.choices)
    except ValidationError as error:
        _parser().error(f"CHOICES: {error}")
    return _answer(options.path, options.format, choices)


def _answer(path: Path, file_format: str, choices: SchemaChoices) -> int:
    try:
        line = inspect(path, file_format, choices).model_dump_json(by_alias=True, exclude_none=True)
        if len(line.encode()) > MAX_SCHEMA_BYTES:
            raise _too_much(len(line.encode()))
    except MemoryError:
        message = "reading the file takes more memory than an inspection may use"
        return _refuse("BadData", message, "split it into several files, or write shorter rows")
    except DataError as error:
        return _refuse(type(error).__name__, str(error), error.hint)
    sys.stdout.write(f"{line}\n")
    return 0


def _refuse(kind: str, message: str, hint: str) -> int:
    sys.stdout.write(json.dumps({"error": kind, "message": message, "hint": hint}) + "\n")
    return int(ExitCode.BAD_DATA)


def _too_much(size: int) -> BadData:
    return BadData(
        f"the names of its columns and classes take {size} bytes; at most {MAX_SCHEMA_BYTES} are"
        " kept",
        hint="use fewer or shorter names",
    )


def _load_readers() -> None:
    """Import what takes time, before there is a file."""
    import numpy  # noqa: F401 - loaded for others
    import pyarrow.csv
    import pyarrow.json
    import pyarrow.parquet  # noqa: F401 - loaded for others


def bound(request: Request) -> None:
    """Let the kernel end this process where it goes beyond its bounds.

    It writes no file and no core. When memory runs out, it is the first to be ended.
    """
    import os
    import resource

    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000")
    os.nice(MORE_NICE)
    for limit, value in (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_DATA, request.memory_bytes),
        (resource.RLIMIT_CPU, request.cpu_seconds),
    ):
        resource.setrlimit(limit, (value, value))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="trainyard_data", description=__doc__.splitlines()[0])
    parser.add_argument("path", type=Path, nargs="?", help="the file")
    parser.add_argument("format", nargs="?", choices=sorted(set(FORMATS.values())))
    parser.add_argument("choices", nargs="?", default="{}", help="SchemaChoices as JSON")
    parser.add_argument("--stdin", action="store_true", help="read one Request from standard input")
    return parser


if __name__ == "__main__":
    sys.exit(main())
