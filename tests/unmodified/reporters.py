"""`python tests/unmodified/reporters.py`: curves of other people's programs, point by point.

Every program of reporters.yaml is run by `trainyard run` as it is. When it has ended, each point in
the files that it wrote is compared with what the gateway holds of its session. The rows go to
build/reporters.json, which keeps those of earlier runs, and into docs/programs.md. The exit code is
1 if a point is lost, doubled or not the same.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
import zipfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests" / "support")]

import httpx  # noqa: E402  # sorted with what the line above finds
import yaml  # noqa: E402  # as above
from cluster import apply_crds, unique  # noqa: E402  # as above
from curves import compared, runs_compared  # noqa: E402  # as above
from held_curves import held  # noqa: E402  # as above
from installation import installed  # noqa: E402  # as above
from lifecycle import Yard  # noqa: E402  # as above
from local_curves import Written  # noqa: E402  # as above
from poll import eventually  # noqa: E402  # as above
from program import Program  # noqa: E402  # as above
from table import write_into  # noqa: E402  # as above
from wheels import fetch, node_of, served, write_index  # noqa: E402  # as above

PAGE = ROOT / "docs" / "programs.md"
MARKS = ("<!-- curves of programs -->", "<!-- end of curves of programs -->")
REQUIREMENTS = (
    "accelerate", "catboost", "datasets", "jsonargparse[signatures]", "keras", "lightgbm", "lightning",
    "mlflow", "pandas", "scikit-learn", "tensorboard", "transformers", "trl", "xgboost-cpu",
)  # fmt: skip
"""Of all programs, so that they share one environment."""
LONGEST = 1200.0
"""Seconds until a session ends; the first one installs the packages."""
LATE = 90.0
"""Seconds until the gateway has all that a session left."""


@dataclass(frozen=True)
class Reporting:
    """An entry of reporters.yaml."""

    program: Program
    by: str
    curves: list[Written]

    @property
    def title(self) -> str:
        """Program and reporter: what a row is known by."""
        return f"{self.program.name}, {self.by}"


@dataclass
class Row:
    """What was seen of one program."""

    name: str
    by: str
    compared_with: list[str]
    points: int = 0
    wrong: list[str] = field(default_factory=list)
    seconds: float = 0.0


def main() -> int:
    """Install, run all, compare, write; the exit code."""
    options = _options()
    chosen = [each for each in entries() if any(p in each.title for p in options.only or [""])]
    apply_crds(options.kubeconfig)
    fetch([("tensorboard",), REQUIREMENTS], options.wheels)
    write_index(options.wheels)
    rows = []
    with (
        tempfile.TemporaryDirectory() as scratch,
        served(options.wheels, node_of(options.kubeconfig)) as url,
        installed(options.kubeconfig, **{"environments.indexUrl": url}) as release,
        release.client() as people,
    ):
        yard = Yard(release, people, Path(scratch), options.out.with_suffix(""))
        started = [(each, _start(yard, each.program)) for each in chosen]
        for each, session in started:
            rows.append(_seen(yard, each, session))
            sys.stdout.write(json.dumps(asdict(rows[-1])) + "\n")
            sys.stdout.flush()
            _keep(options.out, rows)
    return 1 if any(row.wrong for row in rows) else 0


def entries() -> list[Reporting]:
    """All entries."""
    found = []
    for entry in yaml.safe_load(Path(__file__).with_name("reporters.yaml").read_text()):
        by, curves = entry.pop("by"), [Written(**each) for each in entry.pop("curves")]
        program = Program(
            **entry, ready="", outputs=[], artifact="", requirements=list(REQUIREMENTS)
        )
        found.append(Reporting(program, by, curves))
    return found


def _start(yard: Yard, program: Program) -> str:
    name = unique("reporter")
    folder = yard.scratch / name
    program.lay(folder)
    yard.cli.ok(
        "run", "--detach", "--folder", str(folder), "--name", name, "--gpus", "1", "--cpu", "1",
        "--memory", program.memory, "--", *program.command,
    )  # fmt: skip
    return name


def _seen(yard: Yard, each: Reporting, session: str) -> Row:
    row = Row(each.program.name, each.by, [curve.files for curve in each.curves])
    began = time.monotonic()
    try:
        eventually(
            lambda: yard.people.status(session).finished, within=LONGEST, every=1, what=session
        )
        found = yard.people.status(session)
        if found.phase != "Succeeded":
            row.wrong = [f"{found.phase}: {found.status.message}", *_last_lines(yard, session)]
            return row
        _compare(yard, each, session, found.uid, row)
    except (AssertionError, ValueError, httpx.HTTPError) as error:
        row.wrong = row.wrong or [str(error)[:500]]
    row.seconds = round(time.monotonic() - began, 1)
    return row


def _compare(yard: Yard, each: Reporting, session: str, uid: str, row: Row) -> None:
    """Compare until all is the same, or the gateway had time to take what was left."""
    left = yard.scratch / f"{session}-left"
    yard.people.files.archive(session, "work", yard.scratch / f"{session}.zip")
    zipfile.ZipFile(yard.scratch / f"{session}.zip").extractall(left)
    top = left / "work" if (left / "work").is_dir() else left
    headers = {"Authorization": f"Bearer {yard.release.key}"}
    with httpx.Client(base_url=yard.release.url, headers=headers, timeout=60) as http:

        def same() -> bool:
            row.points, row.wrong = 0, []
            all_runs = held(http, uid)
            for curve in each.curves:
                first, *others = curve.read(top)
                runs = [curve.kept(run) for run in all_runs]
                found = [compared(first, runs[0], latest=curve.latest, whole=curve.whole)]
                if curve.kind == "store":
                    found.append(runs_compared(others, runs[1:]))
                row.points += sum(one.points for one in found)
                row.wrong += [f"{curve.files}: {text}" for one in found for text in one.wrong]
            return not row.wrong and row.points > 0

        eventually(same, within=LATE, every=3, what=f"the curves of {each.title}")


def _last_lines(yard: Yard, session: str) -> list[str]:
    return [line.message for line in yard.people.logs(session, limit=1000).lines[-8:]]


def _keep(file: Path, rows: Sequence[Row]) -> None:
    """Put the rows beside those of earlier runs, and write the page."""
    file.parent.mkdir(parents=True, exist_ok=True)
    before = [Row(**fields) for fields in json.loads(file.read_text())] if file.is_file() else []
    found = {(row.name, row.by): row for row in (*before, *rows)}
    places = [(each.program.name, each.by) for each in entries()]
    kept = [found[place] for place in places if place in found]
    file.write_text(json.dumps([asdict(row) for row in kept], indent=1) + "\n")
    write_into(PAGE, page(kept), MARKS)


def page(rows: Sequence[Row]) -> str:
    """The table. Pure."""
    head = [
        "| Program | Reports by | Compared with | Points | All the same |",
        "| --- | --- | --- | ---: | --- |",
    ]
    lines = [
        f"| {row.name} | {row.by} | {', '.join(f'`{file}`' for file in row.compared_with)} "
        f"| {row.points:,} | {'no' if row.wrong else 'yes'} |"
        for row in rows
    ]
    return "\n".join([*head, *lines])


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Compare the curves of reporters.yaml.")
    parser.add_argument("--kubeconfig", type=Path, required=True)
    parser.add_argument("--only", nargs="*", help="programs with one of these in name or reporter")
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "reporters.json")
    parser.add_argument("--wheels", type=Path, default=ROOT / "build" / "wheels")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
