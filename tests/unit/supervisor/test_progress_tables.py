"""Tables that programs print row by row: real ones, and tables of something else."""

from __future__ import annotations

import pytest

from trainyard_supervisor.output.line_splitter import Line
from trainyard_supervisor.progress.derived import DerivedProgress
from trainyard_supervisor.progress.tables import TableReader

SPACY = """\
E    #       LOSS TOK2VEC  LOSS NER  ENTS_F  ENTS_P  ENTS_R  SCORE
---  ------  ------------  --------  ------  ------  ------  ------
  0       0          0.00     62.40   25.00   16.67   50.00    0.25
  2      20          1.05    728.09  100.00  100.00  100.00    1.00
  5      40          0.00      0.00  100.00  100.00  100.00    1.00
"""
BOOSTING = """\
      Iter       Train Loss      OOB Improve   Remaining Time
         1           1.2724           0.0688            0.04s
         2           1.1952           0.0847            1.32m
"""
FASTAI = """\
epoch     train_loss  valid_loss  accuracy  time
0         0.681293    0.675102    0.592500  00:01
1         0.612907    #na#        0.735000  00:01
"""
SKORCH = """\
  epoch    train_loss    valid_acc    valid_loss     dur
-------  ------------  -----------  ------------  ------
      1        0.6905       0.6150        0.6482  0.0420
      2        0.6648       0.7450        0.5932  0.0390
"""
NOTEBOOK = "Step\tTraining Loss\tValidation Loss\n500\t1.204300\t1.102934\n1000\t1.004300\tnan\n"
TABLES = [
    pytest.param(SPACY, [(0, 0), (20, 2), (40, 5)], id="spaCy"),
    pytest.param(BOOSTING, [(1, None), (2, None)], id="gradient boosting of scikit-learn"),
    pytest.param(FASTAI, [(None, 0), (None, 1)], id="fastai"),
    pytest.param(SKORCH, [(None, 1), (None, 2)], id="skorch"),
    pytest.param(NOTEBOOK, [(500, None), (1000, None)], id="transformers in a notebook"),
]


def read(text: str) -> list[tuple[int | None, int | None]]:
    reader = TableReader()
    found = (reader.see(line) for line in text.splitlines())
    return [(r.done, r.epoch) for r in found if r is not None]


@pytest.mark.parametrize(("text", "rows"), TABLES)
def test_rows_below_a_header_say_how_far_it_is(
    text: str, rows: list[tuple[int | None, int | None]]
) -> None:
    assert read(text) == rows


OTHERS = {
    "no header": "  0       0          0.00     62.40   25.00\n",
    "a report of classes": "   precision    recall  f1-score   support\n   0    1.00    1.00    203\n",
    "processes": "PID   %CPU  TIME\n12    0.5   00:01\n",
    "a header of one letter": "E     LOSS\n1     0.5\n",
    "no measure": "step    file\n1       2\n",
    "text in a row": "epoch     loss\n1         best so far\n",
    "a number with a fraction": "epoch     loss\n0.5       0.7\n",
    "another number of columns": "epoch     loss\n1    2    3    4    5\n",
    "a report after a training": "epoch  loss\nclass  score\n3      0.5\n",
    "a number too large": f"step   loss\n{'9' * 30}  0.5\n",
}


@pytest.mark.parametrize("text", OTHERS.values(), ids=OTHERS.keys())
def test_other_tables_say_nothing(text: str) -> None:
    assert read(text) == []


def test_a_row_that_counts_back_belongs_to_another_table() -> None:
    assert read("step  loss\n5     0.5\n3     0.4\n6     0.3\n") == [(5, None), (6, None)]


def test_a_table_is_the_progress_of_its_program() -> None:
    sent: list[dict[str, float]] = []
    progress = DerivedProgress(sent.append, lambda: False)
    for now, line in enumerate(SPACY.splitlines()):
        progress.see(Line(line), 10.0 * now)
        progress.beat(10.0 * now)

    assert sent[-1] == {"step": 40, "epoch": 5, "stepsPerSecond": 2.0}
