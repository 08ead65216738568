"""Programs that report one value after the other, and note what they report and what was answered.

Each line of the journal is `[attempt, step, {metric: value}, milliseconds, answered]`: one before a
report, one after it was answered. A program begins at `FIRST_STEP`, and ends once `finish` is there
and it has passed the step that `finish` names.
"""

from __future__ import annotations

from typing import Final

_TRAINS: Final = """
import json, os, pathlib, time
attempt, step = int(os.environ["ATTEMPT"]), int(os.environ["FIRST_STEP"])
finish = pathlib.Path(os.environ["FINISH"])
journal = os.open(os.environ["JOURNAL"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)

def note(*entry):
    os.write(journal, (json.dumps(entry) + "\\n").encode())

def train(report):
    global step
    while not finish.exists() or step <= int(finish.read_text()):
        # As exact in 32 bits, which event files have; no two attempts have the same value of a step.
        values = {"loss": step % 4096 + attempt / 1024}
        if step % 3 == 0:
            values["acc"] = -values["loss"]
        when = int(time.time() * 1000)
        note(attempt, step, values, when, False)
        report(step, values, when)
        note(attempt, step, values, when, True)
        step += 1
        time.sleep(0.1)
"""
_MLFLOW: Final = (
    _TRAINS
    + """
import mlflow
from mlflow.entities import Metric
client, run = mlflow.MlflowClient(), os.environ["MLFLOW_RUN_ID"]
client.update_run(run, "RUNNING")

def log(step, values, when):
    if len(values) == 1:
        client.log_metric(run, "loss", values["loss"], timestamp=when, step=step)
    else:
        client.log_batch(run, [Metric(name, value, when, step) for name, value in values.items()])
"""
)
_SAME_CALLS: Final = (
    _TRAINS
    + """
import urllib.request
url, run = os.environ["MLFLOW_TRACKING_URI"] + "/api/2.0/mlflow/runs/", os.environ["MLFLOW_RUN_ID"]
headers = {"Authorization": "Bearer " + os.environ.get("MLFLOW_TRACKING_TOKEN", "")}
headers["Content-Type"] = "application/json"

def call(what, **fields):
    body = json.dumps({"run_uuid": run, "run_id": run, **fields}).encode()
    request = urllib.request.Request(url + what, data=body, headers=headers, method="POST")
    with urllib.request.urlopen(request, timeout=60) as answer:
        assert answer.status == 200

def log(step, values, when):
    if len(values) == 1:
        call("log-metric", key="loss", value=values["loss"], timestamp=when, step=step)
    else:
        metrics = [{"key": k, "value": v, "timestamp": when, "step": step} for k, v in values.items()]
        call("log-batch", metrics=metrics, params=[], tags=[])
"""
)
"""The calls that MLflow's client makes, without its import, which takes seconds of each attempt."""
_UNTIL_ANSWERED: Final = """
def until_answered(*report):
    while True:
        try:
            return log(*report)
        except Exception:
            time.sleep(0.05)

train(until_answered)
"""
RELAY: Final = _MLFLOW + "train(log)\n"
"""By MLflow's client, as in a pod: nothing that it calls may fail."""
DIRECT: Final = _MLFLOW + _UNTIL_ANSWERED
"""By MLflow's client and an API key: the same call again until it is answered."""
RELAY_QUICK: Final = _SAME_CALLS + "train(log)\n"
DIRECT_QUICK: Final = _SAME_CALLS + _UNTIL_ANSWERED
STATUS: Final = (
    _TRAINS
    + """
import urllib.request
url = os.environ["KUBEFLOW_TRAINER_SERVER_URL"]
token = open(os.environ["KUBEFLOW_TRAINER_SERVER_TOKEN"]).read().strip()
headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}

def post(step, values, when):
    entries = [{"name": n, "value": str(v)} for n, v in {**values, "current_step": step}.items()]
    body = json.dumps({"trainerStatus": {"progressPercentage": 1, "metrics": entries}}).encode()
    request = urllib.request.Request(url, data=body, headers=headers, method="POST")
    with urllib.request.urlopen(request, timeout=60) as answer:
        assert answer.status == 200

train(post)
"""
)
"""As the callback of transformers posts its status."""
EVENT_FILES: Final = (
    _TRAINS
    + """
import tensorboardX
folder = pathlib.Path(f"logs/version_{attempt}")
writer = tensorboardX.SummaryWriter(str(folder))
written = {"loss": 0, "acc": 0}

def write(step, values, when):
    for name, value in values.items():
        writer.add_scalar(name, value, step, walltime=when / 1000)
        written[name] += 1
    # Another thread writes: `flush` returns before it has taken what waits.
    while not all(there(name) for name in values):
        writer.flush()
        time.sleep(0.005)

def there(name):
    [file] = folder.iterdir()
    return file.read_bytes().count(name.encode()) >= written[name]

train(write)
writer.close()
"""
)
"""By a writer of event files; what is in the file counts as answered."""
OWN: Final = (
    _TRAINS
    + """
import trainyard
session = trainyard.init(run_dir=pathlib.Path("."))

def log(step, values, when):
    session.log(values, step=step)
    assert session.flush()

train(log)
assert session.finish(60)
"""
)
"""By `import trainyard`; what `flush` has returned for survives a kill."""
