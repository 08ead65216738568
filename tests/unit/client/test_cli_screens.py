"""Golden screens: what a person sees, to the last character."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
import screens
from rich.console import Console
from screens import ALL, CURVES, FAILED, FINDINGS, NOW, QUEUED, RUNNING, SUCCEEDED, TREND, WAITING

from trainyard import models
from trainyard.cli.commands import doctor, queue, sessions
from trainyard.cli.commands.access import keys
from trainyard.cli.errors import UsageProblem
from trainyard.cli.text import charts, progress, rich_table, table
from trainyard.cli.text.progress import Trend
from trainyard_api.interruptions import interruptions
from trainyard_api.session.status import TrainingSessionStatus

ROOT = Path(__file__).resolve().parents[3]

LS = """\
NAME          PHASE      PROGRESS  ETA    LOSS    GPUS  QUEUE    POS  AGE
digits-wide   Running    62%       4m10s  0.2342  2     default  -    1h02m
resnet-night  Queued     -         -      -       8     default  1    4m10s
digits-mlp    Succeeded  100%      -      -       1     default  -    5h00m
text-small    Failed     -         -      -       1     default  -    1d03h"""

QUEUE = """\
POS  NAME          QUEUE    PRIORITY  GPUS  STARTS IN       WHY
1    resnet-night  default  10        8     4m10s to 9m00s  8 GPUs are needed, 6 are free
2    text-large    default  0         1     -               -"""

STATUS = """\
FIELD         VALUE
name          digits-wide
uid           uid-digits-wide
phase         Running
dataset       digits
gpus          2
queue         default
priority      0
progress      62%
epoch         30/50
time left     4m10s
attempt       1
age           1h02m
checkpoint    step 600
train/loss    0.2342
val/accuracy  0.934"""

DOCTOR = """\
CHECK       STATE    SEEN                          FIX
login       ok       https://trainyard.example     -
gateway     ok       ready                         -
key         ok       accepted                      -
clock       warning  3m00s ahead of the gateway's  set this computer's clock: timedatectl set-ntp true
volume      broken   trainyard-data is Pending     set storage.storageClassName to one that exists: \
kubectl get storageclass; kubectl -n trainyard describe pvc trainyard-data
GPU plugin  warning  no node offers a GPU          install the vendor's device plugin so that nodes offer \
nvidia.com/gpu; or train with --gpus 0"""

WATCH = "███████████████░░░░░░░░░  62 % · epoch 31/50 · train/loss 0.2342 ↓ · 4m10s left"

PLOT = """\
  (loss)   ^
      2.05 |
     1.568 | ⠈⠓⢤⣀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀
     1.086 | ⠀⠀⠀⠈⠙⠢⢤⣀⡀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀⠀"""


def test_listing() -> None:
    assert table.plain(sessions.listing(ALL, NOW, wide=False)) == LS


def test_wide_listing_has_more_columns_and_the_same_first_ones() -> None:
    lines = table.plain(sessions.listing(ALL, NOW, wide=True)).splitlines()

    assert lines[0].split() == [
        *LS.splitlines()[0].split(),
        *["PRIORITY", "DATASET", "EPOCH", "ATTEMPT", "USER", "MESSAGE"],
    ]
    assert lines[1].split()[9:] == ["0", "digits", "30/50", "1", "-", "-"]


def test_nothing_to_list_says_what_to_do() -> None:
    assert "trainyard submit" in table.plain(sessions.listing([], NOW, wide=False))


def test_queue() -> None:
    assert table.plain(queue.listing(WAITING, NOW, wide=False)) == QUEUE


def test_details() -> None:
    assert table.plain(sessions.details(RUNNING, NOW)) == STATUS


def test_doctor() -> None:
    assert table.plain(doctor.listing(FINDINGS)) == DOCTOR


def test_watch_of_a_running_session() -> None:
    assert progress.current_line(RUNNING, TREND, None, NOW) == WATCH


def test_watch_of_a_waiting_session() -> None:
    assert progress.current_line(QUEUED, Trend(), WAITING[0], NOW) == (
        "waits in default, place 1 · starts in 4m10s to 9m00s · 8 GPUs are needed, 6 are free"
    )


def test_the_end_of_a_success() -> None:
    assert progress.ending(SUCCEEDED) == [
        "digits-mlp Succeeded after 9m00s",
        "  val/accuracy 0.972",
        "model digits-mlp version 3: trainyard models get digits-mlp",
    ]


def test_a_session_names_the_folders_that_it_registered() -> None:
    outputs = [
        {"name": "a.best", "version": 2, "sha256": "0", "files": 3, "sizeBytes": 2048},
        {"name": "b", "version": 1, "sha256": "1", "files": 1, "sizeBytes": 1, "flags": ["pickle"]},
    ]
    session = screens.session("a", "Succeeded", status={"outputs": outputs})
    said = ["a.best version 2, 3 files, 2.0 KiB", "b version 1, 1 file, 1 B, pickle"]

    assert progress.ending(session)[1:] == [
        f"output {said[0]}: trainyard models get a.best",
        f"output {said[1]}: trainyard models get b",
    ]
    shown = [line.split(maxsplit=1) for line in table.plain(sessions.details(session, NOW)).splitlines()]  # fmt: skip
    assert [rest for name, rest in shown if name == "output"] == said


def test_interruptions_are_told_beside_what_failed() -> None:
    taken = {"attempt": 2, "reason": "EvictionByEvictionAPI", "message": "Worker 0 was evicted."}
    moved = screens.session("moved", "Failed", status={"preemptions": 2, "disruption": taken})
    told = (
        "2 times by other sessions or the cluster, not counted as failures;"
        " attempt 2 was disrupted (EvictionByEvictionAPI)"
    )

    assert progress.ending(moved)[1] == f"interrupted {told}"
    shown = (
        line.split(maxsplit=1) for line in table.plain(sessions.details(moved, NOW)).splitlines()
    )
    assert ["interrupted", told] in list(shown)


@pytest.mark.parametrize(
    ("status", "words"),
    [
        ({}, ""),
        ({"preemptions": 0}, ""),
        ({"preemptions": 1}, "once by other sessions or the cluster, not counted as failures"),
        (
            {"disruption": {"attempt": 1, "reason": "NodeLost"}},
            "attempt 1 was disrupted (NodeLost)",
        ),
    ],
    ids=["never", "zero", "once", "a disruption that goes on"],
)
def test_interruptions(status: dict[str, Any], words: str) -> None:
    assert interruptions(TrainingSessionStatus.model_validate(status)) == words


def test_the_end_of_a_failure() -> None:
    assert progress.ending(FAILED) == [
        "text-small Failed after 10m00s",
        "OutOfMemory: a worker was killed because it used more than 2Gi",
        "  | epoch 1/10",
        "  | loss 2.31",
        "what to do: ask for more memory (resources.memory) or make batchSize smaller",
    ]


def test_a_terminal_shows_the_same_words_in_colour() -> None:
    screen = io.StringIO()
    console = Console(
        width=120, force_terminal=True, color_system="standard", record=True, file=screen
    )
    console.print(rich_table.coloured(sessions.listing(ALL, NOW, wide=False), 120))
    plain_words = LS.split()

    assert "\x1b[1;31mFailed" in screen.getvalue()
    assert [w for w in console.export_text().split() if not set(w) <= {"─"}] == plain_words


LONG = screens.session(
    "resnet-imagenet-nightly-2026",
    "Queued",
    status={
        "queue": {"position": 1, "message": "8 GPUs are needed, 2 are free"},
        "message": "waits",
    },
)
NARROW = """\
NAME               PHASE      PROGRESS    ETA    LOSS  GPUS  QUEUE    POS    AGE
────────────────────────────────────────────────────────────────────────────────
digits-wide        Running         62%  4m10s  0.2342     2  default    -  1h02m
resnet-night       Queued            -      -       -     8  default    1  4m10s
digits-mlp         Succeeded      100%      -       -     1  default    -  5h00m
text-small         Failed            -      -       -     1  default    -  1d03h
resnet-imagenet-n  Queued            -      -       -     1  default    1  1h02m
ightly-2026"""
PARAGRAPH = """\
NAME resnet-imagenet-nightly-2026
  PHASE     Queued
  GPUS      1
  QUEUE     default
  POS       1
  AGE       1h02m
  PRIORITY  0
  DATASET   digits
  MESSAGE   waits"""


def on_screen(shown: table.Table, columns: int) -> str:
    console = Console(width=columns, force_terminal=True, record=True, file=io.StringIO())
    console.print(rich_table.coloured(shown, columns))
    return "\n".join(line.rstrip() for line in console.export_text().rstrip().splitlines())


def test_a_narrow_terminal_folds_long_names_and_nothing_else() -> None:
    assert on_screen(sessions.listing([*ALL, LONG], NOW, wide=False), 80) == NARROW


def test_where_folding_is_not_enough_each_session_is_a_paragraph() -> None:
    assert on_screen(sessions.listing([LONG], NOW, wide=True), 80) == PARAGRAPH


@pytest.mark.parametrize("columns", range(20, 160, 7))
def test_no_width_loses_a_word(columns: int) -> None:
    tables = (
        sessions.listing([*ALL, LONG], NOW, wide=True),
        sessions.listing([*ALL, LONG], NOW, wide=False),
        queue.listing(WAITING, NOW, wide=True),
        doctor.listing(FINDINGS),
        sessions.details(FAILED, NOW),
    )
    for one in tables:
        found = rich_table.widths(one, columns)
        shown = on_screen(one, columns)
        if found is None:
            cells = {cell for row in one.rows for cell in row}
            assert {c for c in cells if c not in shown and len(c) < columns - 20} == set()
        else:
            assert shown.splitlines()[0].split() == " ".join(one.heads).split()
            assert max(map(len, shown.splitlines())) <= columns


def test_watch_on_a_narrow_terminal_has_no_bar() -> None:
    assert progress.fitted(WATCH, len(WATCH)) == WATCH
    assert (
        progress.fitted(WATCH, len(WATCH) - 1)
        == "62 % · epoch 31/50 · train/loss 0.2342 ↓ · 4m10s left"
    )


def test_what_watch_shows_moves_no_cursor() -> None:
    evil = {
        "queue": {"position": 1, "message": "a\x1b[2Jb"},
        "failure": {"class": "X", "message": "c\x1b[2Jd"},
    }
    waits, failed = (screens.session("x", phase, status=evil) for phase in ("Queued", "Failed"))

    assert progress.current_line(waits, Trend(), None, NOW).endswith(r"a\x1b[2Jb")
    assert progress.ending(failed)[1] == r"X: c\x1b[2Jd"


def test_text_from_outside_moves_no_cursor_and_is_no_markup() -> None:
    evil = screens.session("x", "Queued", status={"message": "a\x1b[2Jb\x07 [bold]c[/bold]\nd"})
    found = sessions.listing([evil], NOW, wide=True)

    assert found.rows[0][-1] == r"a\x1b[2Jb\x07 [bold]c[/bold]\nd"
    console = Console(width=300, record=True, file=io.StringIO())
    console.print(rich_table.coloured(found, 300))
    assert "[bold]c[/bold]" in console.export_text()


def test_plot_has_the_asked_size_and_both_curves() -> None:
    lines = charts.draw(CURVES, width=80, height=8, colours=False).splitlines()

    assert max(map(len, lines)) <= 80
    assert len(lines) == 8 + 5
    assert lines[0].strip().startswith("(loss)")
    assert lines[1].split()[0] == "2.35"
    assert lines[-1] == "train/loss 0.1225  val/loss 0.1334"


def test_plot_to_the_dot() -> None:
    drawn = charts.draw(CURVES[:1], width=60, height=4, colours=False)

    assert drawn.splitlines()[:4] == PLOT.splitlines()


@pytest.mark.parametrize("values", [[1.0], ["NaN", 2.0, "Infinity"], [3.0, 3.0]], ids=str)
def test_plot_of_hardly_anything(values: list[float | str]) -> None:
    points = [{"step": n, "time": "2026-07-01T12:00:00Z", "value": v} for n, v in enumerate(values)]
    one = models.Series.model_validate({"name": "m", "total": 1, "points": points})

    assert charts.draw([one], width=60, height=4, colours=False)


def test_plot_of_nothing_is_a_sentence() -> None:
    none = models.Series(name="m", total=0, points=[])
    nan = models.Point(step=1, time="2026-07-01T12:00:00Z", value="NaN")

    for series in ([], [none], [models.Series(name="m", total=1, points=[nan])]):
        with pytest.raises(UsageProblem, match="no point to draw"):
            charts.draw(series, width=60, height=4, colours=False)


def test_keys_show_their_state() -> None:
    base = {"id": "abc", "name": "n", "scopes": ["sessions:read"], "created": NOW.isoformat()}
    past = "2026-07-01T11:59:00+00:00"
    future = "2026-07-01T13:00:00+00:00"
    found = [
        models.Key.model_validate({**base, **more})
        for more in ({}, {"expires": past}, {"expires": future}, {"expires": future, "revoked": past})
    ]  # fmt: skip

    rows = keys.listing(found, NOW, wide=False).rows

    assert [r[2:4] for r in rows] == [
        ("valid", "-"),
        ("expired", "-"),
        ("valid", "1h00m"),
        ("revoked", "-"),
    ]


@pytest.mark.parametrize(("name", "svg"), screens.pictures().items(), ids=screens.pictures())
def test_the_pictures_of_the_documentation_are_these_screens(name: str, svg: str) -> None:
    found = (ROOT / "docs" / "pictures" / name).read_text()

    assert found == svg, "draw again: python tests/support/screens.py docs/pictures"
    assert "url(http" not in found.replace('"', ""), "a picture fetches nothing"
