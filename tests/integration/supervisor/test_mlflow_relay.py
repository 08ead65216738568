"""MLflow's clients report to the supervisor, whatever becomes of the gateway."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

from poll import eventually
from report_stand_in import ReportStandIn, report_stand_in
from supervisor_lab import Ended, SupervisorLab, attempt_json, python
from tcp_door import TcpDoor

from trainyard_api import contract

UID = "01234567-89ab-4def-8123-456789abcdef"
RUN = UID.replace("-", "")
CLIENT = """
import http.client, json, os, sys, time, urllib.parse
uri, run = os.environ["MLFLOW_TRACKING_URI"], os.environ["MLFLOW_RUN_ID"]
connection = http.client.HTTPConnection(urllib.parse.urlsplit(uri).netloc, timeout=60)

def raw(method, path, body=None, headers={}):
    connection.request(method, path, body, headers)
    answer = connection.getresponse()
    return answer.status, answer.read()

def call(method, path, **fields):
    if method == "GET":
        path += "?" + urllib.parse.urlencode(fields)
    body = None if method == "GET" else json.dumps(fields)
    status, text = raw(method, "/api/2.0/mlflow/" + path, body, {"Content-Type": "application/json"})
    answer = json.loads(text)
    return answer if status == 200 else (status, answer["error_code"])

def start(run=run):
    return call("POST", "runs/update", run_id=run, status="RUNNING")

def log(key, value, step, run=run):
    return call("POST", "runs/log-metric", run_id=run, key=key, value=value, step=step, timestamp=1700000000000 + step)

def put(path, content, run=run):
    return raw("PUT", f"/api/2.0/mlflow-artifacts/artifacts/0/{run}/artifacts/{path}", content, {"Content-Type": "text/plain"})[0]

def artifact(path, run=run):
    return raw("GET", f"/api/2.0/mlflow-artifacts/artifacts/0/{run}/artifacts/{path}")
"""


def lab(folder: Path, gateway: ReportStandIn, attempt: int = 1, **more: object) -> SupervisorLab:
    """A supervisor of the session with `UID`."""
    found = SupervisorLab(folder, gateway)
    found.environment[contract.ENV_RUN] = attempt_json(attempt, uid=UID, session="mine", **more)
    return found


def ran(there: SupervisorLab, source: str, **environment: str) -> Ended:
    """How a program ended that may use `CLIENT`."""
    return there.run(*python(CLIENT + source), environment=environment)


def test_values_params_tags_and_files_arrive_once(tmp_path: Path) -> None:
    with report_stand_in() as gateway:
        ended = ran(
            lab(tmp_path, gateway),
            """
start()
for step in range(5): log("loss", 1 / (step + 1), step)
log("loss", "NaN", 5)
call("POST", "runs/log-batch", run_id=run, params=[{"key": "lr", "value": "0.1"}], tags=[{"key": "k", "value": "v"}],
     metrics=[{"key": "acc", "value": 0.5, "step": 5, "timestamp": 1}])
print(put("a/b.txt", b"hello"), put("empty", b""))
call("POST", "runs/update", run_id=run, status="FINISHED", end_time=1700000009000)
""",
        )
        runs, points = gateway.runs(), gateway.points(RUN)

    assert (ended.code, ended.out) == (0, b"200 200\n"), ended.err
    assert points == [
        *(("loss", step, 1 / (step + 1)) for step in range(5)),
        ("loss", 5, "NaN"),
        ("acc", 5, 0.5),
    ]
    assert (runs[RUN]["params"], runs[RUN]["tags"]) == ({"lr": "0.1"}, {"k": "v"})
    assert (runs[RUN]["status"], runs[RUN]["endTime"]) == ("FINISHED", 1700000009000)
    assert gateway.artifacts == {
        f"0/{RUN}/artifacts/a/b.txt": b"hello",
        f"0/{RUN}/artifacts/empty": b"",
    }


def test_values_of_logged_models_arrive_as_values_of_the_run_and_of_the_model(
    tmp_path: Path,
) -> None:
    with report_stand_in() as gateway:
        ended = ran(
            lab(tmp_path, gateway),
            """
start()
of = {"model_id": "m-" + "1" * 32, "dataset_name": "iris", "dataset_digest": "abc"}
call("POST", "runs/log-metric", run_id=run, key="acc", value=0.5, timestamp=7, step=1, **of)
values = [{"key": "acc", "value": 0.25, "timestamp": 8, "step": 2, **of}, {"key": "loss", "value": 1, "timestamp": 8}]
call("POST", "runs/log-batch", run_id=run, metrics=values)
print(call("POST", "runs/log-metric", run_id=run, key="acc", value=1, timestamp=9, model_id="net"))
""",
        )
        runs, points = gateway.runs(), gateway.points(RUN)

    assert ended.out == b"(404, 'RESOURCE_DOES_NOT_EXIST')\n", ended.err
    assert points == [("acc", 1, 0.5), ("acc", 2, 0.25), ("loss", 0, 1)]
    of = {"modelId": "m-" + "1" * 32, "datasetName": "iris", "datasetDigest": "abc"}
    assert runs[RUN]["modelValues"] == [
        {"key": "acc", "value": 0.5, "timestamp": 7, "step": 1, **of},
        {"key": "acc", "value": 0.25, "timestamp": 8, "step": 2, **of},
    ]


def test_the_own_run_is_read_while_the_gateway_is_away(tmp_path: Path) -> None:
    with report_stand_in() as gateway:
        gateway.url = "http://127.0.0.1:9"
        ended = ran(
            lab(tmp_path, gateway),
            """
start()
for step in range(3): log("loss", step, step)
call("POST", "runs/set-tag", run_id=run, key="k", value="v")
put("a/b.txt", b"hello")
seen = call("GET", "runs/get", run_id=run)["run"]
print(seen["data"]["metrics"], seen["info"]["status"], {t["key"]: t["value"] for t in seen["data"]["tags"]})
page = call("GET", "metrics/get-history", run_id=run, metric_key="loss", max_results=2)
rest = call("GET", "metrics/get-history", run_id=run, metric_key="loss", page_token=page["next_page_token"])
print([p["value"] for p in page["metrics"]], [p["value"] for p in rest["metrics"]], "next_page_token" in rest)
print(raw("GET", f"/api/2.0/mlflow-artifacts/artifacts?path=0%2F{run}%2Fartifacts")[1].decode(), artifact("a/b.txt"))
before = time.monotonic()
print(call("POST", "runs/search", experiment_ids=["0"]), time.monotonic() - before < 20)
print(call("POST", "model-versions/create", name="net", source=f"runs:/{run}/a"))
""",
        )

    lines = ended.out.decode().splitlines()
    assert lines == [
        "[{'key': 'loss', 'value': 2.0, 'timestamp': 1700000000002, 'step': 2}] RUNNING"
        " {'k': 'v', 'mlflow.runName': 'mine'}",
        "[0.0, 1.0] [2.0] False",
        """{"files": [{"path": "a", "is_dir": true}]} (200, b'hello')""",
        "(424, 'TEMPORARILY_UNAVAILABLE') True",
        "(503, 'TEMPORARILY_UNAVAILABLE')",
    ], ended.err


def test_what_waited_is_sent_by_the_next_attempt(tmp_path: Path) -> None:
    with report_stand_in() as gateway:
        there, url = lab(tmp_path, gateway), gateway.url
        there.environment[contract.ENV_GATEWAY_URL] = "http://127.0.0.1:9"
        program = "start(); log('loss', 0.5, 1); put('f', b'x'); print('there', flush=True); time.sleep(600)"
        first = there.start(*python(CLIENT + program))
        assert first.stdout is not None
        assert first.stdout.readline() == b"there\n"
        first.send_signal(signal.SIGKILL)
        first.communicate(timeout=60)
        there = lab(tmp_path, gateway, attempt=2)
        assert there.environment[contract.ENV_GATEWAY_URL] == url
        second = ran(
            there,
            """
start(); log('loss', 0.25, 2)
print([p['value'] for p in call('GET', 'metrics/get-history', run_id=run, metric_key='loss')['metrics']])
""",
        )
        identities = sorted(key[1:] for key, batch in gateway.batches.items() if "runs" in batch)
        points = gateway.points(RUN)

    assert second.out == b"[0.5, 0.25]\n"
    assert points == [("loss", 1, 0.5), ("loss", 2, 0.25)]
    assert [(attempt, stream) for attempt, stream, _ in identities][:1] == [(1, "relay-0")]
    assert gateway.artifacts == {f"0/{RUN}/artifacts/f": b"x"}


def test_a_file_without_space_at_the_gateway_waits_and_holds_up_no_other(tmp_path: Path) -> None:
    big = f"PUT /api/2.0/mlflow-artifacts/artifacts/0/{RUN}/artifacts/big"
    with report_stand_in() as gateway:
        gateway.mlflow[big] = (507, {"message": "all may have 5 bytes (artifactsMaxBytes)"})
        first = ran(lab(tmp_path, gateway), "start(); put('big', b'123456'); put('small', b'1')\n")
        after_first, tries = dict(gateway.artifacts), gateway.asked.count(big)
        del gateway.mlflow[big]
        ran(lab(tmp_path, gateway, attempt=2), "start()\n")
        after_second = gateway.artifacts

    small, whole = (f"0/{RUN}/artifacts/{name}" for name in ("small", "big"))
    assert first.code == 0, first.err
    assert (after_first, tries) == ({small: b"1"}, 1)
    assert b"the artifact 'big' waits in the run folder for space" in first.err
    assert b"artifactsMaxBytes" in first.err
    assert after_second == {small: b"1", whole: b"123456"}


def test_an_outage_in_the_middle_loses_and_doubles_nothing(tmp_path: Path) -> None:
    with (
        report_stand_in() as gateway,
        TcpDoor("127.0.0.1", int(gateway.url.rpartition(":")[2])) as door,
    ):
        there = lab(tmp_path, gateway)
        there.environment[contract.ENV_GATEWAY_URL] = f"http://127.0.0.1:{door.port}"
        program = """
start()
for step in range(300):
    log("loss", step, step)
    if step == 150:
        print("half", flush=True)
        sys.stdin = open("go"); sys.stdin.read()
"""
        os.mkfifo(tmp_path / "go")
        process = there.start(*python(CLIENT + program))
        assert process.stdout is not None
        assert process.stdout.readline() == b"half\n"
        eventually(lambda: gateway.points(RUN), what="first values")
        door.shut()
        (tmp_path / "go").write_text("on")
        process.communicate(timeout=60)
        before = gateway.points(RUN)
        door.open()
        again = lab(tmp_path, gateway, attempt=2)
        ran(again, "start()")
        points = gateway.points(RUN)

    assert len(before) < 300
    assert points == [("loss", step, float(step)) for step in range(300)]


def test_runs_of_a_program_are_nested_in_the_sessions(tmp_path: Path) -> None:
    with report_stand_in() as gateway:
        ended = ran(
            lab(tmp_path, gateway),
            """
exp = call("POST", "experiments/create", name="mine too")["experiment_id"]
first = call("POST", "runs/create", experiment_id=exp, run_name="one", start_time=1)["run"]["info"]
second = call("POST", "runs/create", experiment_id=exp, run_name="two", start_time=2)["run"]["info"]
child = call("POST", "runs/create", experiment_id=exp, tags=[{"key": "mlflow.parentRunId", "value": second["run_id"]}])["run"]["info"]
log("loss", 1.5, 3, run=second["run_id"])
print(first["run_id"] == run, first["experiment_id"] == exp == second["experiment_id"], len({run, second["run_id"], child["run_id"]}))
print(call("POST", "runs/log-metric", run_id="f" * 32, key="k", value=1, timestamp=1))
print(call("POST", "runs/delete", run_id=run), call("POST", "runs/delete", run_id=child["run_id"]))
""",
        )
        runs = gateway.runs()

    assert ended.out.decode().splitlines() == [
        "True True 3",
        "(404, 'ENDPOINT_NOT_FOUND')",
        "(400, 'INVALID_PARAMETER_VALUE') {}",
    ], ended.err
    own = runs.pop(RUN)
    assert (own["name"], own["experiment"]) == ("one", "mine too")
    (second, two), (_, child) = sorted(
        runs.items(), key=lambda item: item[1]["created"]["name"] != "two"
    )
    assert two["tags"] == {"mlflow.parentRunId": RUN}
    assert child["tags"] == {"mlflow.parentRunId": second}
    assert (two["metrics"][0]["value"], child["deleted"]) == (1.5, True)


def test_a_changed_param_is_refused_but_not_in_the_next_attempt(tmp_path: Path) -> None:
    twice = """
start()
print(call("POST", "runs/log-parameter", run_id=run, key="dir", value=os.environ["VALUE"]))
print(call("POST", "runs/log-parameter", run_id=run, key="dir", value=os.environ["VALUE"]))
print(call("POST", "runs/log-parameter", run_id=run, key="dir", value="other"))
sys.exit(1)
"""
    with report_stand_in() as gateway:
        first = ran(lab(tmp_path, gateway), twice, VALUE="a")
        second = ran(lab(tmp_path, gateway, attempt=2), twice, VALUE="b")
        runs = gateway.runs()

    assert first.out == b"{}\n{}\n(400, 'INVALID_PARAMETER_VALUE')\n"
    assert second.out.startswith(b"{}\n{}\n")
    assert b"the param 'dir' was 'a' in an earlier attempt and is 'b' now" in second.err
    assert runs[RUN]["params"] == {"dir": "a"}


def test_another_worker_has_a_run_of_its_own(tmp_path: Path) -> None:
    with report_stand_in() as gateway:
        there = lab(tmp_path, gateway)
        ended = ran(there, "start(); log('loss', 1, 1); print(run)", JOB_COMPLETION_INDEX="1")
        runs = gateway.runs()
        streams = {key[2] for key, batch in gateway.batches.items() if "runs" in batch}

    own = ended.out.decode().strip()
    assert own != RUN
    assert list(runs) == [own]
    assert runs[own]["tags"]["mlflow.parentRunId"] == RUN
    assert runs[own]["created"]["name"] == "mine-worker-1"
    assert streams == {"relay-1"}


def test_another_server_stays_and_the_switch_leaves_nothing(tmp_path: Path) -> None:
    shown = python("import os; print({k: v for k, v in os.environ.items() if 'MLFLOW' in k})")
    with report_stand_in() as gateway:
        there = lab(tmp_path, gateway)
        kept = there.run(*shown, environment={"MLFLOW_TRACKING_URI": "https://other"})
        off = there.run(*shown, environment={contract.ENV_MLFLOW: "off"})
        named = there.run(
            *shown, environment={"MLFLOW_EXPERIMENT_NAME": "mine", "MLFLOW_RUN_ID": "r"}
        )

    assert kept.out == b"{'MLFLOW_TRACKING_URI': 'https://other'}\n"
    assert off.out == f"{{'{contract.ENV_MLFLOW}': 'off'}}\n".encode()
    assert b"MLFLOW_EXPERIMENT_ID" not in named.out
    assert b"'MLFLOW_RUN_ID': 'r'" in named.out


def test_secrets_are_masked_in_all_that_is_logged(tmp_path: Path) -> None:
    with report_stand_in() as gateway:
        there = lab(tmp_path, gateway)
        secret = there.secret("mine", TOKEN="a-secret-value")
        ended = ran(
            there,
            """
t = os.environ["TOKEN"]
start()
log("loss " + t, 1, 1)
call("POST", "runs/log-batch", run_id=run, params=[{"key": "token", "value": "x" + t}], tags=[{"key": t, "value": t}])
call("POST", "runs/log-parameter", run_id=run, key="token", value="x" + t)
print(put(t + "/f", b"x"))
""",
            **secret,
        )
        told = json.dumps([*gateway.batches.values(), *gateway.artifacts])

    assert ended.out == b"200\n", ended.err
    assert "a-secret-value" not in told
    assert "loss ---" in told
