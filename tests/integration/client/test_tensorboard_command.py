"""`trainyard tensorboard` starts the user's program on the event files of sessions, and keeps them fresh."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from client_lab import set_phase, submit
from cluster import unique
from command_line import CommandLine, rest_of
from event_file_bytes import scalar, version
from gateway_lab import GatewayFactory, GatewayLab
from poll import eventually

pytestmark = pytest.mark.integration

NAME = "events.out.tfevents.1.host.1.0"
STARTS = f"""#!{sys.executable}
import json, os, signal, sys, time
with open(os.environ["HOME"] + "/started", "w") as file:
    json.dump(sys.argv[1:], file)
while not os.path.exists(os.environ["HOME"] + "/end"):
    time.sleep(0.02)
sys.exit(int(open(os.environ["HOME"] + "/end").read() or 0))
"""


@pytest.fixture(scope="module")
def lab(gateway_factory: GatewayFactory) -> GatewayLab:
    return gateway_factory()


@pytest.fixture
def cli(lab: GatewayLab, tmp_path: Path) -> CommandLine:
    """With a TensorBoard on the PATH that writes down how it was started, and ends when told to."""
    cli = CommandLine(tmp_path / "home", lab.url, lab.key)
    program = tmp_path / "bin" / "tensorboard"
    program.parent.mkdir()
    program.write_text(STARTS)
    program.chmod(0o755)
    cli.env["PATH"] = f"{program.parent}:{cli.env['PATH']}"
    return cli


def session(lab: GatewayLab, folder: str = "lightning_logs/version_0") -> tuple[str, Path]:
    """A session that has begun an event file: its name, and that file."""
    made = submit(lab, unique("tb"))
    file = lab.data / "runs" / made.uid / folder / NAME
    file.parent.mkdir(parents=True)
    file.write_bytes(version() + scalar("loss", 1.0, 1))
    (file.parent / "hparams.yaml").write_text("lr: 1")
    return made.name, file


def started(cli: CommandLine) -> Path:
    """Waits until it has started; the folder that it shows."""

    def arguments() -> list[str]:
        path = cli.home / "started"
        return json.loads(path.read_text()) if path.exists() and path.read_text() else []

    given = eventually(arguments, what="a start of TensorBoard")
    assert given[0] == "--logdir"
    return Path(given[1])


def end(cli: CommandLine, process: subprocess.Popen[str], code: int = 0) -> tuple[str, str]:
    (cli.home / "end").write_text(str(code))
    return rest_of(process)


def test_it_shows_sessions_under_their_names_and_what_they_add(
    cli: CommandLine, lab: GatewayLab
) -> None:
    (one, first), (two, second) = session(lab), session(lab, "logs")
    process = cli.start("tensorboard", one, two, "--every", "1")
    root = started(cli)
    here = {
        one: root / one / "lightning_logs" / "version_0" / NAME,
        two: root / two / "logs" / NAME,
    }

    assert here[one].read_bytes() == first.read_bytes()
    assert here[two].read_bytes() == second.read_bytes()
    inode = here[one].stat().st_ino
    with first.open("ab") as file:
        file.write(scalar("loss", 0.5, 2))
    second.with_name(NAME + ".new").write_bytes(version())
    eventually(lambda: here[one].read_bytes() == first.read_bytes(), what="what was added")
    eventually(lambda: here[two].with_name(NAME + ".new").exists(), what="a new file")
    out, err = end(cli, process)

    assert process.returncode == 0, err
    assert here[one].stat().st_ino == inode
    assert f"{one}: 1 event file" in err
    assert sorted(path.name for path in root.rglob("*") if path.is_file()) == sorted(
        [NAME, NAME, NAME + ".new"]
    )


def test_what_is_here_is_not_sent_again_and_what_was_replaced_is(
    cli: CommandLine, lab: GatewayLab, tmp_path: Path
) -> None:
    name, file = session(lab)
    set_phase(lab, name, "Succeeded")
    place = tmp_path / "place"
    (cli.home / "end").write_text("0")
    cli.ok("tensorboard", name, "--folder", str(place))
    here = place / name / "lightning_logs" / "version_0" / NAME
    before = here.stat()
    cli.ok("tensorboard", name, "--folder", str(place))
    same = here.stat()
    file.write_bytes(version(2e9) + scalar("other", 0.5, 1) * 4)
    cli.ok("tensorboard", name, "--folder", str(place))
    longer = here.read_bytes()
    file.write_bytes(version(3e9))
    cli.ok("tensorboard", name, "--folder", str(place))

    assert (same.st_ino, same.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert longer == version(2e9) + scalar("other", 0.5, 1) * 4
    assert here.read_bytes() == version(3e9)


def test_it_ends_with_its_program(cli: CommandLine, lab: GatewayLab) -> None:
    name, _ = session(lab)
    process = cli.start("tensorboard", name)
    started(cli)
    _, err = end(cli, process, code=3)

    assert process.returncode == 1
    assert "Traceback" not in err


def test_ctrl_c_ends_both(cli: CommandLine, lab: GatewayLab) -> None:
    name, _ = session(lab)
    process = cli.start("tensorboard", name)
    started(cli)
    process.send_signal(signal.SIGINT)
    _, err = rest_of(process)

    assert process.returncode == 130
    assert "Traceback" not in err


def test_without_tensorboard_it_says_how_to_install_it(lab: GatewayLab, tmp_path: Path) -> None:
    cli = CommandLine(tmp_path / "home", lab.url, lab.key)
    said = cli.run("tensorboard", "any", PATH=str(tmp_path))

    assert said.code == 2
    assert "pip install tensorboard" in said.err


def test_a_session_that_is_not_there_is_said(cli: CommandLine) -> None:
    said = cli.run("tensorboard", unique("none"))

    assert said.code == 5
