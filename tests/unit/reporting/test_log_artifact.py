"""A program logs artifacts: staged at once, sent by a thread, and nothing is lost in between."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from poll import eventually
from report_stand_in import ReportStandIn, staged

from trainyard.reporting import ArtifactError, NoOpReporter
from trainyard.reporting.artifacts.logged import ArtifactLog, artifact_name
from trainyard.reporting.artifacts.waiting import WaitingTrees
from trainyard.reporting.transport import GatewayTransport
from trainyard_api import contract

NOBODY = "http://127.0.0.1:9"


class Session:
    """Artifacts of one process of a session, whose gateway is `url`."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder = folder
        (folder / "token").write_text("token")
        self.said: list[str] = []
        self.warned: list[str] = []
        self.log = ArtifactLog(
            folder,
            {"sessionUid": "uid", "attempt": 2},
            "s",
            ("mine",),
            lambda: GatewayTransport(url, folder / "token", timeout=30),
            self.said.append,
            self.warned.append,
        )

    @property
    def waiting(self) -> list[str]:
        """The names whose reports wait."""
        return sorted(report.name for report in WaitingTrees(self.folder).reports())

    def left(self) -> list[Path]:
        """What is left of trees."""
        place = self.folder / contract.ARTIFACTS
        return [p for p in place.glob("*") if p.name != ".lock"] if place.exists() else []


@pytest.fixture
def session(tmp_path: Path, gateway: ReportStandIn) -> Iterator[Session]:
    gateway.run_dir = tmp_path / "run"
    gateway.run_dir.mkdir()
    made = Session(gateway.run_dir, gateway.url)
    yield made
    made.log.finish(30)


@pytest.fixture
def out(tmp_path: Path) -> Path:
    place = tmp_path / "out"
    place.mkdir()
    (place / "weights.pt").write_bytes(b"old")
    return place


def test_it_is_registered_as_it_was_and_nothing_is_left(
    session: Session, gateway: ReportStandIn, out: Path
) -> None:
    receipt = session.log.log(out, None)
    (out / "weights.pt").write_bytes(b"new")

    assert session.log.finish(30)
    assert gateway.trees == [{"sessionUid": "uid", "attempt": 2, **receipt}]
    assert receipt == {"name": "s.out", "tree": receipt["tree"], "files": 1, "sizeBytes": 3}
    assert gateway.files[receipt["tree"]] == {"weights.pt": b"old"}
    assert session.said == ["'s.out' is registered as version 1 of that name"]
    assert (session.warned, session.left()) == ([], [])


def test_the_same_again_is_one_tree_and_another_is_the_next_version(
    session: Session, gateway: ReportStandIn, out: Path
) -> None:
    first, again = session.log.log(out, "mine"), session.log.log(out, "mine")
    (out / "weights.pt").write_bytes(b"new")
    second = session.log.log(out, "mine")

    assert session.log.finish(30)
    assert first == again
    assert [t["tree"] for t in gateway.trees] == [first["tree"], second["tree"]]
    assert session.said[-1] == "'mine' is registered as version 2 of that name"
    assert session.left() == []


def test_one_content_under_two_names_is_reported_as_both(
    session: Session, gateway: ReportStandIn, out: Path
) -> None:
    gateway.tree_answers = [503]
    trees = {session.log.log(out, name)["tree"] for name in ("mine", "other")}

    assert session.log.finish(30)
    assert len(trees) == 1
    assert sorted(t["name"] for t in gateway.trees) == ["mine", "s.other"]
    assert session.left() == []


def test_while_the_gateway_is_away_it_waits_and_the_next_attempt_sends_it(
    tmp_path: Path, gateway: ReportStandIn, out: Path
) -> None:
    gateway.run_dir = tmp_path
    away = Session(tmp_path, NOBODY)
    away.log.log(out, "mine")
    assert not away.log.finish(0.1)
    assert away.waiting == ["mine"]

    later = Session(tmp_path, gateway.url)
    later.log.resume()
    assert later.log.finish(30)
    assert [(t["name"], t["attempt"]) for t in gateway.trees] == [("mine", 2)]
    assert later.left() == []


@pytest.mark.parametrize("status", [400, 403, 413, 422], ids=str)
def test_a_refusal_is_said_and_not_repeated(
    session: Session, gateway: ReportStandIn, out: Path, status: int
) -> None:
    gateway.tree_answers = [status]
    session.log.log(out, "mine")

    assert session.log.finish(30)
    [said] = session.warned
    assert said.startswith("'mine' is not registered: ")
    assert f"told to answer {status}" in said
    assert (gateway.trees, session.left()) == ([], [])


@pytest.mark.parametrize("status", [401, 404, 429, 500, 507], ids=str)
def test_any_other_answer_is_tried_again(
    session: Session, gateway: ReportStandIn, out: Path, status: int
) -> None:
    gateway.tree_answers = [status]
    session.log.log(out, "mine")

    assert session.log.finish(30)
    assert len(gateway.trees) == 1


NO_SOURCES = [
    pytest.param("missing", "no such file or folder", id="missing"),
    pytest.param("run/spool", "Trainyard's own folder", id="the spool"),
    pytest.param("empty", "nothing is in it", id="empty"),
]


@pytest.mark.parametrize(("path", "said"), NO_SOURCES)
def test_what_cannot_be_taken_is_an_error_in_the_program(
    session: Session, tmp_path: Path, path: str, said: str
) -> None:
    (tmp_path / "run" / "spool").mkdir()
    (tmp_path / "empty").mkdir()

    with pytest.raises(ArtifactError, match=said):
        session.log.log(tmp_path / path, None)
    assert session.left() == []


def test_the_run_folder_itself_goes_without_what_waits_in_it(
    session: Session, gateway: ReportStandIn
) -> None:
    gateway.tree_answers = [503]
    (session.folder / "x").write_text("1")
    (session.folder / "spool").mkdir()
    (session.folder / "spool" / "1.json").write_text("{}")
    session.log.log(session.folder, "mine")
    session.log.log(session.folder, "mine")

    assert session.log.finish(30)
    assert list(gateway.files.values()) == [{"token": b"token", "x": b"1"}]


def test_threads_that_log_at_once_register_each_its_own(
    session: Session, gateway: ReportStandIn, tmp_path: Path
) -> None:
    def log(number: int) -> None:
        place = tmp_path / f"file-{number % 4}"
        place.write_text(str(number % 4))
        session.log.log(place, f"n{number}")

    threads = [threading.Thread(target=log, args=(number,)) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert session.log.finish(60)
    assert sorted(t["name"] for t in gateway.trees) == sorted(f"s.n{n}" for n in range(12))
    assert session.left() == []


def test_a_process_that_was_forked_off_stages_and_loses_nothing(
    tmp_path: Path, gateway: ReportStandIn, out: Path
) -> None:
    """It ends without a word, as those of multiprocessing do."""
    gateway.run_dir = tmp_path
    session = Session(tmp_path, gateway.url)
    session.log.log(out, "of-the-parent")
    assert session.log.finish(30)
    child = os.fork()
    if child == 0:
        code = 1
        try:
            (out / "weights.pt").write_bytes(b"of the child")
            Session(tmp_path, NOBODY).log.log(out, "mine")
            session.log.log(out, "of-the-child")
            code = 0 if session.log.finish(30) else 2
        finally:
            os._exit(code)

    assert os.waitpid(child, 0)[1] == 0
    assert [t["name"] for t in gateway.trees] == ["s.of-the-parent", "s.of-the-child"]
    assert session.waiting == ["mine"]


def test_a_process_that_is_killed_anywhere_leaves_whole_trees_and_reports(
    tmp_path: Path, out: Path
) -> None:
    """Killed at 12 places: before it stages, meanwhile, and between tree and report."""
    for number in range(20):
        (out / f"{number}.bin").write_bytes(bytes([number]) * 1000)
    began = time.monotonic()
    Session(tmp_path, NOBODY).log.log(out, "first")
    takes = time.monotonic() - began
    for turn in range(12):
        ready, tell = os.pipe()
        child = os.fork()
        if child == 0:
            try:
                os.write(tell, b"x")
                for version in range(1000):
                    (out / "weights.pt").write_text(f"{turn} {version}")
                    Session(tmp_path, NOBODY).log.log(out, f"n{version % 3}")
            finally:
                os._exit(1)
        os.read(ready, 1)
        # Each turn later than the one before, as long as two of them take on this machine.
        threading.Event().wait(2 * takes * turn / 12)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        os.close(ready)
        os.close(tell)
        reports = len(check_staged(tmp_path))

    assert reports > 1
    WaitingTrees(tmp_path).clean()
    assert len(check_staged(tmp_path)) == reports
    assert not list((tmp_path / contract.ARTIFACTS).glob(".part-*"))


def check_staged(run_dir: Path) -> list[dict[str, bytes]]:
    """The files of all trees that are reported; each one is what its report says."""
    bodies = [json.loads(report.read()) for report in WaitingTrees(run_dir).reports()]
    return [staged(run_dir, body) for body in bodies]


def test_a_program_that_ends_without_a_word_leaves_the_report(
    tmp_path: Path, gateway: ReportStandIn, out: Path
) -> None:
    gateway.run_dir = tmp_path
    gateway.tree_answers = [503] * 1000
    session = Session(tmp_path, gateway.url)
    session.log.log(out, "mine")

    eventually(lambda: len(gateway.tree_answers) < 1000, within=30, what="a try")
    assert session.waiting == ["mine"]
    [place] = session.left()
    assert json.loads((place / "report-mine.json").read_text())["name"] == "mine"
    gateway.tree_answers = []
    assert session.log.finish(30)


def test_a_pipe_in_place_of_a_report_holds_nothing_up(
    session: Session, gateway: ReportStandIn
) -> None:
    place = session.folder / contract.ARTIFACTS / ("a" * 64)
    place.mkdir(parents=True)
    os.mkfifo(place / "report-x.json")

    session.log.resume()
    assert session.log.finish(30)
    assert session.warned == ["'x' is not registered: what lies there is no report"]
    assert (gateway.trees, session.left()) == ([], [])


@pytest.mark.parametrize("made_by", ["program", "stager"])
def test_cleaning_takes_only_what_is_its_own(tmp_path: Path, out: Path, made_by: str) -> None:
    session = Session(tmp_path, NOBODY)
    session.log.log(out, "mine")
    place = tmp_path / contract.ARTIFACTS
    name = {"program": "weights", "stager": ".part-1-abc"}[made_by]
    (place / name).mkdir()

    WaitingTrees(tmp_path).clean()

    assert (place / name).exists() == (made_by == "program")
    assert session.waiting == ["mine"]


NAMES: list[Any] = [
    pytest.param(None, "out", "s.out", id="of the folder"),
    pytest.param(None, "my model (v2)", "s.my-model-v2", id="with spaces"),
    pytest.param(None, "ünï", "s.n", id="not ASCII"),
    pytest.param(None, "..hidden..", "s.hidden", id="points"),
    pytest.param(None, "---", "s.artifact", id="nothing of it"),
    pytest.param(None, "x" * 200, f"s.{'x' * 126}", id="long"),
    pytest.param("mine", "out", "mine", id="a name of the session"),
    pytest.param("s.other", "out", "s.other", id="with the session already"),
    pytest.param("best", "out", "s.best", id="another name"),
    pytest.param("mine.x", "out", "s.mine.x", id="not the name, but its beginning"),
]


@pytest.mark.parametrize(("given", "path", "name"), NAMES)
def test_what_it_is_called(given: str | None, path: str, name: str) -> None:
    assert artifact_name(given, Path("/data/run") / path, "s", ("mine",)) == name


NO_NAMES = [
    pytest.param("", id="empty"),
    pytest.param("a/b", id="a path"),
    pytest.param("\u00e4", id="not ASCII"),
    pytest.param("../x", id="leads up"),
    pytest.param("x" * 127, id="too long"),
    pytest.param("x-", id="ends with a sign"),
    pytest.param("a b", id="a space"),
    pytest.param("a..b", id="two points"),
]


@pytest.mark.parametrize("given", NO_NAMES)
def test_a_name_that_is_none_is_refused_with_what_is_accepted(given: str) -> None:
    with pytest.raises(ArtifactError, match="give letters, digits"):
        artifact_name(given, Path("/data/run/out"), "s", ("mine",))


def test_outside_of_a_session_it_has_to_be_there(tmp_path: Path) -> None:
    assert NoOpReporter().log_artifact(tmp_path) is None
    with pytest.raises(ArtifactError, match="no such file"):
        NoOpReporter().log_artifact(tmp_path / "missing")
