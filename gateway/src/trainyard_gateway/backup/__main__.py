"""Saves, verifies and restores backups: `python -m trainyard_gateway.backup ACTION [ARCHIVE]`.

ACTION is save, verify or restore. `--config FILE`, or `--data-dir DIR` and `--database-url URL`,
name the data.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO

from trainyard_gateway import settings as configuration
from trainyard_gateway.backup.archive import Manifest, read_archive
from trainyard_gateway.backup.errors import BackupError
from trainyard_gateway.backup.restore import restore
from trainyard_gateway.backup.save import save
from trainyard_gateway.errors import SettingsError

DONE = {"save": "backed up", "verify": "whole and unchanged:", "restore": "restored"}


def main(arguments: list[str] | None = None) -> int:
    """Run the action and report it on standard error. Returns the exit code."""
    options = _parser().parse_args(arguments)
    # Files of the volume belong to the group of the pods.
    os.umask(0o007)
    try:
        manifest = _carry_out(options)
    except BrokenPipeError:
        # Python would complain again when it flushes at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.stderr.write("error: the program that read the backup has ended\n")
        return 1
    except (BackupError, SettingsError, OSError) as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    files = sum(not name.startswith("tables/") for name in manifest.members)
    size = sum(member.bytes for member in manifest.members.values())
    sys.stderr.write(
        f"{DONE[options.action]} the database and {files} files, {size} bytes, of {manifest.created}\n"
    )
    return 0


def _carry_out(options: argparse.Namespace) -> Manifest:
    with ExitStack() as stack:
        stream = _open(options, stack)
        if options.action != "save":
            stack.callback(_read_out, stream)
        if options.action == "verify":
            return read_archive(stream, None)
        given = {
            "data_dir": options.data_dir,
            "database_url": options.database_url,
            "database_password_file": options.database_password_file,
            # Whose sessions they are plays no part here.
            "namespace": "any",
        }
        settings = configuration.load(options.config, given)
        return asyncio.run((save if options.action == "save" else restore)(settings, stream))


def _read_out(stream: BinaryIO) -> None:
    """Read the rest of a refused archive: `kubectl exec` hangs until all its input is read."""
    while stream.read(1 << 20):
        pass


def _open(options: argparse.Namespace, stack: ExitStack) -> BinaryIO:
    writes = options.action == "save"
    if options.archive != "-":
        return stack.enter_context(Path(options.archive).open("xb" if writes else "rb"))
    stream = sys.stdout.buffer if writes else sys.stdin.buffer
    if stream.isatty():
        raise BackupError("a backup is no text for a terminal: redirect it, or name a file")
    return stream


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="trainyard_gateway.backup", description=__doc__)
    parser.add_argument("action", choices=list(DONE), help="verify reads an archive and no more")
    parser.add_argument(
        "archive", nargs="?", default="-", help="file; - (default) is standard output or input"
    )
    parser.add_argument("--config", type=Path, help="the gateway's settings")
    parser.add_argument("--data-dir", type=Path, help="the gateway's data folder (default: /data)")
    parser.add_argument("--database-url", help="default: SQLite in the data folder")
    parser.add_argument("--database-password-file", type=Path, help="password of its user")
    return parser


if __name__ == "__main__":
    sys.exit(main())
