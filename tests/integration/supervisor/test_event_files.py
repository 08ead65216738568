"""A program writes event files of TensorBoard, and its scalars are metrics of the session."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from event_file_bytes import scalar, version
from poll import eventually
from report_stand_in import ReportStandIn, report_stand_in
from supervisor_lab import SupervisorLab, python

from trainyard_api import contract

NAME = "events.out.tfevents.1.host.1.0"
WRITES = f"""
import os, time
def write(folder, content):
    os.makedirs(folder, exist_ok=True)
    with open(folder + "/{NAME}", "ab") as file:
        file.write(bytes.fromhex(content))
"""
WHEN = 1.75e9


def steps(first: int, last: int, tag: str = "loss") -> str:
    return b"".join(scalar(tag, n / 2, n, WHEN + n) for n in range(first, last)).hex()


def writes(folder: str, content: str) -> str:
    return f"write({folder!r}, {content!r})\n"


START = version(WHEN).hex()
TRAINS = WRITES + writes("logs", START + steps(1, 4)) + writes("logs", steps(4, 5))
WAITS = (
    TRAINS
    + """
parent = os.getppid()
while os.getppid() == parent:
    time.sleep(0.02)
"""
)


def kill(supervisor: subprocess.Popen[bytes]) -> None:
    """As the kernel does; the program sees that it is gone."""
    supervisor.kill()
    supervisor.communicate(timeout=60)


def points(gateway: ReportStandIn) -> Counter[tuple[int, str, Any]]:
    """How often each value arrived, in whatever batch."""
    return Counter(
        (row["step"], name, value)
        for batch in gateway.batches.values()
        for row in batch["metrics"]
        for name, value in row["values"].items()
    )


def attempt(number: int) -> dict[str, str]:
    return {contract.ENV_RUN: json.dumps({"uid": "uid", "attempt": number, "outputModel": "m"})}


TABLE = """
import os, time
os.makedirs("lightning_logs/version_0")
for columns in ("epoch,step,loss", "epoch,step,loss,val"):
    with open("lightning_logs/version_0/metrics.csv", "w") as file:
        file.write(columns + "\\n")
        for n in range(3):
            file.write(f"0,{n},{n / 2}" + (",9" if "val" in columns else "") + "\\n")
"""


def test_a_table_arrives(tmp_path: Path) -> None:
    with report_stand_in() as gateway:
        ended = SupervisorLab(tmp_path, gateway).run(*python(TABLE))

    assert ended.code == 0, ended.err
    assert points(gateway).keys() == {
        *((n, "loss", n / 2) for n in range(3)),
        *((n, name, value) for n in range(3) for name, value in (("epoch", 0), ("val", 9))),
    }


def test_scalars_arrive_once_with_their_step_and_time(tmp_path: Path) -> None:
    with report_stand_in() as gateway:
        ended = SupervisorLab(tmp_path, gateway).run(*python(TRAINS))
        rows = [row for batch in gateway.batches.values() for row in batch["metrics"]]
        beats = [b["heartbeat"] for b in gateway.batches.values() if "heartbeat" in b]

    assert ended.code == 0, ended.err
    assert [(row["step"], row["values"]) for row in rows] == [
        (n, {"loss": n / 2}) for n in range(1, 5)
    ]
    assert [row["time"] for row in rows] == [f"2025-06-15T15:06:4{n}+00:00" for n in range(1, 5)]
    assert beats[-1]["step"] == 4
    assert ended.message["end"] == {"step": 4}
    assert ended.err == b""


def test_they_arrive_while_the_program_runs(tmp_path: Path) -> None:
    waits = TRAINS + "while not os.path.exists('go'): time.sleep(0.02)\n"
    with report_stand_in() as gateway:
        lab = SupervisorLab(tmp_path, gateway)
        process = lab.start(*python(waits + writes("logs", steps(5, 6))))
        eventually(lambda: len(gateway.rows()) == 4, what="the first values")
        beats = eventually(
            lambda: [b["heartbeat"] for b in gateway.batches.values() if "heartbeat" in b],
            what="a heartbeat",
        )
        (tmp_path / "go").touch()
        lab.end(process)

        assert beats[-1]["step"] == 4
        assert points(gateway) == Counter((n, "loss", n / 2) for n in range(1, 6))


def test_an_attempt_goes_on_where_the_one_before_was_killed(tmp_path: Path) -> None:
    retries = WRITES + writes("again", START + steps(3, 8))
    with report_stand_in() as gateway:
        lab = SupervisorLab(tmp_path, gateway)
        process = lab.start(*python(WAITS))
        eventually(lambda: len(gateway.rows()) == 4, what="the first values")
        kill(process)
        with (tmp_path / "logs" / NAME).open("ab") as file:
            file.write(bytes.fromhex(steps(5, 6)))
        lab.run(*python(retries), environment=attempt(2))
        found, rows = points(gateway), gateway.rows()

    assert found == Counter([(n, "loss", n / 2) for n in (*range(1, 6), *range(3, 8))])
    assert rows == [(n, "loss", n / 2) for n in range(1, 8)]


def test_what_a_gateway_did_not_take_the_next_attempt_delivers(tmp_path: Path) -> None:
    with report_stand_in() as gateway:
        gateway.answers = [503] * 1000
        lab = SupervisorLab(tmp_path, gateway)
        process = lab.start(*python(WAITS))
        spool = tmp_path / contract.SPOOL / "000001" / "events-0"
        eventually(lambda: list(spool.glob("*.json")), what="a batch in the spool")
        kill(process)
        gateway.answers.clear()
        lab.run(*python("pass"), environment=attempt(2))

        assert points(gateway) == Counter((n, "loss", n / 2) for n in range(1, 5))


@pytest.mark.parametrize(
    "environment",
    [
        pytest.param({contract.ENV_EVENT_FILES: "off"}, id="switched off"),
        pytest.param({contract.ENV_COMPLETION_INDEX: "1"}, id="another worker"),
    ],
)
def test_nothing_is_read_where_nothing_is_to_be(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    with report_stand_in() as gateway:
        ended = SupervisorLab(tmp_path, gateway).run(*python(TRAINS), environment=environment)

        assert ended.code == 0
        assert gateway.rows() == []


def test_a_program_that_reports_itself_counts_alone(tmp_path: Path) -> None:
    own = """
import trainyard
from pathlib import Path
session = trainyard.init(total_steps=2, run_dir=Path("."))
session.log({"loss": 0.25}, step=1)
session.progress(1)
session.finish(20)
"""
    with report_stand_in() as gateway:
        ended = SupervisorLab(tmp_path, gateway).run(sys.executable, "-c", own + TRAINS)

        assert ended.code == 0, ended.err
        assert gateway.rows() == [(1, "loss", 0.25)]


def test_garbage_is_a_word_in_the_log_and_no_failure(tmp_path: Path) -> None:
    garbage = WRITES + writes("logs", START + steps(1, 3) + "00ff" * 50 + steps(3, 5))
    with report_stand_in() as gateway:
        ended = SupervisorLab(tmp_path, gateway).run(*python(garbage))
        found, lines = points(gateway), gateway.lines()

    assert ended.code == 0
    assert found == Counter((n, "loss", n / 2) for n in range(1, 5))
    said = f"trainyard: the event file logs/{NAME} is damaged: what is no record is passed over"
    assert lines.count(said) == 1


def test_secrets_in_tags_are_not_shown(tmp_path: Path) -> None:
    with report_stand_in() as gateway:
        lab = SupervisorLab(tmp_path, gateway)
        lab.environment |= lab.secret("hub", TOKEN="hunter2-hunter2")
        lab.run(*python(WRITES + writes("logs", START + steps(1, 2, "loss-hunter2-hunter2"))))

        assert gateway.rows() == [(1, "loss-***", 0.5)]
