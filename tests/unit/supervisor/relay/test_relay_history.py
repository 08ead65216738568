"""All values of a metric and the state of runs, from the lines that a relay has kept."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from trainyard_api.runs.lines import line_of
from trainyard_supervisor.relay.history import History
from trainyard_supervisor.relay.run_state import Run, RunStates

OWN, CHILD = "0" * 32, "1" * 32
STREAM = "relay-0"


def line(*values: float, run: str = OWN, key: str = "loss") -> bytes:
    """One call with these values."""
    points = [{"key": key, "value": v, "timestamp": 1, "step": int(v)} for v in values]
    return line_of({"run": run, "metrics": points})


def kept(folder: Path, files: dict[str, bytes]) -> History:
    """`spool/…` waits, `kept/…` is at the gateway; names are attempt and sequence."""
    for name, content in files.items():
        where, attempt, sequence = name.split("/")
        path = folder / "spool" / attempt / STREAM / f"{int(sequence):012d}.jsonl"
        if where == "kept":
            path = folder / "kept" / f"{int(attempt):06d}-{int(sequence):012d}.jsonl"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    (folder / "kept").mkdir(exist_ok=True)
    return History(folder / "spool", STREAM, folder / "kept")


@pytest.mark.parametrize(
    ("files", "wanted"),
    [
        pytest.param({}, [], id="nothing"),
        pytest.param({"spool/1/1": line(1, 2) + line(3)}, [1, 2, 3], id="what waits"),
        pytest.param(
            {"kept/1/1": line(1), "spool/1/2": line(2)}, [1, 2], id="what is sent, then what waits"
        ),
        pytest.param(
            {"spool/2/1": line(2), "spool/1/9": line(1), "spool/10/1": line(3)},
            [1, 2, 3],
            id="by attempt",
        ),
        pytest.param({"spool/1/10": line(2), "spool/1/9": line(1)}, [1, 2], id="by sequence"),
        pytest.param(
            {"kept/1/1": line(1), "spool/1/1": line(1)}, [1], id="a file in both places counts once"
        ),
        pytest.param({"spool/1/1": line(1) + line(2)[:-1]}, [1], id="a torn last line"),
        pytest.param(
            {"spool/1/1": line(1) + b"\xff{\n[]\n{}\n" + line(2)}, [1, 2], id="lines of others"
        ),
        pytest.param({"spool/1/1": b""}, [], id="an empty file"),
        pytest.param({"spool/1/1": line(1, run=CHILD) + line(2)}, [2], id="another run"),
        pytest.param(
            {"spool/1/1": line(1, key="loss.val") + line(2) + line(3, key="xloss")},
            [2],
            id="names that hold the name",
        ),
        pytest.param(
            {"spool/1/1": line_of({"run": CHILD, "tags": {"loss": OWN}}) + line(2)},
            [2],
            id="the words in a tag",
        ),
    ],
)
def test_values_in_the_order_in_which_they_came(
    files: dict[str, bytes], wanted: list[float], tmp_path: Path
) -> None:
    page = kept(tmp_path, files).values(OWN, "loss", 100, None)

    assert ([point["value"] for point in page.points], page.next) == (wanted, None)


@pytest.mark.parametrize(
    ("most", "sizes"),
    [
        pytest.param(1, [1, 1, 1, 1, 1], id="one each"),
        pytest.param(2, [2, 2, 1], id="across a file"),
        pytest.param(3, [3, 2], id="a whole file"),
        pytest.param(5, [5], id="all"),
        pytest.param(6, [5], id="more than there are"),
    ],
)
def test_pages(most: int, sizes: list[int], tmp_path: Path) -> None:
    found = kept(tmp_path, {"kept/1/1": line(0, 1) + line(2), "spool/1/2": line(3, 4)})
    pages, after = [], None
    while True:
        page = found.values(OWN, "loss", most, after)
        pages.append([point["value"] for point in page.points])
        after = page.next
        if after is None:
            break

    assert [len(page) for page in pages] == sizes
    assert [value for page in pages for value in page] == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(
    "after",
    [
        pytest.param("", id="empty"),
        pytest.param("x", id="a word"),
        pytest.param("1-2", id="a number is missing"),
        pytest.param("1-2-3-4", id="a number too many"),
        pytest.param("1-b-3", id="a letter"),
        pytest.param("1-" + "9" * 5000 + "-3", id="more digits than are read"),
    ],
)
def test_tokens_of_others(after: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r".+"):
        kept(tmp_path, {"spool/1/1": line(1)}).values(OWN, "loss", 1, after)


def test_a_page_goes_on_where_it_ended_when_the_file_was_sent_meanwhile(tmp_path: Path) -> None:
    found = kept(tmp_path, {"spool/1/1": line(0, 1, 2)})
    first = found.values(OWN, "loss", 2, None)
    waiting = tmp_path / "spool" / "1" / STREAM / f"{1:012d}.jsonl"
    waiting.rename(tmp_path / "kept" / f"{1:06d}-{1:012d}.jsonl")

    rest = found.values(OWN, "loss", 2, first.next)

    assert [point["value"] for point in (*first.points, *rest.points)] == [0, 1, 2]


@pytest.mark.parametrize(
    ("bound", "files", "shortened"),
    [
        pytest.param(10_000, 3, False, id="within the bound"),
        pytest.param(250, 3, True, id="beyond the bound"),
        pytest.param(0, 1, True, id="no room at all"),
        pytest.param(0, 0, False, id="nothing there"),
    ],
)
def test_old_files_become_a_summary(
    bound: int, files: int, shortened: bool, tmp_path: Path
) -> None:
    found = kept(tmp_path, {f"kept/1/{n}": line(n, n + 0.5) for n in range(1, files + 1)})
    before = states_of(found)
    found.shorten(before, bound)

    left = sorted(path.name for path in (tmp_path / "kept").glob("*.jsonl"))
    assert found.whole is not shortened
    assert (left[:1] == ["000000-000000000000.jsonl"]) is shortened
    assert states_of(found).own.metrics == before.own.metrics


def states_of(found: History) -> RunStates:
    """What the lines say."""
    states = RunStates(Run(OWN), 2)
    found.load(states)
    return states


def test_the_state_is_loaded_from_all_files_in_their_order(tmp_path: Path) -> None:
    said: list[Any] = [{"status": "FINISHED"}, {"status": "RUNNING"}, {"params": {"a": "1"}}]
    lines = [line_of({"run": OWN, **each}) for each in said]
    found = kept(
        tmp_path, {"kept/1/1": lines[0], "spool/1/2": lines[1], "spool/2/1": lines[2] + b"{"}
    )

    own = states_of(found).own

    assert (own.status, own.params, own.given_params) == ("RUNNING", {"a": "1"}, {"a": "1"})
