"""`python tests/unmodified`: other people's programs as sessions, each evicted once and preempted once.

Every program of programs.yaml is run by `trainyard run` from a folder, unchanged. `make programs`
writes build/programs.json and the table of docs/programs.md. The exit code is 1 if a program did
not do what its entry says.
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
from urllib.parse import urlsplit

import yaml

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests" / "support")]

from cluster import apply_crds  # noqa: E402  # found by the line above
from installation import installed  # noqa: E402  # as above
from lifecycle import Yard, prove  # noqa: E402  # as above
from program import Program, programs  # noqa: E402  # as above
from table import page, write_into  # noqa: E402  # as above
from wheels import Node, fetch, served, write_index  # noqa: E402  # as above

from trainyard_cluster.embedded.network import enter  # noqa: E402  # as above
from trainyard_cluster.plan import Layout  # noqa: E402  # as above

PAGE = ROOT / "docs" / "programs.md"


def main() -> int:
    """Install, run all, write; the exit code."""
    options = _options()
    chosen = [p for p in programs() if not options.only or options.only in p.name]
    apply_crds(options.kubeconfig)
    rows = []
    with (
        tempfile.TemporaryDirectory() as scratch,
        index(options, chosen) as url,
        installed(
            options.kubeconfig,
            **{"operator.minimumRunSeconds": 1, "environments.indexUrl": url},
        ) as release,
    ):
        yard = Yard(release, Path(scratch), options.out.with_suffix(""))
        for program in chosen:
            rows.append(prove(yard, program))
            sys.stdout.write(json.dumps(asdict(rows[-1])) + "\n")
            sys.stdout.flush()
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps([asdict(row) for row in rows], indent=1) + "\n")
    if not options.only:
        write_into(PAGE, page(rows))
    return 0 if all(row.good for row in rows) else 1


@contextmanager
def index(options: argparse.Namespace, chosen: Sequence[Program]) -> Iterator[str]:
    """The URL of an index of what the programs require; empty if they require nothing."""
    required = sorted({line for program in chosen for line in program.requirements})
    if not required:
        yield ""
        return
    fetch(required, options.wheels)
    write_index(options.wheels)
    with served(options.wheels, _node(options.kubeconfig)) as url:
        yield url


def _node(kubeconfig: Path) -> Node:
    """The node of a cluster that `trainyard_cluster up` made: its folder is named after it."""
    layout = Layout(kubeconfig.parent.name, kubeconfig.parent)
    server = urlsplit(yaml.safe_load(kubeconfig.read_text())["clusters"][0]["cluster"]["server"])
    return Node(str(server.hostname), enter(layout))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Run the programs of programs.yaml.")
    parser.add_argument("--kubeconfig", type=Path, required=True)
    parser.add_argument("--only", help="programs with this in their name; leaves the page alone")
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "programs.json")
    parser.add_argument("--wheels", type=Path, default=ROOT / "build" / "wheels")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
