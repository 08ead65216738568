"""A program that is stopped in the middle goes on from its newest whole checkpoint."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest
from poll import eventually
from supervisor_lab import SupervisorLab, python

from trainyard_api import contract
from trainyard_api.contract import ExitCode

TRAIN = """
import os, sys, time, zipfile
first = 1
if "--resume" in sys.argv:
    with zipfile.ZipFile(sys.argv[sys.argv.index("--resume") + 1]) as saved:
        first = int(saved.read("step")) + 1
for name in ("TRAINYARD_ATTEMPT", "TRAINYARD_LATEST_CHECKPOINT"):
    print(name, os.environ.get(name, "-"))
print("first step", first, flush=True)
os.makedirs("out", exist_ok=True)
for step in range(first, 7):
    with zipfile.ZipFile(f"out/step_{step}.pt", "w") as saved:
        saved.writestr("step", str(step))
    while step == 3 and first == 1:
        time.sleep(0.1)
print("done", flush=True)
"""
COMMAND = (*python(TRAIN), "{if-checkpoint}", "--resume", "{latest-checkpoint}", "{end}")


@pytest.fixture
def lab(tmp_path: Path) -> SupervisorLab:
    return SupervisorLab(tmp_path)


def attempt(number: int, **more: Any) -> dict[str, str]:
    return {contract.ENV_RUN: json.dumps({"uid": "uid", "attempt": number, **more})}


def saved(lab: SupervisorLab, step: int) -> Path:
    return lab.folder / "out" / f"step_{step}.pt"


def test_a_stopped_program_continues_after_its_last_step(lab: SupervisorLab) -> None:
    process = lab.start(*COMMAND, environment=attempt(1))
    eventually(lambda: saved(lab, 3).exists() or None)
    process.send_signal(signal.SIGTERM)
    first = lab.end(process)
    # As if the kill had come while it was written.
    saved(lab, 4).write_bytes(saved(lab, 3).read_bytes()[:20])
    second = lab.run(*COMMAND, environment=attempt(2))

    assert first.code == ExitCode.PREEMPTED
    assert first.out.decode().splitlines() == [
        "TRAINYARD_ATTEMPT 1",
        "TRAINYARD_LATEST_CHECKPOINT -",
        "first step 1",
    ]
    assert second.out.decode().splitlines() == [
        "TRAINYARD_ATTEMPT 2",
        f"TRAINYARD_LATEST_CHECKPOINT {saved(lab, 3)}",
        "first step 4",
        "done",
    ]
    said = second.err.decode().splitlines()
    assert said == [
        "trainyard: the checkpoint out/step_4.pt is set aside: is cut off",
        f"trainyard: continues from {saved(lab, 3)}",
    ]


def test_all_workers_take_the_choice_of_the_first(lab: SupervisorLab) -> None:
    saved(lab, 1).parent.mkdir()
    saved(lab, 1).write_bytes(b"")
    command = (*python("import sys; print(sys.argv[1:])"), *COMMAND[4:])
    environment = attempt(2, workers=2)
    other = lab.start(*command, environment={**environment, contract.ENV_COMPLETION_INDEX: "1"})
    os.truncate(saved(lab, 1), 0)
    saved(lab, 2).write_bytes(b"\x80\x02state.")
    first = lab.run(*command, environment={**environment, contract.ENV_COMPLETION_INDEX: "0"})

    assert first.out.decode() == f"['--resume', '{saved(lab, 2)}']\n"
    assert lab.end(other).out == first.out


def test_auto_tells_a_known_program_and_says_what_it_did(lab: SupervisorLab) -> None:
    script = lab.folder / "train.py"
    script.write_text("import sys; print(sys.argv[1:])  # LightningCLI()")
    command = (*python("")[:2], str(script), "fit")
    first = lab.run(*command, environment=attempt(1, resume="auto"))
    place = lab.folder / "lightning_logs" / "version_0" / "checkpoints" / "epoch=2-step=60.ckpt"
    place.parent.mkdir(parents=True)
    place.write_bytes(b"\x80\x02state.")
    second = lab.run(*command, environment=attempt(2, resume="auto"))

    assert "no checkpoint yet" in first.err.decode()
    assert second.out.decode() == f"['fit', '--ckpt_path', '{place}']\n"
    assert f"continues by --ckpt_path {place}" in second.err.decode()


def test_auto_leaves_an_unknown_program_alone_and_says_so(lab: SupervisorLab) -> None:
    ended = lab.run(*python("print('ran')"), environment=attempt(1, resume="auto"))
    assert (ended.code, ended.out) == (0, b"ran\n")
    assert "resume: auto does nothing: there is no program" in ended.err.decode()


def test_a_checkpoint_that_came_with_the_code_is_none_of_the_session(lab: SupervisorLab) -> None:
    (lab.folder / "out").mkdir()
    saved(lab, 9).write_bytes(b"\x80\x02state.")
    made = lab.folder / contract.WORK_MADE
    made.touch()
    os.utime(saved(lab, 9), ns=(made.stat().st_mtime_ns - 1,) * 2)
    show = python("import os; print(os.environ.get('TRAINYARD_LATEST_CHECKPOINT'))")
    assert lab.run(*show, environment=attempt(2)).out == b"None\n"
    os.utime(saved(lab, 9), ns=(made.stat().st_mtime_ns + 1,) * 2)
    assert lab.run(*show, environment=attempt(2)).out.decode() == f"{saved(lab, 9)}\n"


def test_a_command_that_cannot_be_filled_is_a_sentence(lab: SupervisorLab) -> None:
    ended = lab.run("run", "{if-checkpoint}", environment=attempt(1))
    assert ended.code == ExitCode.BAD_CONFIGURATION
    assert ended.message["reason"] == "BadCommand"
    assert "{if-checkpoint} has no {end}" in ended.message["message"]
