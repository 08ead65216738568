"""Every command of the researcher's guide, in its order, against a real gateway.

The test plays the operator and the trainers.
"""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from client_lab import make_queue, report, set_phase
from cluster import ROOT
from command_line import CommandLine, Said, rest_of
from gateway_lab import GatewayFactory, GatewayLab
from poll import eventually
from staged_trees import stage
from trained_models import Life, save_model

pytestmark = pytest.mark.integration

GUIDE = (ROOT / "docs" / "guides" / "researcher.md").read_text()
COMMAND = re.compile(r"`((?:trainyard|python -m) [^`\n]+)`|^((?:trainyard|python -m) .+)$", re.M)
SESSIONS = re.findall(r"```yaml\n(.*?)```", GUIDE, re.DOTALL)


@pytest.fixture(scope="module")
def lab(gateway_factory: GatewayFactory) -> GatewayLab:
    """A gateway with the default queue."""
    lab = gateway_factory()
    make_queue(lab)
    return lab


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the guide's reader has at hand: a table of houses."""
    folder = tmp_path_factory.mktemp("reader")
    random = np.random.default_rng(0)
    rows = ["id,name,zip,rooms,price"]
    for number in range(1, 61):
        rooms = random.integers(1, 6)
        price = 100 * rooms + random.normal()
        shown = "?" if number == 7 else rooms
        rows.append(f"{number},house {number},0{number % 3}5,{shown},{price:.1f}")
    (folder / "table.csv").write_text("\n".join(rows) + "\n")
    (folder / "train.py").write_text("print(1)\n")
    (folder / "new.csv").write_text("\n".join(rows[:9]) + "\n")
    return folder


@pytest.fixture(scope="module")
def reader(lab: GatewayLab, folder: Path) -> Reader:
    return Reader(lab, folder)


class Reader:
    """Somebody who does what the guide says, in a folder with the files that it names."""

    def __init__(self, lab: GatewayLab, folder: Path) -> None:
        self.lab, self.folder = lab, folder
        self.cli = CommandLine(folder / "home", lab.url, lab.key)
        self.tried: set[str] = set()

    def start(self, command: str, name: str = "NAME") -> subprocess.Popen[str]:
        """Start a command of the guide, with a session's or model's name in the place of NAME."""
        self.tried.add(command)
        words = shlex.split(command.replace("NAME", name).replace("…", "--gpus 1 -- true", 1))
        if words[0] == "python":
            words[0] = sys.executable
        else:
            words[:1] = self.cli.command()
        if "--dry-run" in words:
            words = [w for w in words if w != "--dry-run"]
            words.insert(words.index("submit") + 1, "--dry-run")
        return subprocess.Popen(
            words,
            cwd=self.folder,
            env=self.cli.env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def ok(self, command: str, name: str = "NAME") -> Said:
        """Run it to a good end."""
        process = self.start(command, name)
        out, err = rest_of(process)
        assert process.returncode == 0, (command, out, err)
        return Said(0, out, err)

    def submitted(self) -> str:
        """The newest session's name."""
        with self.lab.client() as gateway:
            return gateway.sessions(limit=1).sessions[0].name

    def submit_again(self, name: str) -> str:
        """A session like the guide's first one."""
        self.cli.ok("submit", "--dataset", "houses", "--task", "tabular-regression", "--name", name)
        return name

    def submit_file(self, number: int) -> str:
        """`trainyard submit -f` with one of the guide's manifests."""
        file = self.folder / f"session-{number}.yaml"
        file.write_text(SESSIONS[number])
        self.tried.add("trainyard submit -f")
        self.cli.ok("submit", "-f", str(file))
        return self.submitted()


def test_train(reader: Reader) -> None:
    put = reader.ok("trainyard datasets put table.csv --name houses")
    watching = reader.start(
        "trainyard submit --dataset houses --task tabular-regression --epochs 50 --gpus 1 --watch"
    )
    name = eventually(lambda: (reader.cli.ok("ls", "-o", "json").json["sessions"] or [{}])[0].get("name"), what="a session")  # fmt: skip
    set_phase(reader.lab, name, "Succeeded")
    out, _ = rest_of(watching)

    assert "target price (it is the last column)" in put.out
    assert "note: Not used: 'id' (it numbers the rows)" in put.out
    assert watching.returncode == 0
    assert f"{name} Succeeded" in out
    assert reader.submit_file(0) == "houses-wide"


def test_how_a_dataset_is_read(reader: Reader) -> None:
    shown = reader.ok("trainyard datasets info houses").out
    commands = [c for c in sorted(all_commands()) if "houses --" in c and "submit" not in c]
    choose, correct = commands
    known = reader.cli.run("datasets", "put", str(reader.folder / "table.csv"), "--name", "houses", "--target", "rooms")  # fmt: skip
    reader.cli.run("stop", "houses-wide")
    set_phase(reader.lab, "houses-wide", "Stopped")
    reader.cli.ok("datasets", "rm", "houses")
    chosen = reader.ok(choose)
    corrected = reader.ok(correct)

    assert "'?' stands for a missing value" in shown
    assert known.code == 6
    assert "target price (it was chosen)" in chosen.out
    assert "revision    2" in corrected.out
    assert re.search(r"^name .*ignored", corrected.out, re.M)


def test_resources_start_time_and_watching(reader: Reader) -> None:
    dry = reader.ok("trainyard submit … --dry-run")
    name = reader.submit_again("watched")
    with reader.lab.client() as gateway:
        report(reader.lab, gateway.status(name))
    waiting = reader.ok("trainyard queue").out
    estimate = reader.ok("trainyard estimate --gpus 4")
    plotted = reader.ok("trainyard metrics NAME --plot", name).out
    logs = reader.start("trainyard logs -f NAME", name)
    watching = reader.start("trainyard watch NAME", name)
    set_phase(reader.lab, name, "Failed")
    out, _ = rest_of(logs)
    rest_of(watching)

    assert "kind: TrainingSession" in dry.out
    assert "would enter the queue default" in dry.err
    assert name in waiting
    assert estimate.out
    assert "train/loss" in plotted
    assert "step 40" in out
    assert watching.returncode == 1


def test_steering(reader: Reader) -> None:
    running, waiting = (reader.submit_again(name) for name in ("steered", "waiting"))
    set_phase(reader.lab, running, "Running")
    reader.ok("trainyard suspend NAME", running)
    reader.ok("trainyard resume NAME", running)
    reader.ok("trainyard priority NAME 10", waiting)
    reader.ok("trainyard cancel NAME", waiting)
    reader.ok("trainyard stop NAME", running)
    shown = reader.ok("trainyard status NAME", running).out

    assert "steered" in shown


def test_resuming_and_own_programs(reader: Reader) -> None:
    assert reader.submit_file(1) == "houses-finer"
    reader.ok("trainyard submit --name mine --gpus 1 -- python /opt/mine/train.py --depth 4")
    with reader.lab.client() as gateway:
        spec = gateway.status("mine").spec
    assert spec.command == ["python", "/opt/mine/train.py", "--depth", "4"]
    command = next(c for c in all_commands() if "--secret hub" in c)
    reader.ok(command)
    # Sessions of one second have no order by time.
    with reader.lab.client() as gateway:
        (spec,) = [s.spec for s in gateway.sessions().sessions if s.spec.secrets]
    assert spec.secrets == ["hub"]
    assert [(v.name, v.value) for v in spec.env] == [("HF_HUB_OFFLINE", "1"), ("DEPTH", "4")]
    reader.ok("trainyard run --detach --gpus 1 -- python train.py --lr 3e-4")
    with reader.lab.client() as gateway:
        (sent,) = [s.name for s in gateway.sessions().sessions if s.spec.code]
    continued = next(c for c in all_commands() if "{if-checkpoint}" in c)
    reader.ok(continued)
    with reader.lab.client() as gateway:
        commands = [s.spec.command for s in gateway.sessions().sessions]
    assert continued.partition(" -- ")[2].replace('"', "").split() in commands
    reader.ok("trainyard code get NAME old-version", sent)
    assert (reader.folder / "old-version" / "train.py").read_text() == "print(1)\n"


def test_what_a_program_leaves(reader: Reader) -> None:
    with reader.lab.client() as gateway:
        (sent,) = [
            s for s in gateway.sessions().sessions if s.spec.code and "--lr" in s.spec.command
        ]
    work = reader.lab.data / "runs" / sent.uid / "work"
    (work / "out").mkdir(parents=True)
    (work / "out" / "last.ckpt").write_bytes(b"weights")
    listed = reader.ok("trainyard files ls NAME work", sent.name).out
    reader.ok("trainyard files get NAME work results", sent.name)

    assert "out/" in listed
    assert (reader.folder / "results" / "out" / "last.ckpt").read_bytes() == b"weights"


def test_the_results_in_the_registry(reader: Reader) -> None:
    outputs = [{"path": "runs/detect/train/weights", "name": "detector"}]
    reader.ok(next(c for c in all_commands() if "--artifact" in c))
    with reader.lab.client() as gateway:
        (spec,) = [s.spec for s in gateway.sessions().sessions if s.spec.outputs]
        assert [output.wire() for output in spec.outputs] == outputs
        session = gateway.start_training({"command": ["x"], "outputs": outputs}, "detects")
    trainer = reader.lab.trainer(session.uid, session.name)
    tree = stage(reader.lab.data / "runs" / session.uid, {"best.pt": b"weights"})
    answer = trainer.post("tree", tree.report(session.uid, "detector"))
    assert answer.status_code == 201, answer.text
    listed = reader.ok("trainyard models files detector").out
    reader.ok("trainyard models get detector")

    assert "best.pt" in listed
    assert (reader.folder / "detector" / "best.pt").read_bytes() == b"weights"


def test_the_model(reader: Reader) -> None:
    training = {"task": "tabular-regression", "epochs": 3, "target": "price"}
    table = reader.folder / "table.csv"
    model = save_model(reader.folder, table, "csv", training, Life(dataset="houses"))
    reader.cli.ok("models", "put", str(model), "--name", "net")
    reader.ok("trainyard models get NAME", "net")
    verified = reader.ok("trainyard models verify NAME", "net").out
    got = reader.ok("trainyard datasets get NAME", "houses").out
    command = next(c for c in all_commands() if c.startswith("python -m"))
    predicted = reader.ok(command, "net").out

    assert "DIFFERS" not in verified
    assert "dataset houses is in houses.csv" in got
    assert (reader.folder / "houses.csv").read_bytes() == table.read_bytes()
    assert len(predicted.splitlines()) == 8


def test_no_command_of_the_guide_was_left_out(reader: Reader) -> None:
    assert all_commands() - reader.tried == {"trainyard login https://trainyard.example"}


def all_commands() -> set[str]:
    """The commands of the guide's blocks and sentences."""
    return {one or other for one, other in COMMAND.findall(GUIDE)}
