"""Which of the things that a program counts is its training, over the lines of whole programs."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from trainyard_supervisor.output.line_splitter import Line
from trainyard_supervisor.progress.bars import bar
from trainyard_supervisor.progress.derived import DerivedProgress
from trainyard_supervisor.progress.lines import stated
from trainyard_supervisor.progress.tracker import Progress, ProgressTracker


def after(lines: Iterable[str]) -> Progress | None:
    """The progress after these lines, one a second."""
    tracker, last = ProgressTracker(), None
    for now, line in enumerate(lines):
        reading = bar(line) or stated(line)
        if reading is not None:
            last = tracker.see(reading, now) or last
    return last


def tqdm(done: int, total: int, label: str = "", seconds: int = 0) -> str:
    text = f"{label}: " if label else ""
    return f"{text}{100 * done // total:3d}%|███   | {done}/{total} [00:{seconds:02d}<00:09,  2.18it/s]"


HF = [
    tqdm(21, 21, "Loading weights"),
    tqdm(400, 400, "Map"),
    *(tqdm(n, 60, seconds=n) for n in range(31)),
    *(tqdm(n, 5) for n in range(6)),
    *(tqdm(n, 60, seconds=n) for n in range(31, 41)),
    *(tqdm(n, 5) for n in range(6)),
    tqdm(41, 60, seconds=41),
]
KERAS = [
    line
    for epoch in (1, 2, 3)
    for line in (
        f"Epoch {epoch}/3",
        " 5/20 ━━━━━━━━━━━━━━━━━━━━ 0s 5ms/step - loss: 0.69",
        "20/20 ━━━━━━━━━━━━━━━━━━━━ 1s 5ms/step - loss: 0.69",
    )
]
LIGHTNING = [tqdm(n, 20, f"Epoch {epoch}") for epoch in range(3) for n in (0, 10, 20)]
ULTRALYTICS = [
    line
    for epoch in (1, 2)
    for line in (
        f"        {epoch}/200         0G      3.2      4.1      4.2         12         64: 100% ━━━━━━ 4/4 3.1it/s",
        "                 Class     Images  Instances      Box(P          R      mAP50): 100% ━━━━━━ 2/2 1.2it/s",
    )
]

PROGRAMS = [
    pytest.param(HF, Progress(41, 60), id="an evaluation within a training"),
    pytest.param(HF[:3], None, id="an unnamed bar that has only begun"),
    pytest.param([tqdm(400, 400)], None, id="an unnamed bar that was quick"),
    pytest.param(
        [tqdm(n, 20) for _ in range(3) for n in range(21)], Progress(60, None), id="a bar that recurs"
    ),
    pytest.param(
        [
            line
            for epoch in range(3)
            for line in (tqdm(epoch, 3, "Epochs"), *(tqdm(n, 20) for n in range(21)))
        ],
        Progress(60, 60, 2, 3),
        id="a bar over epochs and one within",
    ),
    pytest.param(KERAS, Progress(60, 60, 2, 3), id="Keras"),
    pytest.param(KERAS[:5], Progress(25, 60, 1, 3), id="Keras in the middle"),
    pytest.param(LIGHTNING, Progress(60, None, 2), id="Lightning counts epochs from 0"),
    pytest.param(ULTRALYTICS, Progress(8, 800, 1, 200), id="ultralytics"),
    pytest.param(
        ["step 10: loss 1.0", "step 20: loss 0.9"], Progress(20), id="steps without a total"
    ),
    pytest.param(
        ["step 10: loss 1.0", *(tqdm(n, 60, seconds=n) for n in range(10))],
        Progress(9, 60),
        id="a bar with a total after lines without",
    ),
    pytest.param(
        [f"Epoch {e}/10 loss={1 / e}" for e in range(1, 5)], Progress(4, 10, 4, 10), id="summaries"
    ),
    pytest.param([f"Epoch {e}/10" for e in range(1, 5)], Progress(3, 10, 3, 10), id="headers"),
    pytest.param(
        [f"Epoch {e}/2\nloss: 0.1".splitlines()[0] for e in range(3)],
        Progress(2, 3, 2, 3),
        id="the last epoch as the total",
    ),
    pytest.param(
        [f"Epoch [{e}/3], Step [{s}/600], Loss: 0.25" for e in (1, 2) for s in (100, 600)],
        Progress(1200, 1800, 1, 3),
        id="steps of an epoch",
    ),
    pytest.param(
        [f"Epoch [{e}/3], Step [{s}/1800], Loss: 0.25" for e, s in ((1, 100), (1, 600), (2, 700))],
        Progress(700, 1800, 1, 3),
        id="steps of all epochs",
    ),
    pytest.param(
        [f"[{n}]\ttrain-auc:1.0" for n in (*range(5), *range(3))], Progress(6), id="a second model"
    ),
]  # fmt: skip


@pytest.mark.parametrize(("lines", "want"), PROGRAMS)
def test_the_training_is_found(lines: list[str], want: Progress | None) -> None:
    assert after(lines) == want


def derived(
    lines: Iterable[str], *, own: bool = False
) -> tuple[DerivedProgress, list[dict[str, float]]]:
    sent: list[dict[str, float]] = []
    progress = DerivedProgress(sent.append, lambda: own)
    for now, line in enumerate(lines):
        progress.see(Line(line), float(now))
        progress.beat(float(now))
    return progress, sent


def test_heartbeats_carry_what_is_known_and_the_rate() -> None:
    _, sent = derived(f"step {10 * n}/1000" for n in range(1, 8))

    assert sent[0] == {"step": 10, "totalSteps": 1000}
    assert sent[-1] == {"step": 70, "totalSteps": 1000, "stepsPerSecond": 10.0}
    assert len(sent) == 4


def test_a_program_that_reports_itself_is_not_guessed_at() -> None:
    progress, sent = derived((f"step {n}/10" for n in range(10)), own=True)

    assert (sent, progress.finish(succeeded=True)) == ([], None)


@pytest.mark.parametrize(
    ("succeeded", "total"), [(True, 3), (False, 10)], ids=["success", "failure"]
)
def test_a_derived_total_makes_no_success_a_failure(succeeded: bool, total: int) -> None:
    """A program that stops early on purpose ends with 0 before the total of its bar."""
    progress, sent = derived(f"step {n}/10" for n in range(4))

    assert progress.finish(succeeded=succeeded) == {"step": 3, "totalSteps": total}
    assert sent[-1]["totalSteps"] == total


@pytest.mark.parametrize(
    ("succeeded", "again", "end"),
    [(True, True, {"step": 0}), (True, False, None), (False, True, None)],
    ids=["success after another attempt", "success of the first attempt", "failure"],
)
def test_a_success_of_which_nothing_was_read_missed_no_goal_of_an_attempt_before(
    succeeded: bool, again: bool, end: dict[str, int] | None
) -> None:
    """The bar of the attempt before had a goal; this attempt ended before its bar was trusted."""
    progress = DerivedProgress(lambda _: None, lambda: False, again=again)
    progress.see(Line(tqdm(150, 190)), 1.0)

    assert progress.finish(succeeded=succeeded) == end


def test_of_a_flood_of_lines_a_bounded_number_is_looked_at() -> None:
    progress = DerivedProgress(lambda _: None, lambda: False)
    for n in range(5000):
        progress.see(Line(f"step {n}/5000"), 1.0)

    assert progress.finish(succeeded=False) == {"step": 99, "totalSteps": 5000}
