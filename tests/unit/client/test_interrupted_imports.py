"""An import that is killed at any line ends with the same runs, and goes on inside a run."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from mlflow_stand_in import HeldRuns

from trainyard.cli.trackers import copying
from trainyard.cli.trackers.calls import Calls
from trainyard.cli.trackers.copying import TAG, Copied, Import
from trainyard.cli.trackers.gateway_runs import PORTION, GatewayRuns
from trainyard.cli.trackers.reached import Reached, is_again, reached_of, text_of
from trainyard.cli.trackers.source import CannotRead, Experiment, File, Point, Run

# A kill between two lines of a `with` leaves its folder to the garbage collection, which warns.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

TRACKERS = str(Path(copying.__file__).parent)
LOOPS = frozenset({"is_taken", "_portions", "protocol_number", "<listcomp>"})
"""What is run for each value and changes nothing: a kill there is one before or after it."""
LENGTHS = {"acc": 1, "loss": 2300, "none": 0, "val": 1200}


@dataclass
class Tracker:
    """A source of two runs with these metrics."""

    folder: Path
    lengths: dict[str, int] = field(default_factory=lambda: dict(LENGTHS))
    torn: str = ""
    """A metric whose last line is torn."""
    far: str = ""
    """A metric whose first value has a step that no gateway takes."""

    def experiments(self) -> Iterator[Experiment]:
        yield Experiment("7", "baseline", {})

    def runs(self, _: Experiment) -> Iterator[Run]:
        grown = {name: str(length) for name, length in self.lengths.items()}
        for number in range(2):
            id = f"{number:032x}"
            yield Run(id, f"run-{number}", "ada", params={"lr": "0.1"}, metrics=grown)

    def points(self, _: Run, metric: str) -> Iterator[Point]:
        for n in range(self.lengths[metric]):
            # Each value twice: what counts once at the gateway counts twice in the source's order.
            step = 10**18 if metric == self.far and n == 0 else n // 2
            yield Point(str(n // 2), 1000 + n // 2, step)
        if metric == self.torn:
            raise CannotRead("its last line is torn")

    def files(self, _: Run) -> Iterator[File]:
        yield File("notes.txt", 4)

    def fetch(self, run: Run, file: File, _: Path) -> Path:
        path = self.folder / f"{run.name}-{file.path}"
        path.write_text("note")
        return path

    def close(self) -> None:
        """Nothing is open."""


class Killed(BaseException):
    """The process is gone: nothing catches it."""


@dataclass
class Kill:
    """Ends the code of an import before one of its lines."""

    line: int = 0
    """Which of the lines that are run; 0 for none."""
    lines: int = 0

    def __call__(self, frame: FrameType, event: str, _: Any) -> Kill | None:
        code = frame.f_code
        if code.co_name in LOOPS or not code.co_filename.startswith(TRACKERS):
            return None
        if event == "line":
            self.lines += 1
            if self.lines == self.line:
                raise Killed
        return self


def imported(source: Tracker, held: HeldRuns, kill: Kill | None = None) -> Copied | None:
    """Run an import; None if it was killed."""
    gateway = GatewayRuns("http://gateway", "key", held, Calls(pauses=()))
    before = sys.gettrace()
    try:
        if kill is not None:
            sys.settrace(kill)
        return Import(source, gateway).all()
    except Killed:
        return None
    finally:
        sys.settrace(before)
        gateway.close()


def lines_of(source: Tracker) -> int:
    """How many lines an import runs."""
    counted = Kill()
    imported(source, HeldRuns(), counted)
    return counted.lines


@pytest.mark.parametrize(("kills", "places"), [(1, 25), (3, 8)])
def test_an_import_that_is_killed_at_any_line_ends_with_the_same_runs(
    kills: int, places: int, tmp_path: Path
) -> None:
    source, whole = Tracker(tmp_path), HeldRuns()
    imported(source, whole)
    lines = lines_of(source)
    for place in range(1, lines, lines // places):
        held = HeldRuns()
        for _ in range(kills):
            assert imported(source, held, Kill(place // kills + 1)) is None
        said = imported(source, held)

        assert said is not None
        assert said.problems == []
        assert (held.experiments, held.runs) == (whole.experiments, whole.runs)
        # Each kill costs the portion of values that was on its way, at most.
        assert held.sent <= whole.sent + kills * PORTION


@pytest.mark.parametrize("source", [{"torn": "loss"}, {"far": "loss"}], ids=["torn", "far"])
def test_a_problem_before_the_place_of_a_kill_is_said_by_the_import_that_ends(
    source: dict[str, Any], tmp_path: Path
) -> None:
    tracker = Tracker(tmp_path, **source)
    whole = imported(tracker, HeldRuns())
    lines = lines_of(tracker)
    for place in range(1, lines, lines // 7):
        held = HeldRuns()
        imported(tracker, held, Kill(place))
        said = imported(tracker, held)

        assert whole is not None
        assert said is not None
        assert said.problems == whole.problems
        assert not any(" " not in run.tags.get(TAG, " ") for run in held.runs.values())


def test_what_has_changed_at_the_source_is_copied_from_its_beginning(tmp_path: Path) -> None:
    """The place in one state of a run says nothing of another state."""
    held, source = HeldRuns(), Tracker(tmp_path)
    imported(source, held, Kill(lines_of(source) // 3))
    grown = Tracker(tmp_path, LENGTHS | {"aaa": 10, "loss": 2400})
    imported(grown, held)
    whole = HeldRuns()
    imported(grown, whole)

    assert held.runs == whole.runs


def test_files_of_another_state_are_sent_again_after_a_kill(tmp_path: Path) -> None:
    held, source = HeldRuns(), Tracker(tmp_path, {"a": 10})
    imported(source, held)
    for run in held.runs.values():
        run.files["notes.txt"] = b"old!"
    changed = Tracker(tmp_path, {"a": 20})
    lines = lines_of(changed)
    for place in range(1, lines, lines // 20):
        imported(changed, held, Kill(place))
    imported(changed, held)

    assert [run.files["notes.txt"] for run in held.runs.values()] == [b"note"] * 2


STATE = "a" * 64


@pytest.mark.parametrize(
    ("text", "reached", "again"),
    [
        pytest.param(None, None, False, id="no tag"),
        pytest.param(STATE, None, True, id="copied as a whole"),
        pytest.param("b" * 64, None, True, id="another state as a whole"),
        pytest.param(f"{STATE} first 0 loss", Reached("loss", 0), False, id="a metric begins"),
        pytest.param(f"{STATE} again 70 a b", Reached("a b", 70), True, id="a name of two words"),
        pytest.param(f"{'b' * 64} first 70 loss", None, False, id="another state in part"),
        pytest.param(f"{'b' * 64} again 70 loss", None, True, id="a third state in part"),
        pytest.param(f"{STATE} first -1 loss", None, False, id="no number"),
        pytest.param(f"{STATE} first ² loss", None, False, id="no number of ours"),
        pytest.param(f"{STATE} first", None, True, id="no form of ours"),
    ],
)
def test_what_a_tag_says(text: str | None, reached: Reached | None, again: bool) -> None:
    assert (reached_of(text, STATE), is_again(text)) == (reached, again)
    if reached is not None:
        assert text_of(STATE, reached, again=again) == text


def counts(sent: Sequence[int]) -> bool:
    """Whether less came each time."""
    return list(sent) == sorted(sent, reverse=True)


def test_a_later_kill_leaves_less_to_send(tmp_path: Path) -> None:
    source, left = Tracker(tmp_path), []
    lines = lines_of(source)
    for place in range(1, lines, lines // 7):
        held = HeldRuns()
        imported(source, held, Kill(place))
        before = held.sent
        imported(source, held)
        left.append(held.sent - before)

    assert counts(left)
    assert left[-1] < PORTION * 2 < left[0]
