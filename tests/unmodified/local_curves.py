"""Reads the curves that a program has left in its own files."""

from __future__ import annotations

import csv
import json
import re
import sqlite3
import subprocess
import sys
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from curves import Curves, Point
from mlflow_clients import ROOT, packages

EVENTS = """
import json, pathlib, struct, sys
from tensorboardX.proto.event_pb2 import Event
for name in sys.argv[1:]:
    data, at = pathlib.Path(name).read_bytes(), 0
    while at + 12 <= len(data):
        [size] = struct.unpack_from("<Q", data, at)
        event = Event.FromString(data[at + 12 : at + 12 + size])
        at += 16 + size
        for value in event.summary.value:
            if value.HasField("simple_value"):
                print(json.dumps([name, value.tag, event.step, value.simple_value, event.wall_time]))
"""
STEPS = ("step", "epoch")
"""Columns of a table that number its lines, the best one first."""


@dataclass(frozen=True)
class Written:
    """Files of a program with curves, as `curves` of programs.yaml and reporters.yaml says them."""

    kind: str
    """`events`, `table`, `states` (trainer_state.json of transformers), `rounds` (a list of values by
    metric) or `store` (MLflow's SQLite)."""
    files: str
    """A glob below the working folder."""
    folder: bool = False
    """Whether the name of the file's folder stands before each tag."""
    without: str = ""
    """Names that say how long something took: another run has other values."""
    whole: bool = False
    """Whether the program reports nothing else."""

    @property
    def latest(self) -> bool:
        """Whether the last of several values of a step is the one that counts."""
        return self.kind in ("events", "table")

    def read(self, top: Path) -> list[Curves]:
        """The curves by run, the first run first. Raises ValueError if there is no file."""
        files = sorted(top.glob(self.files))
        if not files:
            raise ValueError(f"no file {self.files}")
        if self.kind == "store":
            return [self.kept(run) for run in stored(files[0])]
        read = {"events": self._events, "table": table, "states": states, "rounds": rounds}
        return [self.kept(read[self.kind](files))]

    def _events(self, files: Sequence[Path]) -> Curves:
        return events(files, with_folder=self.folder)

    def kept(self, found: Curves) -> Curves:
        """Curves without those that are named in `without`."""
        left_out = re.compile(self.without) if self.without else None
        return {k: v for k, v in found.items() if left_out is None or not left_out.search(k)}


def events(files: Sequence[Path], *, with_folder: bool) -> Curves:
    """Scalars of event files, in the order of their times."""
    place = packages("event-writer", ROOT / "build" / "event-writer")
    done = subprocess.run(
        [sys.executable, "-S", "-c", EVENTS, *map(str, files)],
        env={"PYTHONPATH": str(place)}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    found: dict[str, list[Point]] = {}
    for name, tag, step, value, wall in sorted(rows, key=lambda row: float(row[4])):
        key = f"{Path(name).parent.name}/{tag}" if with_folder else tag
        found.setdefault(key, []).append(Point(step, float(value), int(wall * 1000)))
    return found


def table(files: Sequence[Path]) -> Curves:
    """The numbers of a table in CSV, by column."""
    found: dict[str, list[Point]] = {}
    for file in files:
        with file.open(newline="") as lines:
            for row in csv.DictReader(lines):
                column = next((name for name in STEPS if row.get(name)), None)
                if column is None:
                    raise ValueError(f"{file.name} has a line without any of {', '.join(STEPS)}")
                for name, cell in row.items():
                    if cell and name != column and _is_number(cell):
                        point = Point(int(row[column]), float(cell))
                        found.setdefault(name, []).append(point)
    return found


def states(files: Sequence[Path]) -> Curves:
    """The history in the trainer_state.json of the last checkpoint."""
    read = [json.loads(file.read_text()) for file in files]
    history = max(read, key=lambda state: int(state["global_step"]))["log_history"]
    found: dict[str, list[Point]] = {}
    for entry in history:
        for name, value in entry.items():
            if name != "step":
                found.setdefault(name, []).append(Point(entry["step"], float(value)))
    return found


def rounds(files: Sequence[Path]) -> Curves:
    """Lists of values by metric, one for each round."""
    lists: dict[str, list[float]] = json.loads(files[0].read_text())
    return {k: [Point(n, value) for n, value in enumerate(v)] for k, v in lists.items()}


def stored(file: Path) -> list[Curves]:
    """The runs of MLflow's SQLite store, in the order in which they began."""
    query = (
        "SELECT key, value, step, is_nan FROM metrics WHERE run_uuid = ? ORDER BY step, timestamp"
    )
    with closing(sqlite3.connect(file)) as store:
        runs = store.execute("SELECT run_uuid FROM runs ORDER BY start_time, rowid").fetchall()
        found: list[Curves] = []
        for run in runs:
            curves: dict[str, list[Point]] = {}
            for key, value, step, is_nan in store.execute(query, run):
                curves.setdefault(key, []).append(Point(step, float("nan") if is_nan else value))
            found.append(curves)
    return found


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True
