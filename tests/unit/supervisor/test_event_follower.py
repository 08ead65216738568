"""Event files are followed while programs write, rotate, move and damage them."""

from __future__ import annotations

import json
import os
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from event_file_bytes import event, record, scalar, simple, version
from follower_lab import Lab, Point
from hypothesis import given
from hypothesis import strategies as st

from trainyard_supervisor.event_files.finding import MOST_FILES, Found
from trainyard_supervisor.event_files.followed import FILE, Place, attributed, save
from trainyard_supervisor.event_files.follower import PATIENCE
from trainyard_supervisor.event_files.naming import MOST_NAMES
from trainyard_supervisor.event_files.sending import EventStream
from trainyard_supervisor.settings import Attempt

NAME = "events.out.tfevents.1.host.1.0"


def write(root: Path, content: bytes, folder: str = "logs", name: str = NAME) -> Path:
    """Add to an event file."""
    (root / folder).mkdir(parents=True, exist_ok=True)
    with (root / folder / name).open("ab") as file:
        file.write(content)
    return root / folder / name


def points(first: int, last: int, tag: str = "loss") -> list[Point]:
    return [(tag, step, float(step)) for step in range(first, last)]


def records(first: int, last: int, tag: str = "loss", when: float = 1e9) -> bytes:
    return b"".join(scalar(tag, float(step), step, when) for step in range(first, last))


@given(data=st.data())
def test_every_value_is_given_once_however_files_grow_and_supervisors_die(
    data: st.DataObject,
) -> None:
    with TemporaryDirectory() as folder:
        lab = Lab(Path(folder))
        for number in range(data.draw(st.integers(1, 3), label="files")):
            whole = version() + records(0, data.draw(st.integers(0, 20)), f"tag{number}")
            cuts = data.draw(st.lists(st.integers(0, len(whole)), max_size=5), label="cuts")
            places = [0, *sorted(cuts), len(whole)]
            for begin, end in zip(places, places[1:], strict=False):
                write(lab.root, whole[begin:end], f"logs{number}")
                lab.follower.scan()
                killed = data.draw(
                    st.sampled_from(["", "remember", "spool", "keep"]), label="killed"
                )
                lab.look(killed)
                if killed:
                    lab.attempt += data.draw(st.booleans(), label="another attempt")
                    lab.start()
        found = lab.all()

        assert len(found) == len(set(found))
        assert {name for name, _, _ in found} <= {"tag0", "tag1", "tag2"}
        for number in range(3):
            of = [point for point in found if point[0] == f"tag{number}"]
            assert of == points(0, len(of), f"tag{number}")
            file = lab.root / f"logs{number}" / NAME
            if file.exists():
                assert len(of) == file.read_bytes().count(f"tag{number}".encode())


@given(data=st.data())
def test_damage_anywhere_raises_nothing_and_costs_what_is_damaged(data: st.DataObject) -> None:
    with TemporaryDirectory() as folder:
        lab = Lab(Path(folder))
        content = bytearray(version() + records(0, 10))
        for at in data.draw(st.lists(st.integers(0, len(content) - 1), min_size=1, max_size=4)):
            content[at] ^= data.draw(st.integers(1, 255))
        write(lab.root, bytes(content))
        found = lab.all(last=True)

        assert len(found) >= 10 - 8
        assert set(found) <= set(points(0, 10))
        assert len(lab.said) <= 1


def test_a_torn_record_is_waited_for(tmp_path: Path) -> None:
    lab = Lab(tmp_path)
    whole = version() + records(0, 3)
    file = write(tmp_path, whole[:-7])

    assert lab.all() == points(0, 2)
    write(tmp_path, whole[-7:])
    assert lab.all() == points(0, 3)
    assert file.stat().st_size == len(whole)
    assert lab.said == []


def test_a_writer_that_was_killed_leaves_a_torn_record_that_is_no_damage(tmp_path: Path) -> None:
    write(tmp_path, (version() + records(0, 3))[:-7])
    lab = Lab(tmp_path)

    assert lab.all(last=True) == points(0, 2)
    assert lab.said == []


def test_what_is_no_record_is_passed_over_with_a_word_after_a_while(tmp_path: Path) -> None:
    lab = Lab(tmp_path)
    write(tmp_path, version() + records(0, 2) + b"garbage" * 9 + records(2, 4))

    assert lab.all() == points(0, 2)
    for _ in range(PATIENCE):
        lab.look()
    assert lab.all() == points(0, 4)
    assert lab.said == [f"the event file logs/{NAME} is damaged: what is no record is passed over"]


def test_zeros_that_become_a_record_are_no_damage(tmp_path: Path) -> None:
    lab = Lab(tmp_path)
    whole = version() + records(0, 3)
    file = write(tmp_path, whole[:-40] + bytes(40))
    lab.look()
    file.write_bytes(whole)

    assert lab.all() == points(0, 3)
    assert lab.said == []


def test_a_file_of_another_kind_is_passed_over_with_a_word(tmp_path: Path) -> None:
    write(tmp_path, b"this is text\n" * 1000)
    lab = Lab(tmp_path)

    assert lab.all(last=True) == []
    assert len(lab.said) == 1


def test_rotated_files_and_several_writers_are_all_read(tmp_path: Path) -> None:
    lab = Lab(tmp_path)
    write(tmp_path, version() + records(0, 2), "logs/train", NAME)
    write(tmp_path, version() + records(2, 4), "logs/train", NAME + ".v2")
    write(tmp_path, version() + records(0, 2), "logs/validation")

    assert sorted(lab.all()) == sorted(points(0, 4, "train/loss") + points(0, 2, "validation/loss"))


def test_a_later_attempt_goes_on_in_the_files_and_under_the_names(tmp_path: Path) -> None:
    first = Lab(tmp_path)
    write(tmp_path, version() + records(0, 3), "logs/version_0")
    first.all()
    write(tmp_path, records(3, 5), "logs/version_0")  # what it wrote last, and nobody read

    second = Lab(tmp_path, attempt=2, batches=first.batches)
    write(tmp_path, version(2e9) + records(3, 6, when=2e9), "logs/version_1")

    assert second.all() == points(0, 5) + points(3, 6)


def test_what_nobody_read_of_an_attempt_before_takes_no_name(tmp_path: Path) -> None:
    """Its supervisor was killed before it had seen the file."""
    write(tmp_path, version() + records(0, 5), "logs/version_0")
    later = (tmp_path / "logs/version_0" / NAME).stat().st_mtime + 60
    lab = Lab(tmp_path, attempt=2, started=later)
    write(tmp_path, version(later) + records(3, 6, when=later), "logs/version_1")

    assert lab.all() == points(0, 5) + points(3, 6)


def test_attempts_that_were_killed_within_a_second_keep_the_names(tmp_path: Path) -> None:
    """No clock tells them apart, and the supervisors of the first two have read nothing."""

    def begin(attempt: int) -> None:
        given = Attempt("uid", attempt, "", tmp_path / "token")
        EventStream(tmp_path, given, lambda _: None).attribute(since=-1)

    for attempt in (1, 2):
        begin(attempt)
        write(tmp_path, version() + records(attempt, 5), f"logs/version_{attempt}")
    began = (tmp_path / "logs/version_2" / NAME).stat().st_mtime
    begin(3)
    lab = Lab(tmp_path, attempt=3, started=began)
    write(tmp_path, version(began) + records(3, 6, when=began), "logs/version_3")

    assert lab.all() == points(1, 5) + points(2, 5) + points(3, 6)


def test_a_folder_that_is_moved_before_the_next_attempt_is_not_read_again(tmp_path: Path) -> None:
    write(tmp_path, version() + records(0, 5))
    lab = Lab(tmp_path)
    assert lab.all() == points(0, 5)
    save(tmp_path, lab.follower.followed)
    (tmp_path / "logs").rename(tmp_path / "kept")
    EventStream(tmp_path, Attempt("uid", 2, "", tmp_path / "token"), lambda _: None).attribute(-1)

    write(tmp_path, records(5, 7), "kept")
    assert Lab(tmp_path, attempt=2).all() == points(5, 7)


def test_of_many_files_an_attempt_remembers_those_that_are_followed(tmp_path: Path) -> None:
    for number in range(MOST_FILES + 20):
        (tmp_path / f"{number}.csv").write_text("a,b\n")
    write(tmp_path, version() + records(0, 5))
    stream = EventStream(tmp_path, Attempt("uid", 2, "", tmp_path / "token"), lambda _: None)
    stream.attribute(since=-1)

    places = stream.followed().places
    assert len(places) == MOST_FILES
    assert places[f"logs/{NAME}"].attempt == 1


@pytest.mark.parametrize(
    ("places", "since", "wanted"),
    [
        pytest.param({}, -1, {"a": (0, 4)}, id="nobody read it"),
        pytest.param({}, 7, {}, id="it came with the code"),
        pytest.param({"a": Place(9, inode=1)}, 7, {"a": (9, 4)}, id="added to the code's"),
        pytest.param({"a": Place(9, attempt=2)}, -1, {"a": (9, 2)}, id="read by an earlier one"),
        pytest.param({"b": Place(9)}, -1, {"a": (0, 4), "b": (9, 0)}, id="another file"),
        pytest.param({"b": Place(9, inode=1)}, -1, {"b": (9, 4)}, id="moved"),
    ],
)
def test_whose_files_are_there_when_an_attempt_begins(
    places: dict[str, Place], since: int, wanted: dict[str, tuple[int, int]]
) -> None:
    found = attributed(places, [Found("a", inode=1, size=20, changed=7)], 4, since)

    assert {path: (place.position, place.attempt) for path, place in found.items()} == wanted


def test_files_that_came_with_the_code_count_for_what_comes_after_that(tmp_path: Path) -> None:
    file = write(tmp_path, version() + records(0, 3), "runs/old")
    lab = Lab(tmp_path, since=file.stat().st_mtime_ns)
    write(tmp_path, records(3, 4), "runs/old")

    assert lab.all() == points(3, 4)


def test_a_file_that_is_written_anew_is_read_from_its_beginning(tmp_path: Path) -> None:
    lab = Lab(tmp_path)
    file = write(tmp_path, version() + records(0, 5))
    lab.all()

    file.write_bytes(version(1.5e9) + records(7, 8))
    assert lab.all()[5:] == points(7, 8)
    file.write_bytes(version(1.7e9) + records(20, 40))
    assert lab.all()[6:] == points(20, 40)


def test_a_folder_that_is_moved_is_not_read_again(tmp_path: Path) -> None:
    lab = Lab(tmp_path)
    write(tmp_path, version() + records(0, 5), "logs")
    lab.all()
    (tmp_path / "logs").rename(tmp_path / "kept")
    write(tmp_path, records(5, 6), "kept")

    assert lab.all() == points(0, 6)


def test_a_file_that_is_gone_is_no_fault(tmp_path: Path) -> None:
    lab = Lab(tmp_path)
    file = write(tmp_path, version() + records(0, 5))
    lab.follower.scan()
    file.unlink()

    assert lab.all() == []
    assert lab.said == []


def test_links_pipes_and_folders_of_that_name_are_not_read(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    write(outside, version() + records(0, 5))
    root = tmp_path / "run"
    (root / "folder.tfevents").mkdir(parents=True)
    (root / "link.tfevents").symlink_to(outside / "logs" / NAME)
    (root / "leads-out").symlink_to(outside)
    os.mkfifo(root / "pipe.tfevents")

    assert Lab(root).all(last=True) == []


def test_own_and_hidden_folders_are_not_looked_into(tmp_path: Path) -> None:
    for folder in ("spool/000001", ".trainyard/artifacts", ".cache", "wandb/run"):
        write(tmp_path, version() + records(0, 5), folder)

    assert Lab(tmp_path).all() == []


def test_ten_thousand_tags_leave_room_for_the_gateway(tmp_path: Path) -> None:
    lab = Lab(tmp_path)
    write(tmp_path, version() + b"".join(scalar(f"tag{n}", 1.0, 1) for n in range(10_000)))

    assert len(lab.all()) == MOST_NAMES
    assert lab.said == [f"more than {MOST_NAMES:,} metrics in event files: the rest is left out"]


def test_steps_that_go_back_are_given_as_they_come(tmp_path: Path) -> None:
    lab = Lab(tmp_path)
    write(tmp_path, version() + records(5, 7) + records(2, 4))

    assert lab.all() == points(5, 7) + points(2, 4)
    assert lab.follower.read().step == 6


def test_a_step_that_no_metric_can_have_is_left_out_with_a_word(tmp_path: Path) -> None:
    lab = Lab(tmp_path)
    below, above = event(-1, [simple("a", 1)]), event(2**60, [simple("a", 1)])
    write(tmp_path, version() + record(below) + record(above) + records(0, 1))

    assert lab.all() == points(0, 1)
    assert len(lab.said) == 2


def test_a_name_that_a_better_source_has_is_left_to_it(tmp_path: Path) -> None:
    lab = Lab(tmp_path, taken=lambda name: name != "loss")
    write(tmp_path, version() + records(0, 2) + records(0, 2, "other"))

    assert lab.all() == points(0, 2, "other")


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"{", id="torn"),
        pytest.param(b"[]", id="a list"),
        pytest.param(b'{"files": {"a": [1, "x"]}, "names": {}}', id="a text for a number"),
        pytest.param(b'{"files": {"a": [-1]}, "names": {}}', id="a negative place"),
        pytest.param(b'{"files": {}, "names": {"a": 1}}', id="a number for an owner"),
        pytest.param(b'{"files": {}, "names": {}, "pending": {"attempt": {}}}', id="half a batch"),
        pytest.param(b'{"files": {"../../x": [9, 0, 0, 0, 0]}, "names": {}}', id="a path out"),
    ],
)
def test_what_is_remembered_may_be_anything(tmp_path: Path, content: bytes) -> None:
    (tmp_path / FILE).parent.mkdir()
    (tmp_path / FILE).write_bytes(content)
    write(tmp_path, version() + records(0, 3))

    assert Lab(tmp_path).all() == points(0, 3)


def test_what_is_remembered_stays_small(tmp_path: Path) -> None:
    lab = Lab(tmp_path)
    for number in range(30):
        write(tmp_path, version() + records(0, 2), f"logs/{number}")
    lab.all()

    assert len(json.loads((tmp_path / FILE).read_text())["files"]) == 30
    assert (tmp_path / FILE).stat().st_size < 10_000
