"""Runs of MLflow come to a gateway as they are: from a folder and from a server, twice and interrupted."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from client_lab import submit
from cluster import unique
from command_line import CommandLine
from gateway_lab import GatewayFactory, GatewayLab

from trainyard.cli.trackers.calls import Calls
from trainyard.cli.trackers.copying import TAG, Copied, Import
from trainyard.cli.trackers.gateway_runs import GatewayRuns
from trainyard.cli.trackers.mlflow_server import MlflowServer
from trainyard.cli.trackers.mlruns.folder import MlflowFolder
from trainyard.cli.trackers.source import Experiment, Point, Run
from trainyard.errors import Unreachable
from trainyard_api.mlflow import run_id_of

pytestmark = pytest.mark.integration

VALUES = ["0.5", "nan", "inf", "-0.25", "1e-300"]
READ = ["0.5", "NaN", "Infinity", "-0.25", "1e-300"]


@pytest.fixture(scope="module")
def lab(gateway_factory: GatewayFactory) -> GatewayLab:
    return gateway_factory()


@pytest.fixture
def cli(lab: GatewayLab, tmp_path: Path) -> CommandLine:
    return CommandLine(tmp_path / "home", lab.url, lab.key)


@pytest.fixture
def source(lab: GatewayLab) -> Iterator[MlflowServer]:
    """Reads what is at the gateway, as it reads any server of that protocol."""
    reader = MlflowServer(f"{lab.url}/mlflow", {"MLFLOW_TRACKING_TOKEN": lab.key})
    yield reader
    reader.close()


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def mlruns(root: Path, name: str, runs: int = 2, values: int = 5, first: int = 0) -> Path:
    """A folder as MLflow's file store writes it, of one experiment; runs from `first` on."""
    folder = root / "mlruns"
    experiment = folder / "123456"
    write(
        experiment / "meta.yaml",
        f"experiment_id: '123456'\nlifecycle_stage: active\nname: {name}\n",
    )
    write(experiment / "tags" / "team", "vision")
    for number in range(first, runs):
        id = run_id(name, number)
        run = experiment / id
        write(
            run / "meta.yaml",
            f"artifact_uri: mlflow-artifacts:/123456/{id}/artifacts\nend_time: {2000 + number}\nentry_point_name: ''\n"
            f"experiment_id: '123456'\nlifecycle_stage: active\nrun_id: {id}\nrun_name: run-{number}\n"
            f"run_uuid: {id}\nstart_time: {1000 + number}\nstatus: 3\nuser_id: ada\n",
        )  # fmt: skip
        write(run / "params" / "lr", "0.1")
        write(run / "tags" / "mlflow.source.name", "train.py")
        lines = [f"{1000 + n} {VALUES[n % 5]} {n}" for n in range(values)]
        write(run / "metrics" / "train" / "loss", "\n".join(lines) + "\n")
        write(run / "artifacts" / "model" / "config.json", '{"layers": 2}')
        write(run / "artifacts" / "notes.txt", f"run {number}")
    return folder


def run_id(name: str, number: int) -> str:
    return hashlib.sha256(f"{name} {number}".encode()).hexdigest()[:32]


def runs_of(source: MlflowServer, experiment: Experiment) -> list[Run]:
    return [run for run in source.runs(experiment) if isinstance(run, Run)]


def experiment_of(source: MlflowServer, name: str) -> Experiment:
    return next(one for one in source.experiments() if one.name == name)


def test_a_folder_comes_over_as_it_is(
    cli: CommandLine, source: MlflowServer, tmp_path: Path
) -> None:
    name = unique("exp")
    said = cli.ok("import", "mlflow", str(mlruns(tmp_path, name)))

    experiment = experiment_of(source, name)
    runs = runs_of(source, experiment)
    first = runs[0]
    files = {file.path: file.size for file in source.files(first)}
    target = tmp_path / "fetched"
    target.mkdir()
    notes = next(file for file in source.files(first) if file.path == "notes.txt")

    assert "2 runs copied" in said.out
    assert experiment.tags["team"] == "vision"
    assert [(r.id, r.name, r.user, r.status) for r in runs] == [
        (run_id(name, n), f"run-{n}", "ada", "FINISHED") for n in range(2)
    ]
    assert [(r.start_time, r.end_time) for r in runs] == [(1000, 2000), (1001, 2001)]
    assert (first.params, list(first.metrics)) == ({"lr": "0.1"}, ["train/loss"])
    assert first.tags["mlflow.source.name"] == "train.py"
    points = list(source.points(first, "train/loss"))
    assert points == [Point(READ[n], 1000 + n, n) for n in range(5)]
    assert files == {"model/config.json": 13, "notes.txt": 5}
    assert source.fetch(first, notes, target).read_text() == "run 0"


def test_twice_is_once_and_what_is_new_comes(
    cli: CommandLine, source: MlflowServer, tmp_path: Path
) -> None:
    name = unique("exp")
    cli.ok("import", "mlflow", str(mlruns(tmp_path, name, runs=1)))
    again = cli.ok("import", "mlflow", str(mlruns(tmp_path, name, runs=2, first=1)))
    experiment = experiment_of(source, name)

    assert "1 run copied, 1 here already" in again.out
    for run in runs_of(source, experiment):
        assert len(list(source.points(run, "train/loss"))) == 5


def test_a_server_is_copied_to_another_gateway(
    lab: GatewayLab, gateway_factory: GatewayFactory, tmp_path: Path
) -> None:
    name = unique("exp")
    CommandLine(tmp_path / "one", lab.url, lab.key).ok(
        "import", "mlflow", str(mlruns(tmp_path, name))
    )
    other = gateway_factory()
    there = CommandLine(tmp_path / "two", other.url, other.key)
    said = there.run(
        "import", "mlflow", f"{lab.url}/mlflow", "-e", name, MLFLOW_TRACKING_TOKEN=lab.key
    )
    reader = MlflowServer(f"{other.url}/mlflow", {"MLFLOW_TRACKING_TOKEN": other.key})
    runs = runs_of(reader, experiment_of(reader, name))

    assert said.code == 0, said
    assert [run.id for run in runs] == [run_id(name, n) for n in range(2)]
    assert [point.value for point in reader.points(runs[1], "train/loss")] == READ
    assert {file.path for file in reader.files(runs[1])} == {"model/config.json", "notes.txt"}
    reader.close()


class Breaks(httpx.HTTPTransport):
    """Fails after some calls, half of them after the gateway had done what was asked."""

    def __init__(self, calls: int) -> None:
        super().__init__()
        self.left = calls

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.left -= 1
        if self.left == 0:
            super().handle_request(request).read()
        if self.left <= 0:
            raise httpx.ConnectError("cut")
        return super().handle_request(request)


def test_an_import_that_is_interrupted_anywhere_continues(
    lab: GatewayLab, source: MlflowServer, tmp_path: Path
) -> None:
    name = unique("exp")
    folder = mlruns(tmp_path, name, runs=2, values=2500)
    interrupted = 0
    for calls in range(1, 60, 3):
        gateway = GatewayRuns(lab.url, lab.key, Breaks(calls), Calls(pauses=()))
        try:
            assert Import(MlflowFolder(folder), gateway).all().problems == []
        except Unreachable:
            interrupted += 1
        else:
            break
        finally:
            gateway.close()
    runs = runs_of(source, experiment_of(source, name))

    assert interrupted > 3
    assert [run.status for run in runs] == ["FINISHED"] * 2
    for run in runs:
        steps = [point.step for point in source.points(run, "train/loss")]
        assert steps == list(range(2500))


def copied(lab: GatewayLab, folder: Path) -> Copied:
    gateway = GatewayRuns(lab.url, lab.key)
    try:
        return Import(MlflowFolder(folder), gateway).all()
    finally:
        gateway.close()


def change(path: Path, before: str, now: str) -> None:
    text = path.read_text()
    assert before in text
    path.write_text(text.replace(before, now))


def test_what_was_deleted_is_deleted_here_also_after_an_interruption(
    lab: GatewayLab, source: MlflowServer, tmp_path: Path
) -> None:
    name = unique("exp")
    folder = mlruns(tmp_path, name)
    meta = folder / "123456" / run_id(name, 1) / "meta.yaml"
    change(meta, "lifecycle_stage: active", "lifecycle_stage: deleted")
    first = copied(lab, folder)
    gateway = GatewayRuns(lab.url, lab.key)
    gateway.restore(run_id(name, 1))
    gateway.close()
    again = copied(lab, folder)
    runs = runs_of(source, experiment_of(source, name))
    change(folder / "123456" / "meta.yaml", "lifecycle_stage: active", "lifecycle_stage: deleted")
    last = [copied(lab, folder) for _ in range(2)]
    experiment = experiment_of(source, name)

    assert (first.runs, again.runs, again.there) == (2, 0, 2)
    assert {run.name: run.deleted for run in runs} == {"run-0": False, "run-1": True}
    assert [(one.runs, one.problems) for one in last] == [(0, [])] * 2
    assert experiment.deleted


def test_what_is_changed_at_the_source_comes_and_what_is_deleted_here_stays_deleted(
    lab: GatewayLab, source: MlflowServer, tmp_path: Path
) -> None:
    name = unique("exp")
    folder = mlruns(tmp_path, name)
    copied(lab, folder)
    gateway = GatewayRuns(lab.url, lab.key)
    gateway.delete(run_id(name, 1))
    gateway.close()
    for number in range(2):
        run = folder / "123456" / run_id(name, number)
        write(run / "artifacts" / "notes.txt", "RUN !")
        with (run / "metrics" / "train" / "loss").open("a") as file:
            file.write("2000 0.25 9\n")
    said = copied(lab, folder)
    runs = {run.name: run for run in runs_of(source, experiment_of(source, name))}
    notes = next(file for file in source.files(runs["run-0"]) if file.path == "notes.txt")

    assert (said.runs, said.there, said.problems) == (1, 1, [])
    assert len(list(source.points(runs["run-0"], "train/loss"))) == 6
    assert source.fetch(runs["run-0"], notes, tmp_path).read_text() == "RUN !"
    assert runs["run-1"].deleted


def test_what_is_wrong_in_a_run_is_named_and_the_rest_of_it_comes(
    lab: GatewayLab, source: MlflowServer, tmp_path: Path
) -> None:
    name = unique("exp")
    folder = mlruns(tmp_path, name, runs=3)
    run = folder / "123456" / run_id(name, 0)
    write(run / "params" / "huge", "x" * 7000)
    write(run / "tags" / "wordy", "y" * 9000)
    write(run / "metrics" / "what?", "1000 0.5 0\n")
    write(run / "metrics" / "far", f"1000 0.5 {10**18}\n1000 0.5 1\n")
    write(run / "metrics" / "torn", "1000 0.5 0\n1001 0.2")
    write(run / "artifacts" / "two\nlines", "")
    (run / "artifacts" / "leads out").symlink_to("/etc/hostname")
    write(folder / "123456" / run_id(name, 1) / "meta.yaml", "{no: [yaml")
    meta = folder / "123456" / run_id(name, 2) / "meta.yaml"
    change(meta, "start_time: 1002", "start_time: early")
    said = copied(lab, folder)
    [first] = runs_of(source, experiment_of(source, name))
    problems = "\n".join(said.problems)

    assert said.wrong == len(said.problems) == 8
    for words in (
        *("param huge: it has more than 6,000", "tag wordy: it has more than 8,000"),
        *("metric what?: a name has", "metric far: 1 values are left out", "metric torn: its last"),
        *("file two\nlines: Invalid path", "meta.yaml cannot be read", "start_time in its"),
    ):
        assert words in problems
    assert first.params == {"lr": "0.1"}
    assert len(first.tags["wordy"]) == 8000
    assert sorted(first.metrics) == ["far", "torn", "train/loss"]
    assert {file.path for file in source.files(first)} == {"model/config.json", "notes.txt"}


def test_a_session_of_the_gateway_is_not_written_to(lab: GatewayLab, source: MlflowServer) -> None:
    made = submit(lab, unique("s"))
    gateway = GatewayRuns(lab.url, lab.key)
    said = Import(source, gateway).all(["Default"])
    gateway.close()
    default = Experiment("0", "Default")
    run = next(one for one in runs_of(source, default) if one.id == run_id_of(made.uid))

    assert f"run {made.name}: it is a session of this gateway" in said.problems
    assert TAG not in run.tags


@pytest.mark.parametrize(
    ("uri", "words"),
    [
        pytest.param("ftp://host/mlruns", "nothing reads ftp", id="another protocol"),
        pytest.param("nowhere", "is no folder mlruns", id="no folder"),
        pytest.param("http://127.0.0.1:9", "does not answer", id="no server"),
    ],
)
def test_what_nothing_reads_is_said(cli: CommandLine, uri: str, words: str) -> None:
    said = cli.run("import", "mlflow", uri)

    assert said.code == 2
    assert words in said.err


def test_what_the_gateway_refuses_is_named_and_the_rest_comes(
    cli: CommandLine, source: MlflowServer, tmp_path: Path
) -> None:
    name = unique("exp")
    folder = mlruns(tmp_path, name)
    write(folder / "123456" / run_id(name, 0) / "metrics" / "broken", "no line of a metric\n")
    said = cli.run("import", "mlflow", str(folder))
    runs = {run.name: run for run in runs_of(source, experiment_of(source, name))}

    assert said.code == 6
    assert "run run-0: metric broken: a line of it is none" in said.err
    assert len(list(source.points(runs["run-1"], "train/loss"))) == 5


def test_a_run_of_a_parent_stays_below_it(lab: GatewayLab, source: MlflowServer) -> None:
    name = unique("exp")
    parent, child = run_id(name, 0), run_id(name, 1)

    class Two:
        """A source of two runs."""

        def experiments(self) -> Iterator[Experiment]:
            yield Experiment("1", name)

        def runs(self, _: Experiment) -> Iterator[Run]:
            yield Run(parent, "parent", start_time=1)
            yield Run(child, "child", start_time=2, tags={"mlflow.parentRunId": parent})

        def points(self, *_: object) -> Iterator[Point]:
            yield from ()

        files = fetch = points  # type: ignore[assignment]  # there are none

        def close(self) -> None:
            """Nothing is open."""

    gateway = GatewayRuns(lab.url, lab.key)
    Import(Two(), gateway).all()  # type: ignore[arg-type]  # it has no files
    gateway.close()
    runs = {run.name: run for run in runs_of(source, experiment_of(source, name))}

    assert runs["child"].tags["mlflow.parentRunId"] == parent
