"""Tables of metrics are followed while programs write them, also anew with other columns."""

from __future__ import annotations

import math
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from event_file_bytes import scalar, version
from follower_lab import Lab, Point
from hypothesis import given
from hypothesis import strategies as st

from trainyard_supervisor.event_files.tables import MOST_LINE, header_of, read_rows

LIGHTNING = "epoch,step,train_loss,val_loss\n"


def write(root: Path, text: str, path: str = "lightning_logs/version_0/metrics.csv") -> Path:
    """Add to a table."""
    file = root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("a") as added:
        added.write(text)
    return file


@pytest.mark.parametrize(
    ("line", "known", "wanted"),
    [
        pytest.param("epoch,step,loss\n", True, "step", id="Lightning"),
        pytest.param("acc,epoch,step\r\n", True, "step", id="Lightning, sorted, Windows"),
        pytest.param("epoch,accuracy,loss\n", False, "epoch", id="Keras"),
        pytest.param("epoch;accuracy;loss\n", False, "epoch", id="Keras, separated otherwise"),
        pytest.param("   epoch,   train/box_loss\n", True, "epoch", id="ultralytics, padded"),
        pytest.param("\ufeffepoch,loss\n", False, "epoch", id="with a mark of its encoding"),
        pytest.param("rollout/ep_rew_mean,time/total_timesteps\n", True, "time/total_timesteps", id="sb3"),
        pytest.param("iter\tRMSE\n", False, "iter", id="tabs"),
        pytest.param("Epoch,Step,loss\n", True, "Step", id="capital letters"),
        pytest.param("Training Iteration,loss\n", False, "Training Iteration", id="two words"),
        pytest.param(",epoch,loss\n", False, "epoch", id="with the index of pandas"),
        pytest.param('epoch,"a;b;c"\n', True, "epoch", id="semicolons in a name"),
        pytest.param("epoch;acc, top 1\n", True, "epoch", id="a comma in a name"),
        pytest.param(",loss,epoch\n", False, None, id="data with an index"),
        pytest.param("loss,step\n", False, None, id="data that has a step"),
        pytest.param("image,label\n", True, None, id="no step"),
        pytest.param("epoch\n", True, None, id="one column"),
        pytest.param("epoch,loss,loss\n", True, None, id="a name twice"),
        pytest.param("epoch,,loss\n", True, None, id="a column without a name"),
        pytest.param("epoch,1.5\n", True, None, id="a number"),
        pytest.param("epoch,loss", True, None, id="not whole"),
        pytest.param('epoch,"lo\n', True, None, id="quotes that are open"),
        pytest.param("epoch," + "x" * MOST_LINE + "\n", True, None, id="too long"),
        pytest.param("\0\x01\x02\n", True, None, id="no text"),
        pytest.param("", True, None, id="empty"),
    ],
)  # fmt: skip
def test_what_is_a_table(line: str, known: bool, wanted: str | None) -> None:
    header = header_of(line.encode(), known=known)

    assert (None if header is None else header.columns[header.step]) == wanted


@pytest.mark.parametrize(
    ("row", "wanted"),
    [
        pytest.param("3,0.5,\n", (3, {"a": 0.5}), id="a cell is empty"),
        pytest.param("3.0,1e-3,-inf\n", (3, {"a": 0.001, "b": -math.inf}), id="forms of numbers"),
        pytest.param('3,"0.5",00:03\n', (3, {"a": 0.5}), id="text"),
        pytest.param("3,1_0,True\n", (3, {}), id="what only Python takes for numbers"),
        pytest.param("  3,  0.5,  1\n", (3, {"a": 0.5, "b": 1.0}), id="padded"),
        pytest.param("3,0.5\n", None, id="too few cells"),
        pytest.param("3,0.5,1,2\n", None, id="too many cells"),
        pytest.param("3.5,0.5,1\n", None, id="a step that is no whole number"),
        pytest.param(",0.5,1\n", None, id="no step"),
        pytest.param("nan,0.5,1\n", None, id="a step that is none"),
        pytest.param('3,"0.5,1\n', None, id="quotes that are open"),
        pytest.param("step,a,b\n", None, id="the header again"),
    ],
)
def test_what_a_row_says(row: str, wanted: tuple[int, dict[str, float]] | None) -> None:
    content = b"step,a,b\n" + row.encode()
    header = header_of(content, known=True)
    assert header is not None
    found = read_rows(lambda at, n: content[at : at + n], header, 0, len(content), 1 << 16)

    assert [(e.step, dict(e.values)) for e in found.events] == ([] if wanted is None else [wanted])
    assert found.end == len(content)
    assert (found.wrong is not None) == (wanted is None and not row.startswith("step"))


@given(data=st.data())
def test_any_content_raises_nothing_and_is_read_to_its_end(data: st.DataObject) -> None:
    rest = data.draw(st.binary(max_size=300) | st.text(max_size=300).map(str.encode))
    content = b"step,a\n" + rest + b"\n"
    header = header_of(content, known=True)
    assert header is not None
    most = data.draw(st.integers(1, 400))
    found = read_rows(lambda at, n: content[at : at + n], header, 0, len(content), most)

    assert found.end == len(content)


@given(data=st.data())
def test_every_value_is_given_once_however_a_table_grows_and_supervisors_die(
    data: st.DataObject,
) -> None:
    with TemporaryDirectory() as folder:
        lab = Lab(Path(folder))
        rows = data.draw(st.integers(0, 20), label="rows")
        whole = LIGHTNING + "".join(f"0,{n},{n / 2},\n" for n in range(rows))
        while whole:
            count = data.draw(st.integers(1, len(whole)), label="bytes")
            write(lab.root, whole[:count])
            whole = whole[count:]
            lab.follower.scan()
            killed = data.draw(st.sampled_from(["", "remember", "spool", "keep"]), label="killed")
            lab.look(killed)
            if killed:
                lab.start()
        found = [point for point in lab.all() if point[0] == "train_loss"]

    assert found == [("train_loss", n, n / 2) for n in range(rows)]


def curve(points: list[Point], name: str) -> dict[int, float]:
    """The values by step; of two at one step the later one counts."""
    return {step: value for of, step, value in points if of == name}


def test_new_columns_come_and_old_values_stay_as_they_are(tmp_path: Path) -> None:
    """Lightning writes the file anew when a metric is logged for the first time."""
    lab = Lab(tmp_path)
    file = write(tmp_path, "epoch,step,a_rather_long_name_of_a_metric_that_fills_the_line\n0,1,5\n")
    lab.all()
    file.unlink()
    write(
        tmp_path,
        "epoch,step,a_rather_long_name_of_a_metric_that_fills_the_line,val\n0,1,5,\n0,2,6,7\n",
    )
    found = lab.all()

    assert curve(found, "a_rather_long_name_of_a_metric_that_fills_the_line") == {1: 5, 2: 6}
    assert curve(found, "val") == {2: 7}
    assert curve(found, "epoch") == {1: 0, 2: 0}
    assert lab.said == []


def test_a_table_that_is_written_anew_as_a_whole_each_time_is_read_once(tmp_path: Path) -> None:
    lab = Lab(tmp_path)
    for rows in range(1, 5):
        text = LIGHTNING + "".join(f"0,{n},{n},\n" for n in range(rows))
        beside = write(tmp_path, text, "lightning_logs/version_0/metrics.tmp")
        beside.replace(beside.with_name("metrics.csv"))
        lab.all()

    assert [p for p in lab.all() if p[0] == "train_loss"] == [
        ("train_loss", n, n) for n in range(4)
    ]


def test_a_table_that_begins_anew_is_read_from_its_beginning(tmp_path: Path) -> None:
    lab = Lab(tmp_path)
    file = write(tmp_path, "epoch,loss\n0,5\n1,4\n2,3\n", "log.csv")
    lab.all()
    file.write_text("epoch,loss\n0,50\n")

    assert curve(lab.all(), "loss") == {0: 50, 1: 4, 2: 3}


def test_a_line_that_is_not_whole_is_waited_for_and_said_at_the_end(tmp_path: Path) -> None:
    lab = Lab(tmp_path)
    write(tmp_path, LIGHTNING + "0,1,0.5,\n0,2,0.2")
    before = curve(lab.all(), "train_loss")
    write(tmp_path, "5,\n0,3,0.1")

    assert before == {1: 0.5}
    assert curve(lab.all(last=True), "train_loss") == {1: 0.5, 2: 0.25}
    assert lab.said == [
        "the last line of lightning_logs/version_0/metrics.csv is not whole and is left out"
    ]


def test_two_writers_of_one_table_cost_the_lines_that_they_mix(tmp_path: Path) -> None:
    lab = Lab(tmp_path)
    write(tmp_path, LIGHTNING + LIGHTNING + "0,1,5,\n0,1,5,\n0,0,2,,6,2,6,\n\n0,3,7,\n")

    assert curve(lab.all(), "train_loss") == {1: 5, 3: 7}
    assert lab.said == [
        "lines of lightning_logs/version_0/metrics.csv are left out: the first of them has 8 cells "
        "for 4 columns"
    ]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        pytest.param(
            "epoch;loss\n0;0,5\n", "out.csv: '0,5' in column 'loss' is left out; write numbers with "
            "a point", id="a decimal comma",
        ),
        pytest.param(
            'epoch,loss\n0,"1.234,5"\n1,"-3,5e-2"\n', "out.csv: '-3,5e-2' in column 'loss' is left "
            "out; write numbers with a point", id="a decimal comma in quotes",
        ),
        pytest.param(
            "epoch,loss\n0,0,5\n", "lines of out.csv are left out: the first of them has 3 cells for "
            "2 columns", id="a decimal comma between commas",
        ),
        pytest.param(
            "epoch,loss\n0.5,5\n", "lines of out.csv are left out: the first of them has no whole "
            "number in its column 'epoch'", id="half an epoch",
        ),
        pytest.param(
            'epoch,loss\n0,"5\n', "lines of out.csv are left out: the first of them has a quotation "
            "mark without its other one", id="quotes that are open",
        ),
        pytest.param(
            f"epoch,loss\n0,{'9' * 300_000}\n", "lines of out.csv are left out: the first of them is "
            "longer than 65,536 bytes", id="a long line",
        ),
    ],
)  # fmt: skip
def test_what_is_left_out_is_said(text: str, sentence: str, tmp_path: Path) -> None:
    write(tmp_path, text + "7,1\n".replace(",", ";" if ";" in text else ","), "out.csv")
    lab = Lab(tmp_path)

    assert lab.all() == [("loss", 7, 1)]
    assert lab.said == [sentence]


def test_other_names_in_the_midst_of_a_file_are_those_of_the_lines_after_them(
    tmp_path: Path,
) -> None:
    lab = Lab(tmp_path)
    write(tmp_path, "epoch,a,b\n0,1,2\n1,3,4\n", "history.csv")
    lab.all()
    write(tmp_path, "epoch,b\n2,5\n", "history.csv")
    lab.start()
    lab.all()
    lab.start()
    write(tmp_path, "3,6\nepoch,c,a,b\n4,7,8,9\n", "history.csv")
    found = lab.all()

    assert found == [
        *[("a", 0, 1), ("b", 0, 2), ("a", 1, 3), ("b", 1, 4), ("b", 2, 5), ("b", 3, 6)],
        *[("c", 4, 7), ("a", 4, 8), ("b", 4, 9)],
    ]
    assert lab.said == []


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        pytest.param("epoch,loss\n0,5\n1,4\n", 2, id="counted from 0"),
        pytest.param("epoch,loss\n1,5\n2,4\n", 2, id="counted from 1"),
        pytest.param("epoch,loss\n7,5\n", 7, id="resumed, from a number that is not known"),
        pytest.param("epoch,step,loss\n1,30,4\n", 1, id="beside a step, as it is written"),
        pytest.param("step,loss\n30,4\n", None, id="not at all"),
    ],
)
def test_epochs_that_are_over(text: str, wanted: int | None, tmp_path: Path) -> None:
    lab = Lab(tmp_path)
    write(tmp_path, text)
    lab.all()

    assert lab.epochs == wanted


def test_a_file_that_came_with_the_code_counts_for_what_is_new_also_if_it_is_replaced(
    tmp_path: Path,
) -> None:
    for name in ("added.csv", "replaced.csv"):
        write(tmp_path, f"epoch,{name[0]}\n0,5\n1,4\n", name)
    lab = Lab(tmp_path, since=2**62)
    write(tmp_path, "2,3\n", "added.csv")
    (tmp_path / "replaced.csv").write_text("epoch,r\n0,9\n1,8\n2,7\n3,6\n")

    assert lab.all() == [("a", 2, 3), ("r", 0, 9), ("r", 1, 8), ("r", 2, 7), ("r", 3, 6)]


def test_data_is_no_table_and_a_line_without_an_end_holds_nothing_up(tmp_path: Path) -> None:
    write(tmp_path, "x,step\n1,2\n" * 1000, "data/train.csv")
    write(tmp_path, "1,2,3\n" * 1000, "data/numbers.csv")
    write(tmp_path, "epoch,loss\n0," + "9" * 300_000 + "\n1,4\n", "log.csv")
    lab = Lab(tmp_path)

    assert lab.all() == [("loss", 1, 4)]


def test_tables_of_one_folder_and_of_two_have_other_names(tmp_path: Path) -> None:
    write(tmp_path, "epoch,loss\n0,1\n", "out/train.csv")
    write(tmp_path, "epoch,loss\n0,2\n", "out/val.csv")
    write(tmp_path, "epoch,loss\n0,3\n", "out/run.csv")
    write(tmp_path, "epoch,loss\n0,4\n", "fold1/metrics.csv")
    write(tmp_path, "epoch,train/box_loss\n1,5\n", "runs/detect/train/results.csv")
    lab = Lab(tmp_path)
    names = {value: name for name, _, value in lab.all()}

    assert (names[1], names[2]) == ("train/loss", "val/loss")
    assert len({names[n] for n in (1, 2, 3, 4)}) == 4
    assert names[5] == "train/box_loss"


def test_a_retry_continues_the_curves(tmp_path: Path) -> None:
    first = Lab(tmp_path)
    write(tmp_path, LIGHTNING + "0,1,5,\n0,2,4,\n")
    first.all()
    second = Lab(tmp_path, attempt=2, batches=first.batches)
    write(tmp_path, LIGHTNING + "0,2,40,\n0,3,30,\n", "lightning_logs/version_1/metrics.csv")

    assert curve(second.all(), "train_loss") == {1: 5, 2: 40, 3: 30}


def test_event_files_count_more_than_tables(tmp_path: Path) -> None:
    """Their metrics have the same names, so that the rule of sources decides."""
    best: dict[str, str] = {}

    def takes(source: str, name: str) -> bool:
        return best.setdefault(name, source) == source

    folder = tmp_path / "tb" / "version_0"
    folder.mkdir(parents=True)
    content = version() + scalar("train_loss", 9.0, 1)
    (folder / "events.out.tfevents.1.host.1.0").write_bytes(content)
    write(tmp_path, LIGHTNING + "0,1,5,6\n", "csv/version_0/metrics.csv")
    lab = Lab(
        tmp_path,
        taken=lambda name: takes("event file", name),
        taken_of_tables=lambda name: takes("table", name),
    )

    assert lab.all() == [("train_loss", 1, 9.0), ("epoch", 1, 0.0), ("val_loss", 1, 6.0)]
