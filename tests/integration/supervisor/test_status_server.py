"""A program reports its status by HTTP, as the Trainer of transformers 5 does by itself."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from report_stand_in import report_stand_in
from supervisor_lab import SupervisorLab, python

from trainyard_api import contract

REPORTS = """
import json, os, urllib.error, urllib.request
url = os.environ["KUBEFLOW_TRAINER_SERVER_URL"]
token = open(os.environ["KUBEFLOW_TRAINER_SERVER_TOKEN"]).read().strip()

def post(body, token=token, url=url, more={}):
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json", **more}
    request = urllib.request.Request(url, data=body, headers=headers, method="POST")
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code

def status(percent, **metrics):
    entries = [{"name": k, "value": str(v)} for k, v in metrics.items()]
    return json.dumps({"trainerStatus": {"progressPercentage": percent, "metrics": entries}}).encode()
"""
TRAINS = (
    REPORTS
    + """
answers = [
    post(status(0, total_steps=40)),
    post(status(25, loss=2.5, current_step=10, total_steps=40)),
    post(status(50, loss=2.5, eval_loss="nan", current_step=20, total_steps=40)),
    post(status(100, loss=1.5)),
]
print(answers)
"""
)
WRONG = (
    REPORTS
    + """
print([
    post(status(50), token="guessed"),
    post(b"not JSON"),
    post(b" " * 300_000),
    post(status(50), url=url + "/more"),
    post(status(30)),
])
"""
)


def test_steps_and_values_arrive_without_a_line_of_ours(tmp_path: Path) -> None:
    with report_stand_in() as gateway:
        ended = SupervisorLab(tmp_path, gateway).run(*python(TRAINS))
        rows = gateway.rows()
        beats = [b["heartbeat"] for b in gateway.batches.values() if "heartbeat" in b]

    assert ended.out == b"[200, 200, 200, 200]\n"
    assert rows == [(10, "loss", 2.5), (20, "eval_loss", "NaN"), (40, "loss", 1.5)]
    assert (beats[-1]["step"], beats[-1]["totalSteps"]) == (40, 40)
    assert ended.message["end"] == {"step": 40, "totalSteps": 40}


def test_wrong_calls_are_refused_and_stop_nothing(tmp_path: Path) -> None:
    with report_stand_in() as gateway:
        ended = SupervisorLab(tmp_path, gateway).run(*python(WRONG))
        beats = [b["heartbeat"] for b in gateway.batches.values() if "heartbeat" in b]

    assert ended.out == b"[401, 400, 413, 404, 200]\n"
    assert ended.code == 0
    assert beats[-1]["step"] == 30


def test_another_server_stays_and_the_token_is_gone_at_the_end(tmp_path: Path) -> None:
    shown = "import os; print(os.environ['KUBEFLOW_TRAINER_SERVER_URL'])"
    token = "import os; print(os.environ['KUBEFLOW_TRAINER_SERVER_TOKEN'])"
    with report_stand_in() as gateway:
        lab = SupervisorLab(tmp_path, gateway)
        kept = lab.run(*python(shown), environment={"KUBEFLOW_TRAINER_SERVER_URL": "https://other"})
        ours = lab.run(*python(token))

    assert kept.out == b"https://other\n"
    assert not Path(ours.out.decode().strip()).exists()


def test_a_program_that_reports_itself_counts_alone(tmp_path: Path) -> None:
    own = """
import trainyard
from pathlib import Path
session = trainyard.init(total_steps=2, run_dir=Path("."))
session.log({"loss": 0.5}, step=1)
session.progress(1)
session.finish(20)
"""
    with report_stand_in() as gateway:
        ended = SupervisorLab(tmp_path, gateway).run(sys.executable, "-c", own + TRAINS)
        rows = gateway.rows()

    assert ended.out == b"[200, 200, 200, 200]\n", ended.err
    assert rows == [(1, "loss", 0.5)]


def test_what_was_answered_survives_a_kill(tmp_path: Path) -> None:
    source = (
        REPORTS
        + """
import time
for step in range(1, 21):
    assert post(status(1, loss=step / 2, current_step=step)) == 200
print("answered", flush=True)
parent = os.getppid()
while os.getppid() == parent:
    time.sleep(0.02)
"""
    )
    with report_stand_in() as gateway:
        there = SupervisorLab(tmp_path, gateway)
        there.environment[contract.ENV_GATEWAY_URL] = "http://127.0.0.1:9"
        process = there.start(*python(source))
        assert process.stdout is not None
        assert process.stdout.readline() == b"answered\n"
        process.kill()
        process.communicate(timeout=60)
        spool = tmp_path / contract.SPOOL / "000001" / "supervisor-0"
        batches = [json.loads(path.read_text()) for path in sorted(spool.glob("*.json"))]

    rows = [(row["step"], row["values"]) for batch in batches for row in batch["metrics"]]
    assert rows == [(step, {"loss": step / 2}) for step in range(1, 21)]
