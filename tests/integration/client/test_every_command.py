"""Every command of the command line against a real gateway on a real API server."""

from __future__ import annotations

import csv
import json
import os
import re
import stat
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from client_lab import IRIS, make_queue, report, safetensors, set_phase, submit
from cluster import api_client, find_kubectl, unique
from command_line import CommandLine, rest_of
from cutting_proxy import CuttingProxy
from gateway_lab import GatewayFactory, GatewayLab
from kubernetes import client
from nasty_folders import Special, make
from poll import eventually

from trainyard_api import names
from trainyard_api.mlflow import run_id_of
from trainyard_gateway.run_files.opening import is_settled

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def lab(gateway_factory: GatewayFactory) -> GatewayLab:
    """A gateway with the default queue."""
    lab = gateway_factory()
    make_queue(lab)
    return lab


@pytest.fixture
def cli(lab: GatewayLab, tmp_path: Path) -> CommandLine:
    return CommandLine(tmp_path / "home", lab.url, lab.key)


@pytest.fixture(scope="module")
def iris(lab: GatewayLab, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A registered dataset."""
    path = tmp_path_factory.mktemp("data") / "iris.csv"
    path.write_text(IRIS)
    with lab.client() as gateway:
        return gateway.upload_dataset("iris", path).name


def test_runs_lists_the_runs_of_sessions_and_shows_one(cli: CommandLine, lab: GatewayLab) -> None:
    uid = lab.new_trainer().session_uid
    id = run_id_of(uid)
    eventually(
        lambda: (
            id
            in {run["id"] for run in cli.ok("runs", "--kind", "session", "-o", "json").json["runs"]}
        ),
        within=60,
        what="the run of the session",
    )

    shown = cli.ok("runs", id, "-o", "json").json

    assert (shown["id"], shown["sessionUid"], shown["experiment"]) == (id, uid, "Default")
    assert cli.ok("runs", "--name", "no such run").out.strip() == "no runs"


def test_usage_sums_what_sessions_held(cli: CommandLine) -> None:
    shown = cli.ok("usage", "--by", "user", "--by", "month", "-o", "json").json
    assert (shown["since"] < shown["until"], shown["usage"]) == (True, [])
    assert cli.ok("usage", "--label", "p", "--month", "2026-11").out.strip() == "nothing was used"
    assert "is no month" in cli.run("usage", "--month", "soon").err


def test_audit_shows_and_exports_who_did_what(cli: CommandLine, lab: GatewayLab) -> None:
    name = submit(lab, unique("audited")).name

    (event,) = cli.ok("audit", "--object", name, "-o", "json").json["events"]
    exported = csv.DictReader(cli.ok("audit", "--since", "1h", "--export", "csv").out.splitlines())
    lines = cli.ok("audit", "--kind", "session", "--export", "jsonl").out.splitlines()

    assert (event["user"], event["verb"], event["channel"]) == ("admin", "create", "key")
    assert name in {row["object"] for row in exported}
    assert event["id"] in {json.loads(line)["id"] for line in lines}
    assert "admin" in cli.ok("audit", "--user", "admin", "-n", "1").out
    assert cli.ok("audit", "--until", "2020-01-01").out.strip() == "no events"
    assert "is no time" in cli.run("audit", "--since", "soon").err


def test_logins_are_listed_and_one_that_is_not_there_ends_not(cli: CommandLine) -> None:
    assert cli.ok("logins", "ls").out.strip() == "no logins"
    assert cli.ok("logins", "ls", "--user", "x", "-o", "json").json == {"logins": []}
    assert "there is no login" in cli.run("logins", "end", "nothing").err


def test_queues_are_listed_with_quota_and_use(cli: CommandLine) -> None:
    (shown,) = cli.ok("queues", "-o", "json").json["queues"]

    assert (shown["name"], shown["weight"], shown["share"]) == ("default", 1, 1.0)
    assert "default" in cli.ok("queues").out


def test_code_push_says_what_it_sends_and_code_get_writes_it_back(
    cli: CommandLine, tmp_path: Path
) -> None:
    folder, back = tmp_path / "folder", tmp_path / "back"
    make(
        {
            "train.py": f"# {tmp_path}",
            "p": Special(os.mkfifo),
            ".gitignore": "*.log\n",
            "x.log": "",
            "keys/.env": "HUB_TOKEN=canary-5f1c",
        },
        folder,
    )

    said = cli.ok("code", "push", str(folder))
    name = said.out.strip()

    assert re.fullmatch("[0-9a-f]{64}", name)
    assert "3 files" in said.err
    assert "a secret? keys/.env is named like one" in said.err
    assert ".trainyardignore" in said.err
    assert "canary-5f1c" not in said.out + said.err
    assert "left out: p is a named pipe" in said.err
    assert "nothing new to send" in cli.ok("code", "push", str(folder)).err
    assert "3 files written" in cli.ok("code", "get", name, str(back)).out
    assert sorted(p.name for p in back.iterdir()) == [".gitignore", "keys", "train.py"]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("code", "push", "nowhere"), "nowhere is no folder"),
        (("code", "push", "empty"), "the folder holds no file"),
        (("code", "get", "0" * 64, "new"), "there is no bundle"),
        (("code", "get", "0" * 64, "folder"), "there is no bundle"),
    ],
    ids=["no-folder", "empty-folder", "no-bundle", "no-bundle-for-a-folder-that-is-there"],
)
def test_code_that_cannot_travel_is_a_sentence(
    cli: CommandLine, tmp_path: Path, arguments: tuple[str, ...], sentence: str
) -> None:
    make({"empty": None, "folder/a": "x"}, tmp_path)

    said = cli.run(
        *(str(tmp_path / a) if a in ("nowhere", "empty", "new", "folder") else a for a in arguments)
    )

    assert said.code in (2, 5)
    assert sentence in said.err
    assert sorted(p.name for p in tmp_path.iterdir()) == ["empty", "folder", "home"]


def test_run_sends_the_folder_and_names_it_in_the_session(
    lab: GatewayLab, cli: CommandLine, tmp_path: Path
) -> None:
    folder = tmp_path / "folder"
    make({".gitignore": "*.csv\n", "src/train.py": "open('d.csv')\n", "src/d.csv": "1"}, folder)
    arguments = ("--folder", str(folder), "--working-dir", "src", "--gpus", "0", "--save")
    resume = ("--resume", "auto")

    said = cli.ok(
        "run", *arguments, *resume, "--detach", "--name", "r1", "--", "python", "train.py"
    )
    again = cli.ok("run", "--folder", str(folder), "--detach", "--name", "r2")

    assert "src/train.py:1 names src/d.csv, which .gitignore:1 leaves out" in said.err
    assert "session r1 started" in said.out
    with lab.client() as gateway:
        first, second = (gateway.status(name).spec for name in ("r1", "r2"))
    assert first.code is not None
    assert second.code is not None
    assert (first.command, first.code.working_dir) == (["python", "train.py"], "src")
    assert (second.command, second.code.working_dir) == (["python", "train.py"], "src")
    assert (first.resume, second.resume) == ("auto", "auto")
    assert "trainyard.yaml" in said.err
    assert "nothing new to send" in again.err
    cli.ok("code", "get", "r1", str(tmp_path / "back"))
    assert (tmp_path / "back" / "src" / "train.py").exists()


def test_what_run_and_submit_keep_of_a_program(
    lab: GatewayLab, cli: CommandLine, tmp_path: Path
) -> None:
    folder = tmp_path / "folder"
    make({"train.py": ""}, folder)
    command = ("run", "--folder", str(folder), "--detach", "--gpus", "0")
    program = ("--", "python", "train.py")
    kept = ("--artifact", "out/best=detector", "--artifact", "./runs/last model/")

    said = cli.ok(*command, "--name", "k1", *kept, "--save", *program)
    cli.ok(*command, "--name", "k2", "--artifact", "lr=0.1/x", "--artifact", "new=detector")
    make({"trainyard.yaml": "outputs: [{path: a, name: b}]\n", "train.py": ""}, folder)
    cli.ok(*command, "--name", "k3", *program)
    make({"pyproject.toml": "[tool.trainyard]\noutputs = [{path = 'a', name = 'c'}]\n"}, folder)
    (folder / "trainyard.yaml").unlink()
    cli.ok(*command, "--name", "k4", *program)
    cli.ok("submit", "--name", "k5", "--artifact", "/data/run/out=kept", "--", "x")
    again = cli.ok("submit", "--dry-run", "--artifact", "out=kept", "--", "x")

    assert "./runs/last model/ becomes a version of model last-model" in said.err
    assert "detector" not in said.err.partition("becomes a version")[2]
    assert "- path: out\n    name: kept\n" in again.out
    with lab.client() as gateway:
        specs = [gateway.status(f"k{n}").spec for n in range(1, 6)]
    found = [[(o.path, o.name) for o in spec.outputs or ()] for spec in specs]
    assert found == [
        [("out/best", "detector"), ("./runs/last model/", "last-model")],
        [("./runs/last model/", "last-model"), ("lr=0.1/x", "x"), ("new", "detector")],
        [("a", "b")],
        [("a", "c")],
        [("/data/run/out", "kept")],
    ]


def test_run_says_which_packages_it_asks_for_and_can_be_overruled(
    lab: GatewayLab, cli: CommandLine, tmp_path: Path
) -> None:
    folder = tmp_path / "folder"
    make({"requirements.txt": "einops\n", "gpu.txt": "einops\n", "train.py": ""}, folder)
    command = ("run", "--folder", str(folder), "--detach", "--gpus", "0")
    program = ("--", "python", "train.py")

    found = cli.ok(*command, "--name", "p1", *program)
    cli.ok(*command, "--name", "p2", "--packages", "gpu.txt", "--save", *program)
    cli.ok(*command, "--name", "p3", "--no-packages", *program)
    cli.ok(*command, "--name", "p4")
    make({"trainyard.yaml": "packages: {requirements: [einops]}\n", "train.py": ""}, folder)
    cli.ok(*command, "--name", "p5", *program)

    assert "packages of requirements.txt are installed first, without a GPU" in found.err
    with lab.client() as gateway:
        asked = [gateway.status(f"p{n}").spec.packages for n in range(1, 6)]
    files = [a.file if a is not None else None for a in asked]
    assert files == ["requirements.txt", "gpu.txt", None, "gpu.txt", None]
    assert asked[2] is None
    assert asked[4] is not None
    assert asked[4].requirements == ["einops"]
    assert "requirements.txt, not installed yet" in cli.ok("status", "p1").out


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ((), "there is no program: give one after --"),
        (("--packages", "no.txt", "--", "python", "train.py"), "no.txt is not in the folder"),
        (
            ("--packages", "train.py", "--no-packages", "--", "python", "train.py"),
            "either --packages FILE or --no-packages",
        ),
        (("--", "python", "trian.py"), "the program trian.py is not in the folder"),
        (("--", "python", "left.py"), "the program left.py is not in the bundle: .gitignore:1"),
        (("--", "python", "src\\train.py"), "is a path of Windows"),
        (("--", "train.py"), "write `-- python train.py"),
        (("--gpus", "-1", "--", "python", "train.py"), "resources.gpus"),
        (("--working-dir", "src", "--", "python", "train.py"), "the working folder src is not"),
        (("--artifact", "out=", "--", "python", "train.py"), "write it as PATH=NAME"),
        (("--artifact", "=x", "--", "python", "train.py"), "write it as PATH=NAME"),
        (("--artifact", "...", "--", "python", "train.py"), "write it as PATH=NAME"),
        (
            ("--artifact", "../out=x", "--", "python", "train.py"),
            "'../out' is no path of an output",
        ),
        (("--artifact", "/home/me=x", "--", "python", "train.py"), "below /data/run"),
        (("--artifact", "out=ü", "--", "python", "train.py"), "'ü' is no name of a model"),
        (
            ("--artifact", "a/x", "--artifact", "b/x", "--", "python", "train.py"),
            "two outputs are called x",
        ),
    ],
    ids=[
        "none",
        "no-list",
        "two-choices",
        "misspelt",
        "left-out",
        "windows",
        "no-interpreter",
        "wrong-option",
        "no-folder",
        "artifact-without-name",
        "artifact-without-path",
        "artifact-of-dots",
        "artifact-outside",
        "artifact-elsewhere",
        "artifact-of-no-name",
        "artifacts-of-one-name",
    ],
)
def test_a_run_that_cannot_work_is_a_sentence_before_anything_is_sent(
    lab: GatewayLab, cli: CommandLine, tmp_path: Path, arguments: tuple[str, ...], sentence: str
) -> None:
    folder = tmp_path / "folder"
    make({".gitignore": "left.py\n", "train.py": f"# {tmp_path}", "left.py": ""}, folder)
    kept = sorted((lab.data / "code").rglob("*"))

    said = cli.run("run", "--folder", str(folder), *arguments)

    assert (said.code, said.out) == (2, "")
    assert sentence in said.err
    assert sorted((lab.data / "code").rglob("*")) == kept


@pytest.mark.parametrize(
    ("assigned", "sentence"),
    [
        ("packages.file=gpu.cfg", "names no list of packages"),
        ("packages.file=3", "packages.file: Input should be a valid string"),
        ("packages.file=", "give exactly one of file"),
        ("packages.fil=gpu.txt", "did you mean 'file'?"),
        ("packages.requirements=einops", "packages.requirements: Input should be a valid list"),
        ("packages={file: gpu.txt, requirements: [einops]}", "give exactly one of file"),
        (f"code.bundle={'0' * 64}", "`trainyard run` sends the folder: leave out `code`"),
    ],
    ids=["no-list", "number", "empty", "misspelt", "no-lines", "both", "code"],
)
def test_wrong_fields_of_the_folder_are_refused_before_it_is_read(
    cli: CommandLine, tmp_path: Path, assigned: str, sentence: str
) -> None:
    nowhere = tmp_path / "nowhere"

    said = cli.run("run", "--folder", str(nowhere), "--set", assigned, "--", "python", "train.py")

    assert said.code == 2
    assert sentence in said.err
    assert str(nowhere) not in said.err


@pytest.mark.parametrize(
    ("file", "text", "sentence"),
    [
        ("trainyard.yaml", "resource: {}", "trainyard.yaml: resource: unknown field; did you mean"),
        ("trainyard.yaml", "a: [", "trainyard.yaml is not YAML"),
        ("trainyard.yaml", "- x", "trainyard.yaml must hold fields"),
        ("trainyard.yaml", "code: {}", "remove `code`"),
        ("trainyard.yaml", "packages: 3", "packages is the name of a file"),
        ("trainyard.yaml", "packages: a.cfg", "names no list of packages"),
        (
            "pyproject.toml",
            "[tool.trainyard]\nqueue = 3",
            "[tool.trainyard] in pyproject.toml: queue",
        ),
        ("pyproject.toml", "[", "pyproject.toml is not TOML"),
    ],
    ids=[
        "unknown-field",
        "no-yaml",
        "list",
        "code",
        "packages",
        "no-list",
        "wrong-value",
        "no-toml",
    ],
)
def test_wrong_defaults_of_a_folder_are_a_sentence(
    cli: CommandLine, tmp_path: Path, file: str, text: str, sentence: str
) -> None:
    make({file: text, "train.py": ""}, tmp_path / "folder")

    said = cli.run("run", "--folder", str(tmp_path / "folder"), "--", "python", "train.py")

    assert said.code == 2
    assert sentence in said.err


def test_login_remembers_url_and_key_for_its_owner_only(lab: GatewayLab, tmp_path: Path) -> None:
    cli = CommandLine(tmp_path / "home")
    config = tmp_path / "home" / ".config" / "trainyard" / "config"

    said = cli.ok("login", lab.url, "--key-stdin", given=lab.key + "\n")

    assert lab.key not in said.out + said.err
    assert stat.S_IMODE(config.stat().st_mode) == 0o600
    assert yaml.safe_load(config.read_text()) == {"url": lab.url, "key": lab.key}
    cli.ok("ls")
    cli.ok("logout")
    assert not config.exists()
    assert cli.run("ls").code == 4


def test_login_asks_for_the_key_without_showing_it(lab: GatewayLab, tmp_path: Path) -> None:
    cli = CommandLine(tmp_path / "home")
    elsewhere = tmp_path / "xdg"
    cli.env["XDG_CONFIG_HOME"] = str(elsewhere)

    terminal = cli.on_terminal("login", lab.url)
    terminal.wait_for("API key")
    terminal.type(lab.key + "\r")

    assert terminal.end() == 0
    assert lab.key not in terminal.raw
    assert (elsewhere / "trainyard" / "config").exists()


def test_login_with_a_wrong_key_remembers_nothing(lab: GatewayLab, tmp_path: Path) -> None:
    cli = CommandLine(tmp_path / "home")

    said = cli.run("login", lab.url, "--key-stdin", given="ty_wrong\n")

    assert (said.code, said.out) == (4, "")
    assert "does not accept the API key" in said.err
    assert not (tmp_path / "home" / ".config").exists()


def test_submit_by_flags_starts_the_session(cli: CommandLine, lab: GatewayLab, iris: str) -> None:
    flags = "--name by-flags --dataset iris --task tabular-classification --epochs 3 --lr 0.01 --gpus 2 --priority -5"
    said = cli.ok("submit", *flags.split(), "--set", "training.earlyStopping.patience=2")

    assert "session by-flags started in queue default" in said.out
    with lab.client() as gateway:
        spec = gateway.status("by-flags").spec
    assert spec.training is not None
    assert (spec.dataset, spec.training.epochs, spec.training.learning_rate) == ("iris", 3, 0.01)
    assert spec.training.early_stopping is not None
    assert (spec.resources.gpus, spec.priority, spec.training.early_stopping.patience) == (2, -5, 2)


def test_submit_of_an_own_program(cli: CommandLine, lab: GatewayLab) -> None:
    cli.ok("submit", "--name", "own", "--", "python", "train.py", "--depth", "4")

    with lab.client() as gateway:
        assert gateway.status("own").spec.command == ["python", "train.py", "--depth", "4"]


def test_submit_names_several_datasets(
    cli: CommandLine, lab: GatewayLab, iris: str, tmp_path: Path
) -> None:
    file = tmp_path / "second.csv"
    file.write_text("a,y\n1,2\n3,4\n")
    cli.ok("datasets", "put", str(file), "--name=second")
    both = ("--dataset=iris", "--dataset=second")

    cli.ok("submit", "--name=many", *both, "--", "python", "train.py")

    with lab.client() as gateway:
        spec = gateway.status("many").spec
    assert (spec.dataset, spec.datasets) == (None, ["iris", "second"])
    assert "iris, second" in cli.ok("status", "many").out
    said = cli.run("submit", *both, "--dataset=absent", "--", "python", "train.py")
    assert "there is no dataset 'absent'" in said.err


def test_the_manifest_that_submit_takes_is_one_for_kubectl_too(
    cli: CommandLine, lab: GatewayLab, iris: str, tmp_path: Path
) -> None:
    dry = cli.ok("submit", "--dry-run", "--name", "m-1", "--dataset", "iris", "--task", "tabular-classification")  # fmt: skip
    file = tmp_path / "session.yaml"
    file.write_text(dry.out)
    assert "would enter the queue default" in dry.err
    assert cli.run("status", "m-1").code == 5

    with api_client(lab.kubeconfig) as api:
        created = client.CustomObjectsApi(api).create_namespaced_custom_object(
            names.GROUP, names.VERSION, lab.namespace, names.SESSION_PLURAL, yaml.safe_load(dry.out)
        )
    cli.ok("submit", "-f", str(file), "--name", "m-2", "--set", "training.seed=7")
    cli.ok("submit", "-f", "-", "--name", "m-3", given=dry.out)

    with lab.client() as gateway:
        second = gateway.status("m-2").spec.wire()
    assert second["training"].pop("seed") == 7
    assert created["spec"]["training"].pop("seed") == 0
    assert second == created["spec"]


def test_dry_run_as_json(cli: CommandLine) -> None:
    said = cli.ok("submit", "--dry-run", "--name", "nothing", "-o", "json", "--", "x")

    assert said.json["sessions"][0]["spec"]["command"] == ["x"]
    assert cli.run("status", "nothing").code == 5


def test_several_sessions_of_one_file_start_all_or_none(cli: CommandLine, tmp_path: Path) -> None:
    file = tmp_path / "two.yaml"
    document = "apiVersion: trainyard.io/v1alpha1\nkind: TrainingSession\nmetadata: {{name: {0}}}\nspec: {{command: [x], dataset: {1}}}\n"
    file.write_text(document.format("two-1", "iris") + "---\n" + document.format("two-2", "absent"))

    said = cli.run("submit", "-f", str(file))

    assert said.code == 5
    assert "there is no dataset 'absent'" in said.err
    assert cli.run("status", "two-1").code == 5


def test_ls_in_every_form(cli: CommandLine, lab: GatewayLab) -> None:
    submit(lab, "listed", resources={"gpus": 3})
    set_phase(lab, "listed", "Queued", queue={"position": 2, "message": "three GPUs are needed"})

    table = cli.ok("ls", "--phase", "queued")
    wide = cli.ok("ls", "--phase", "queued", "-o", "wide")
    as_json = cli.ok("ls", "--phase", "Queued", "-o", "json")
    as_yaml = cli.ok("ls", "--phase", "Queued", "-o", "yaml")

    head, row = table.out.splitlines()
    assert head.split() == [
        "NAME",
        "PHASE",
        "PROGRESS",
        "ETA",
        "LOSS",
        "GPUS",
        "QUEUE",
        "POS",
        "AGE",
    ]
    assert row.split()[:8] == ["listed", "Queued", "-", "-", "-", "3", "default", "2"]
    assert {"PRIORITY", "ATTEMPT", "MESSAGE"} <= set(wide.out.splitlines()[0].split())
    assert as_json.json == yaml.safe_load(as_yaml.out)
    assert as_json.json["sessions"][0]["name"] == "listed"


def test_ls_says_when_there_are_more(cli: CommandLine, lab: GatewayLab) -> None:
    submit(lab, "more-1")
    submit(lab, "more-2")

    said = cli.ok("ls", "--limit", "1", "-o", "json")

    assert len(said.json["sessions"]) == 1
    assert "--limit 2" in said.err


@pytest.mark.parametrize("columns", [80, 120])
def test_ls_on_a_terminal_cuts_nothing_off(cli: CommandLine, lab: GatewayLab, columns: int) -> None:
    name = f"resnet-imagenet-nightly-{columns}"
    submit(lab, name)
    set_phase(lab, name, "Queued", queue={"position": 1, "message": "one GPU is needed"})

    terminal = cli.on_terminal("ls", "--phase", "queued", columns=columns)
    assert terminal.end() == 0
    head, line, *rows = terminal.text.rstrip().splitlines()

    assert head.split() == ["NAME", "PHASE", "PROGRESS", "ETA", "LOSS", "GPUS", "QUEUE", "POS", "AGE"]  # fmt: skip
    assert set(line.strip()) == {"─"}
    assert max(map(len, terminal.text.splitlines())) <= columns
    assert any(name.startswith(r.split()[0]) for r in rows if " Queued " in r)
    assert "\x1b[33mQueued" in terminal.raw


def test_json_goes_through_jq(cli: CommandLine, lab: GatewayLab) -> None:
    submit(lab, "for-jq")

    listed = subprocess.run(
        ["jq", "-r", '.sessions[] | select(.name == "for-jq") | .spec.command[0]'],
        input=cli.ok("ls", "-o", "json").out,
        capture_output=True,
        text=True,
        check=True,
    )

    assert listed.stdout == "x\n"


def test_status_shows_the_diagnosis_of_a_failure(cli: CommandLine, lab: GatewayLab) -> None:
    submit(lab, "failed")
    failure = {
        "class": "OutOfMemory",
        "message": "killed",
        "hint": "ask for more memory",
        "lastLogLines": ["epoch 1", "\x1b[31mred"],
    }
    set_phase(lab, "failed", "Failed", failure=failure, message="out of retries")

    shown = cli.ok("status", "failed").out

    for part in ("OutOfMemory: killed", "ask for more memory", "epoch 1", "out of retries"):
        assert part in shown
    assert "\x1b" not in shown


def test_steering_reaches_the_cluster(cli: CommandLine, lab: GatewayLab) -> None:
    submit(lab, "steered")
    set_phase(lab, "steered", "Running")

    cli.ok("priority", "steered", "-7")
    assert "saves a checkpoint" in cli.ok("suspend", "steered").out
    with lab.client() as gateway:
        suspended = gateway.status("steered").spec
    assert "session steered is Running" in cli.ok("resume", "steered").out
    refused = cli.run("cancel", "steered")
    assert "session steered stops" in cli.ok("stop", "steered").out

    assert (suspended.priority, suspended.desired_state) == (-7, "Suspended")
    assert (refused.code, "stop it instead" in refused.err) == (6, True)
    with lab.client() as gateway:
        assert gateway.status("steered").spec.desired_state == "Stopped"
    assert "final" in cli.run("resume", "steered").err


def test_cancel_and_queue(cli: CommandLine, lab: GatewayLab) -> None:
    submit(lab, "waits", resources={"gpus": 2})
    place = {"position": 1, "message": "two GPUs are needed", "reason": "WaitingForGPUs"}
    set_phase(lab, "waits", "Queued", queue=place)

    row = next(line for line in cli.ok("queue").out.splitlines() if " waits " in line)
    assert row.split()[:5] == ["1", "waits", "default", "0", "2"]
    assert row.endswith("two GPUs are needed")
    assert cli.ok("queue", "--queue", "other").out == "no session waits\n"
    cli.ok("cancel", "waits")

    with lab.client() as gateway:
        assert gateway.status("waits").spec.desired_state == "Stopped"


def test_logs_and_their_tail(cli: CommandLine, lab: GatewayLab) -> None:
    report(lab, submit(lab, "talks"))

    every = cli.ok("logs", "talks").out.splitlines()
    tail = cli.ok("logs", "talks", "--tail", "2").out.splitlines()
    objects = [json.loads(line) for line in cli.ok("logs", "talks", "-o", "json").out.splitlines()]

    assert every == [f"step {n}" for n in range(1, 41)]
    assert tail == ["step 39", "step 40"]
    assert [o["message"] for o in objects] == every
    assert cli.ok("logs", "talks", "--timestamps", "--tail", "1").out.startswith("2026-01-01T")


def test_logs_follow_to_the_end(cli: CommandLine, lab: GatewayLab) -> None:
    session = submit(lab, "follows")
    set_phase(lab, "follows", "Running")
    process = cli.start("logs", "follows", "-f")
    report(lab, session, steps=3)
    set_phase(lab, "follows", "Succeeded")

    out, err = process.communicate(timeout=30)

    assert (process.returncode, err) == (0, "")
    assert out.splitlines() == ["step 1", "step 2", "step 3"]


def test_logs_follow_over_broken_streams_tells_each_line_once(
    cli: CommandLine, lab: GatewayLab, tmp_path: Path
) -> None:
    session = submit(lab, "cut-off")
    set_phase(lab, "cut-off", "Running")
    with CuttingProxy(lab.port, [2000, 9000, 900]) as proxy:
        process = CommandLine(tmp_path / "home", proxy.url, lab.key).start("logs", "cut-off", "-f")
        assert process.stdout is not None
        report(lab, session, steps=300)
        first = process.stdout.readline()
        set_phase(lab, "cut-off", "Succeeded")
        rest, err = rest_of(process)

    assert (process.returncode, err) == (0, "")
    assert (first + rest).splitlines() == [f"step {n}" for n in range(1, 301)]


def test_metrics_as_table_plot_picture_and_csv(
    cli: CommandLine, lab: GatewayLab, tmp_path: Path
) -> None:
    report(lab, submit(lab, "measured"))
    png, points = tmp_path / "curve.png", tmp_path / "points.csv"

    table = cli.ok("metrics", "measured").out
    plotted = cli.ok("metrics", "measured", "--plot", "-m", "train/loss", COLUMNS="80").out
    cli.ok("metrics", "measured", "--png", str(png), "--csv", str(points))

    assert [line.split()[:3] for line in table.splitlines()[1:]] == [
        ["train/loss", "0.025", "40"],
        ["val/loss", "0.05", "40"],
    ]
    assert "train/loss 0.025" in plotted
    assert "\x1b" not in plotted
    assert max(map(len, plotted.splitlines())) <= 80
    assert png.read_bytes().startswith(b"\x89PNG")
    with points.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 80
    assert float(rows[39]["value"]) == 1 / 40


def test_datasets_from_put_to_rm(cli: CommandLine, lab: GatewayLab, tmp_path: Path) -> None:
    file = tmp_path / "flowers.csv"
    file.write_text(IRIS)

    put = cli.ok("datasets", "put", str(file)).out
    assert "6 samples" in put
    assert "target target (it is called 'target')" in put
    assert "flowers" in cli.ok("datasets", "ls").out
    info = cli.ok("datasets", "info", "flowers").out
    assert "target      target (it is called 'target')" in info
    assert "petal   number  feature  0        6         -" in info
    there = tmp_path / "there"
    there.mkdir()
    got = cli.ok("datasets", "get", "flowers", str(there)).out
    assert f"dataset flowers is in {there / 'flowers.csv'}" in got
    assert (there / "flowers.csv").read_bytes() == file.read_bytes()
    cli.ok("datasets", "get", "flowers", str(there))
    cli.ok("datasets", "get", "flowers", str(there / "mine"))
    (there / "mine").write_text("my own")
    kept = cli.run("datasets", "get", "flowers", str(there / "mine"))
    assert (kept.code, (there / "mine").read_text()) == (2, "my own")
    assert "is there with other content; give another FILE" in kept.err
    assert cli.run("datasets", "get", "flowers", str(there / "no" / "mine")).code == 2
    assert sorted(p.name for p in there.iterdir()) == ["flowers.csv", "mine"]
    cli.ok("datasets", "put", str(file), "--name", "named.csv")
    cli.ok("datasets", "get", "named.csv", str(there))
    assert sorted(p.name for p in there.iterdir()) == ["flowers.csv", "mine", "named.csv"]
    cli.ok("datasets", "rm", "flowers", "named.csv")
    assert cli.run("datasets", "info", "flowers").code == 5
    assert cli.run("datasets", "get", "flowers").code == 5


def test_a_dataset_is_read_as_its_owner_says(cli: CommandLine, tmp_path: Path) -> None:
    file = tmp_path / "wares.csv"
    file.write_text("zip;price;kind\n" + "".join(f"0{n};{n},5;k{n % 2}\n" for n in range(1, 9)))
    reading = ("--delimiter", ";", "--decimal", ",", "--set", "zip=text", "--target", "price")

    put = cli.ok("datasets", "put", str(file), *reading)
    known = cli.ok("datasets", "info", "wares", "-o", "json").json["details"]
    corrected = cli.ok("datasets", "schema", "wares", "--target", "kind", "--set", "zip=")
    shown = cli.ok("datasets", "schema", "wares", "-o", "json").json["details"]
    refused = cli.run("datasets", "schema", "wares", "--target", "colour")

    assert "target price" in put.out
    assert {c["name"]: c["type"] for c in known["columns"]} == {
        "zip": "text", "price": "number", "kind": "text",
    }  # fmt: skip
    assert (known["target"], known["revision"]) == ("price", 1)
    assert "separated by ;, with a header" in corrected.out
    assert (shown["target"], shown["classes"], shown["revision"]) == ("kind", ["k0", "k1"], 2)
    assert shown["choices"] == {
        "target": "kind", "delimiter": ";", "decimal": ",", "ignore": [], "types": {},
    }  # fmt: skip
    assert refused.code == 2
    assert "'colour'" in refused.err
    assert "'zip', 'price', 'kind'" in refused.err
    cli.ok("datasets", "rm", "wares")


def test_models_from_put_to_rm(cli: CommandLine, lab: GatewayLab, tmp_path: Path) -> None:
    file = safetensors(tmp_path / "net.safetensors")
    there = tmp_path / "there"
    there.mkdir()

    cli.ok("models", "put", str(file))
    assert "version 2" in cli.ok("models", "put", str(safetensors(file, 5))).out
    versions = cli.ok("models", "ls", "net", "-o", "json").json["models"]
    about = dict(line.split(None, 1) for line in cli.ok("models", "info", "net", "--version", "1").out.splitlines())  # fmt: skip
    assert "model.safetensors" in cli.ok("models", "files", "net").out
    cli.ok("models", "get", "net", str(there))
    cli.ok("models", "get", "net", str(there / "first"), "--version", "1")
    cli.ok("models", "get", "net", str(there))
    other = cli.run("models", "get", "net", str(there / "first"))
    unanswered = cli.run("models", "rm", "net")
    foreign = cli.run("models", "verify", "net", "--dataset", __file__)
    unanswered_too = cli.run("models", "rm", "net@2")
    absent = cli.run("models", "rm", "net@3", "--yes")
    with_colon = cli.run("models", "rm", "net:2", "--yes")
    one = cli.ok("models", "rm", "net@2", "--yes")
    left = cli.ok("models", "ls", "net", "-o", "json").json["models"]
    assert "version 3" in cli.ok("models", "put", str(file)).out
    cli.ok("models", "rm", "net", "--yes")

    assert sorted(v["version"] for v in versions) == [1, 2]
    assert (about["version"].strip(), about["sha256"].strip()) == (
        "1",
        next(v["sha256"] for v in versions if v["version"] == 1),
    )
    assert (there / "net.safetensors").read_bytes() == file.read_bytes()
    assert (other.code, (there / "first").read_bytes() != file.read_bytes()) == (2, True)
    assert "is there with other content; give another FILE" in other.err
    assert (there / "first").read_bytes() == safetensors(file, 4).read_bytes()
    assert sorted(p.name for p in there.iterdir()) == ["first", "net.safetensors"]
    assert 0 not in (unanswered.code, unanswered_too.code)
    assert (absent.code, "no model 'net' version 3" in absent.err) == (5, True)
    assert (with_colon.code, "as in net@2" in with_colon.err) == (2, True)
    assert one.out == "version 2 of model net deleted\n"
    assert [v["version"] for v in left] == [1]
    # A model that Trainyard has not trained states nothing that could be measured.
    assert (foreign.code, "model card" in foreign.err) == (1, True), foreign
    assert cli.run("models", "ls", "net").code == 5


def test_estimate_says_whether_and_when(cli: CommandLine, lab: GatewayLab) -> None:
    now = cli.ok("estimate", "--gpus", "0", "--cpu", "100m", "--memory", "64Mi", "-o", "json").json
    never = cli.run("estimate", "--gpus", "64", "--workers", "64")
    nowhere = cli.run("estimate", "--queue", "absent")

    assert (now["possible"], now["queue"]) == (True, "default")
    assert (never.code, "never" in never.out) == (1, True)
    assert (nowhere.code, "no TrainingQueue 'absent'" in nowhere.err) == (2, True)


def test_uploads_that_are_not_complete(cli: CommandLine, lab: GatewayLab) -> None:
    with lab.http() as http:
        for kind, more in (("datasets", {"filename": "a.csv"}), ("models", {})):
            body = {"name": f"half-{kind}", "sizeBytes": 3 << 20, "partBytes": 1 << 20, **more}
            http.post(f"/uploads/{kind}", json=body).raise_for_status()

    [row] = [r.split() for r in cli.ok("uploads", "ls").out.splitlines() if "half-" in r]
    [model] = cli.ok("uploads", "ls", "models", "-o", "json").json["uploads"]
    cli.ok("uploads", "rm", "datasets", row[0])
    cli.ok("uploads", "rm", "models", model["id"])

    assert row[1:3] == ["half-datasets", "admin"]
    assert (model["name"], model["owner"], model["parts"]) == ("half-models", "admin", 3)
    assert "no uploads that are not complete" in cli.ok("uploads", "ls").out
    assert cli.run("uploads", "rm", "datasets", row[0]).code == 5


def test_keys_from_create_to_revoke(cli: CommandLine, lab: GatewayLab, tmp_path: Path) -> None:
    made = cli.ok("keys", "create", "reader", "--scope", "sessions:read", "--expires", "2h")
    key = made.out.strip()
    reader = CommandLine(tmp_path / "reader", lab.url, key)
    row = next(r for r in cli.ok("keys", "ls").out.splitlines() if " reader " in r).split()

    assert row[1:3] == ["reader", "valid"]
    assert row[3] in ("1h59m", "2h00m")
    assert key not in made.err
    reader.ok("ls")
    refused = reader.run("submit", "--", "x")
    assert (refused.code, "sessions:write" in refused.err) == (4, True)
    cli.ok("keys", "revoke", row[0])
    assert reader.run("ls").code == 4
    listed = cli.ok("keys", "ls", "-o", "json").json["keys"]
    assert [k["id"] for k in listed if k.get("revoked")] == [row[0]]
    assert key not in json.dumps(listed)
    assert cli.run("keys", "create", "x", "--expires", "soon").code == 2


def test_users_and_teams_from_making_to_removing(cli: CommandLine) -> None:
    cli.ok("teams", "create", "vision")
    made = cli.ok("users", "create", "grace", "--role", "viewer", "--team", "vision")
    key = cli.ok("keys", "create", "grace-laptop", "--user", "grace", "-o", "json").json
    cli.ok("users", "set", "grace", "--role", "member", "--team", "vision", "--team", "default")
    row = next(r for r in cli.ok("users", "ls").out.splitlines() if r.startswith("grace")).split()
    teams = cli.ok("teams", "ls", "-o", "json").json["teams"]

    assert "viewer of vision" in made.out + made.err
    assert key["user"] == "grace"
    assert row[1:4] == ["member", "vision", "default"]
    assert [t["users"] for t in teams if t["name"] == "vision"] == [["grace"]]
    assert cli.run("users", "set", "grace").code == 2
    cli.ok("users", "rm", "grace")
    cli.ok("teams", "rm", "vision")
    assert "grace" not in cli.ok("users", "ls").out


def test_limits_from_setting_to_deleting(cli: CommandLine) -> None:
    cli.ok("limits", "set", "team", "default", "--gpu-hours", "100", "--max-gpus", "4")
    shown = cli.ok("limits", "ls").out
    listed = cli.ok("limits", "ls", "-o", "json").json["limits"]

    assert shown.splitlines()[-1].split()[:4] == ["team", "default", "4", "100"]
    assert [(v["kind"], v["gpuHours"], v["period"]) for v in listed] == [("team", 100, "month")]
    assert cli.run("limits", "set", "team", "default").code == 2
    cli.ok("limits", "rm", "team", "default")
    assert cli.ok("limits", "ls", "-o", "json").json["limits"] == []


def test_share_shows_and_changes_who_sees_a_session(cli: CommandLine) -> None:
    name = "shared-later"
    cli.ok("submit", "--name", name, "--", "x")
    before = cli.ok("share", "session", name).out
    after = cli.ok("share", "session", name, "--visibility", "private", "-o", "json").json

    assert before == f"session {name}: user admin, team default, visibility team\n"
    assert (after["team"], after["visibility"]) == ("default", "private")


def test_system_shows_machine_and_cluster(cli: CommandLine, lab: GatewayLab) -> None:
    shown = cli.ok("system").out
    told = cli.ok("system", "-o", "json").json

    assert "cluster GPUs" in shown
    assert "disk" in shown
    assert told["gpusTotal"] >= 4


def test_doctor_finds_what_is_there_and_what_is_missing(cli: CommandLine, lab: GatewayLab) -> None:
    path = f"{find_kubectl().parent}:{cli.env['PATH']}"
    said = cli.run("doctor", "-n", lab.namespace, "-o", "json", PATH=path, KUBECONFIG=str(lab.kubeconfig))  # fmt: skip
    found = {f["what"]: f for f in said.json["findings"]}

    states = {what: f["state"] for what, f in found.items()}
    for good in ("login", "gateway", "key", "clock", "GPUs", "cluster", "CRDs", "rights", "GPU plugin"):  # fmt: skip
        assert states[good] == "ok", found[good]
    # The lab's gateway runs beside the cluster: nothing is installed in it.
    assert (states["deployed operator"], states["deployed gateway"]) == ("broken", "broken")
    assert (states["volume"], states["deployed bot"]) == ("warning", "skipped")
    assert "helm upgrade --install" in found["deployed operator"]["fix"]
    assert said.code == 1


def test_kubectl_knows_it_as_a_plugin(cli: CommandLine, lab: GatewayLab) -> None:
    submit(lab, "plugged")
    kubectl = find_kubectl()
    # The programs lie beside the interpreter, where pip puts them.
    cli.env["PATH"] = f"{Path(sys.executable).parent}:{kubectl.parent}:{cli.env['PATH']}"

    def ask(*arguments: str) -> str:
        return subprocess.run(
            [str(kubectl), *arguments], env=cli.env, capture_output=True, text=True, check=True
        ).stdout

    assert "plugged" in ask("trainyard", "ls", "--limit", "1000")
    assert ask("trainyard", "stop", "--help").lstrip().startswith("Usage: kubectl trainyard stop")
    assert {"status", "stop"} <= set(ask("__complete", "trainyard", "st").split())


def test_the_shell_completes_commands(cli: CommandLine) -> None:
    program = str(Path(sys.executable).parent / "trainyard")
    env = {**cli.env, "_TRAINYARD_COMPLETE": "complete_bash", "COMP_WORDS": "trainyard su", "COMP_CWORD": "1"}  # fmt: skip
    done = subprocess.run([program], env=env, capture_output=True, text=True, check=False)

    assert done.stdout.split() == ["submit", "suspend"]


def test_watch_follows_a_session_to_its_success(cli: CommandLine, lab: GatewayLab) -> None:
    session = submit(lab, "watched")
    set_phase(lab, "watched", "Queued", queue={"position": 1, "message": "one GPU is needed"})
    process = cli.start("watch", "watched", "--interval", "0.1")
    assert process.stdout is not None
    first = process.stdout.readline()
    report(lab, session)
    set_phase(lab, "watched", "Running")
    # What the trainer reported reaches the session a moment after the phase, or before it.
    second = next(line for line in process.stdout if "%" in line)
    metrics = [{"name": "val/loss", "value": "0.05"}]
    set_phase(lab, "watched", "Succeeded", metrics=metrics, model={"name": "watched", "version": 1, "sha256": "ab"})  # fmt: skip

    rest, err = rest_of(process)

    assert "waits in default, place 1 · one GPU is needed" in first
    assert "80 % · epoch 5/5 · train/loss 0.025" in second
    assert "watched Succeeded" in rest
    assert "trainyard models get watched" in rest
    assert (process.returncode, err) == (0, "")


def test_watch_of_a_failure_shows_the_diagnosis_and_fails(
    cli: CommandLine, lab: GatewayLab
) -> None:
    submit(lab, "doomed")
    failure = {"class": "OutOfMemory", "message": "killed", "hint": "ask for more memory", "lastLogLines": ["epoch 1"]}  # fmt: skip
    set_phase(lab, "doomed", "Failed", failure=failure)

    said = cli.run("watch", "doomed")

    assert said.code == 1
    assert said.out.splitlines() == [
        "doomed Failed",
        "OutOfMemory: killed",
        "  | epoch 1",
        "what to do: ask for more memory",
    ]
    assert "trainyard logs doomed" in said.err


def test_watch_survives_a_restart_of_the_gateway(cli: CommandLine, lab: GatewayLab) -> None:
    submit(lab, "patient")
    set_phase(lab, "patient", "Running")
    process = cli.start("watch", "patient", "--interval", "0.1")
    assert process.stdout is not None
    process.stdout.readline()
    lab.stop()
    lab.start()
    set_phase(lab, "patient", "Succeeded")

    out, _ = rest_of(process)

    assert process.returncode == 0
    assert "patient Succeeded" in out


def test_watch_on_a_terminal_keeps_one_line_and_ctrl_c_leaves_the_session(
    cli: CommandLine, lab: GatewayLab
) -> None:
    session = submit(lab, "on-screen")
    set_phase(lab, "on-screen", "Running")
    report(lab, session)
    terminal = cli.on_terminal("watch", "on-screen", "--interval", "0.2")
    terminal.wait_for("80 % · epoch 5/5 · train/loss 0.025")

    terminal.press_ctrl_c()

    assert terminal.end() == 130
    assert "stopped watching; on-screen keeps running" in terminal.text
    assert "Traceback" not in terminal.text
    with lab.client() as gateway:
        assert gateway.status("on-screen").spec.desired_state == "Running"


def test_submit_and_watch_in_one_command(cli: CommandLine, lab: GatewayLab) -> None:
    process = cli.start("submit", "--name", "both", "--watch", "--", "x")
    with lab.client() as gateway:
        eventually(lambda: any(s.name == "both" for s in gateway.sessions().sessions), within=60)
    set_phase(lab, "both", "Succeeded")

    out, _ = process.communicate(timeout=30)

    assert process.returncode == 0
    assert "session both started" in out
    assert "both Succeeded" in out


def left(lab: GatewayLab, cli: CommandLine, name: str) -> Path:
    """A session with a folder of files, and that folder."""
    session = submit(lab, name)
    run = lab.data / "runs" / session.uid
    (run / "work" / "out").mkdir(parents=True)
    (run / "work" / "out" / "model.pt").write_bytes(b"w" * 3000)
    (run / "work" / "out" / "\x1b[2J").write_bytes(b"x")
    (run / "work" / "last").symlink_to("out")
    return run


def test_files_of_a_session_are_listed(lab: GatewayLab, cli: CommandLine) -> None:
    left(lab, cli, "leaves")

    root = cli.ok("files", "ls", "leaves").out
    work = cli.ok("files", "ls", "leaves", "/data/run/work").out
    as_json = cli.ok("files", "ls", "leaves", "work/out", "-o", "json").json

    assert "work/" in root
    assert "last -> out" in work
    assert [f["path"] for f in as_json["files"]] == ["work/out/%1B%5B2J", "work/out/model.pt"]
    assert "\x1b" not in cli.ok("files", "ls", "leaves", "work/out").out


def test_files_of_a_session_are_fetched_again_and_again(
    lab: GatewayLab, cli: CommandLine, tmp_path: Path
) -> None:
    run, target = left(lab, cli, "fetched"), tmp_path / "results"
    first = cli.ok("files", "get", "fetched", "work", str(target))
    second = cli.ok("files", "get", "fetched", "work", str(target))
    (run / "work" / "out" / "model.pt").write_bytes(b"v" * 4000)
    third = cli.run("files", "get", "fetched", "work", str(target))
    one = cli.ok("files", "get", "fetched", "work/out/model.pt", str(tmp_path / "m.pt"))

    assert "2 files (2.9 KiB) in" in first.out
    assert "left out: last is a link to out" in first.err
    assert "out/\\x1b[2J is %1B[2J here" in first.err
    assert "2 files" in second.out
    assert third.code == 6
    assert "model.pt is there with other content, which stays" in third.err
    assert (target / "out" / "model.pt").read_bytes() == b"w" * 3000
    assert "1 file" in one.out
    assert (tmp_path / "m.pt").read_bytes() == b"v" * 4000
    assert sorted(p.name for p in target.rglob("*")) == ["%1B[2J", "model.pt", "out"]


def test_a_download_of_a_folder_goes_on_after_a_cut(
    lab: GatewayLab, cli: CommandLine, tmp_path: Path
) -> None:
    run = left(lab, cli, "cut")
    content = os.urandom(6 << 20)
    (run / "work" / "out" / "model.pt").write_bytes(content)
    eventually(lambda: is_settled((run / "work" / "out" / "model.pt").stat()), within=60)

    with CuttingProxy(lab.port, [3 << 20, 2 << 20]) as proxy:
        through = CommandLine(tmp_path / "home", proxy.url, lab.key)
        through.ok("files", "get", "cut", "work/out", str(tmp_path / "out"))

    assert (tmp_path / "out" / "model.pt").read_bytes() == content


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (("ls", "nobody"), 5, "there is no session"),
        (("ls", "wrong", "absent"), 5, "has no file or folder 'absent'"),
        (("ls", "wrong", "../x"), 2, "a path is relative"),
        (("get", "wrong", "work/last"), 2, "is no file and no folder"),
        (("get", "wrong", "work/out/model.pt", "absent/m.pt"), 2, "there is no folder absent"),
    ],
    ids=["no-session", "no-path", "path-that-leads-out", "link", "no-target"],
)
def test_files_that_are_not_there_are_a_sentence(
    lab: GatewayLab, cli: CommandLine, arguments: tuple[str, ...], code: int, sentence: str
) -> None:
    if cli.run("status", "wrong").code:
        left(lab, cli, "wrong")

    said = cli.run("files", *arguments)

    assert (said.code, said.out) == (code, "")
    assert sentence in said.err
