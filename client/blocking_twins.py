"""Writes the blocking client from the asynchronous one, token by token.

`python client/blocking_twins.py [--check]`: with --check nothing is written, and the exit code says
whether the files are up to date.
"""

from __future__ import annotations

import io
import re
import subprocess
import sys
import tokenize
from pathlib import Path

PACKAGE = Path(__file__).parent / "src" / "trainyard"
TWINS = {
    "async_client.py": "sync_client.py",
    "async_connection.py": "sync_connection.py",
    "code/async_code.py": "code/sync_code.py",
    "files/async_files.py": "files/sync_files.py",
    "trees/async_trees.py": "trees/sync_trees.py",
    "notices/async_notices.py": "notices/sync_notices.py",
    "logins/async_logins.py": "logins/sync_logins.py",
    "limits/async_limits.py": "limits/sync_limits.py",
    "audit/async_audit.py": "audit/sync_audit.py",
    "owners/async_owners.py": "owners/sync_owners.py",
}
NAMES = {
    "async_client": "sync_client",
    "async_connection": "sync_connection",
    "async_code": "sync_code",
    "async_files": "sync_files",
    "async_trees": "sync_trees",
    "async_notices": "sync_notices",
    "async_logins": "sync_logins",
    "async_limits": "sync_limits",
    "async_audit": "sync_audit",
    "async_owners": "sync_owners",
    "__aenter__": "__enter__",
    "__aexit__": "__exit__",
    "aclose": "close",
    "aread": "read",
    "aiter_bytes": "iter_bytes",
}
"""Names that differ by more than the prefix `Async` or `async_`."""
WORDS = {"An asynchronous": "A blocking", "asynchronous": "blocking", "Asynchronous": "Blocking"}
"""What differs in docstrings and comments."""
RUFF = [sys.executable, "-m", "ruff"]


def blocking(source: str, origin: str) -> str:
    """The blocking twin of `source`, which was read from the file `origin`."""
    lines = source.splitlines(keepends=True)
    out: list[str] = []
    row, column = 1, 0
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        twin = _twin(token)
        if twin is None:
            continue
        end_row, end_column = token.start
        out += _text(lines, (row, column), (end_row, end_column))
        out.append(twin)
        row, column = token.end
        if not twin:
            column += 1  # the space after a dropped keyword
    out += _text(lines, (row, column), (len(lines), len(lines[-1])))
    first, rest = "".join(out).split("\n", 1)
    note = f'\n\nGenerated from {origin} by `make manifests`; do not edit.\n"""\n'
    return _tidy(f"{first.removesuffix(chr(34) * 3)}{note}{rest}")


def _twin(token: tokenize.TokenInfo) -> str | None:
    """What stands for this token in the twin; None if it stays as it is."""
    text = token.string
    if token.type == tokenize.NAME:
        if text in ("async", "await"):
            return ""
        twin = NAMES.get(text) or text.removeprefix("Async").removeprefix("async_")
    elif token.type in (tokenize.STRING, tokenize.COMMENT):
        twin = re.sub("|".join(rf"\b{word}\b" for word in WORDS), lambda m: WORDS[m[0]], text)
    else:
        return None
    return None if twin == text else twin


def _text(lines: list[str], start: tuple[int, int], end: tuple[int, int]) -> list[str]:
    """The source between two places, each a row (from 1) and a column."""
    (row, column), (end_row, end_column) = start, end
    if row == end_row:
        return [lines[row - 1][column:end_column]]
    return [lines[row - 1][column:], *lines[row : end_row - 1], lines[end_row - 1][:end_column]]


def _tidy(source: str) -> str:
    """Sort imports and format as the rest of the code."""
    name = ["--quiet", "--stdin-filename", str(PACKAGE / "twin.py"), "-"]
    for command in (["check", "--select", "I", "--fix", *name], ["format", *name]):
        done = subprocess.run(
            [*RUFF, *command], input=source, capture_output=True, text=True, check=True
        )
        source = done.stdout
    return source


def main() -> int:
    """Write the twins, or with `--check` compare them; the exit code."""
    stale = []
    for origin, twin in TWINS.items():
        made, path = blocking((PACKAGE / origin).read_text(), origin), PACKAGE / twin
        if "--check" not in sys.argv:
            path.write_text(made)
        elif not path.exists() or path.read_text() != made:
            stale.append(twin)
    if stale:
        sys.stderr.write(f"not up to date: {', '.join(stale)}; run `make manifests`\n")
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
