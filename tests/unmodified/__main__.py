"""`python tests/unmodified`: other people's programs as sessions, each evicted once and preempted once.

Every program of programs.yaml is run by `trainyard run` from a folder, unchanged. `make programs`
writes build/programs.json, which keeps the rows of earlier runs, and the table of docs/programs.md
once each program has a row. The exit code is 1 if a program did not do what its entry says.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests" / "support")]

from cluster import apply_crds  # noqa: E402  # found by the line above
from installation import installed  # noqa: E402  # as above
from lifecycle import Row, Yard, prove  # noqa: E402  # as above
from program import Program, programs  # noqa: E402  # as above
from table import page, write_into  # noqa: E402  # as above
from wheels import fetch, node_of, served, write_index  # noqa: E402  # as above

PAGE = ROOT / "docs" / "programs.md"


def main() -> int:
    """Install, run all, write; the exit code."""
    options = _options()
    chosen = [p for p in programs() if any(part in p.name for part in options.only or [""])]
    apply_crds(options.kubeconfig)
    rows = []
    with (
        tempfile.TemporaryDirectory() as scratch,
        index(options, chosen) as url,
        installed(
            options.kubeconfig,
            **{"operator.minimumRunSeconds": 1, "environments.indexUrl": url},
        ) as release,
        release.client() as people,
    ):
        yard = Yard(release, people, Path(scratch), options.out.with_suffix(""))
        for program in chosen:
            rows.append(prove(yard, program))
            sys.stdout.write(json.dumps(asdict(rows[-1])) + "\n")
            sys.stdout.flush()
            _keep(options.out, rows)
    return 0 if all(row.good for row in rows) else 1


def _keep(file: Path, rows: Sequence[Row]) -> None:
    """Put the rows beside those of earlier runs, and write the page once each program has one."""
    file.parent.mkdir(parents=True, exist_ok=True)
    before = json.loads(file.read_text()) if file.is_file() else []
    found = {row.name: row for row in (*(Row(**fields) for fields in before), *rows)}
    kept = [found[p.name] for p in programs() if p.name in found]
    file.write_text(json.dumps([asdict(row) for row in kept], indent=1) + "\n")
    if len(kept) == len(programs()):
        write_into(PAGE, page(kept))


@contextmanager
def index(options: argparse.Namespace, chosen: Sequence[Program]) -> Iterator[str]:
    """The URL of an index of what the programs require; empty if they require nothing."""
    required = sorted({tuple(program.requirements) for program in chosen if program.requirements})
    if not required:
        yield ""
        return
    # Each by itself: programs that contradict each other get their own versions of a package.
    fetch([("tensorboard",), *required], options.wheels)
    write_index(options.wheels)
    with served(options.wheels, node_of(options.kubeconfig)) as url:
        yield url


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Run the programs of programs.yaml.")
    parser.add_argument("--kubeconfig", type=Path, required=True)
    parser.add_argument("--only", nargs="*", help="programs with one of these in their name")
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "programs.json")
    parser.add_argument("--wheels", type=Path, default=ROOT / "build" / "wheels")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
