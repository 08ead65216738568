"""Reporting never waits, never loses, and says what it was told exactly once."""

from __future__ import annotations

import contextlib
import errno
import json
import math
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from poll import eventually
from report_stand_in import ReportStandIn

from trainyard.reporting import NoOpReporter
from trainyard.reporting.gateway_reporter import GatewayReporter, from_environment
from trainyard.reporting.sender import FLUSH_SECONDS, MEMORY_ITEMS, Sender, encoded, make_batch
from trainyard.reporting.spool import Entry, Spool
from trainyard.reporting.transport import GatewayTransport, NotDeliveredError, RejectedError
from trainyard_api.report import Batch


def a_run(folder: Path, url: str, attempt: int = 1) -> GatewayReporter:
    token = folder / "token"
    token.write_text("token\n")
    return GatewayReporter(
        GatewayTransport(url, token, timeout=5), folder / "spool", "uid", attempt
    )


def test_everything_said_arrives_once_and_in_order(tmp_path: Path, gateway: ReportStandIn) -> None:
    run = a_run(tmp_path, gateway.url)
    for step in range(5000):
        run.log({"loss": float(step)}, step)
    run.line("info", "hello")

    assert run.finish(timeout=20)
    assert gateway.rows() == [(s, "loss", float(s)) for s in range(5000)]
    assert gateway.lines() == ["hello"]
    assert not list((tmp_path / "spool").rglob("*.json"))


NAMES = {
    "plain": ("train/loss", "train/loss"),
    "line break": ("f1\n/stop", "f1\\n/stop"),
    "direction": ("\u202eloss", "\\u202eloss"),
    "lone surrogate": ("\udce4", "\\udce4"),
    "empty": ("", "unnamed"),
    "blank": (" \u3000", "unnamed"),
    "long": ("x" * 5000, "x" * 128),
}


@pytest.mark.parametrize(("given", "taken"), NAMES.values(), ids=NAMES)
def test_no_name_of_a_metric_costs_the_other_values(
    given: str,
    taken: str,
    tmp_path: Path,
    gateway: ReportStandIn,
    capfd: pytest.CaptureFixture[str],
) -> None:
    run = a_run(tmp_path, gateway.url)
    run.log({given: 1.0, "other": 2.0}, 1)
    run.log({given: 1.5}, 2)

    assert run.finish(timeout=20)
    assert gateway.rows() == sorted([(1, taken, 1.0), (1, "other", 2.0), (2, taken, 1.5)])
    for batch in gateway.batches.values():
        Batch.model_validate(batch)
    assert capfd.readouterr().err.count(f"is reported as '{taken}'") == (given != taken)


def test_what_could_not_be_sent_waits_on_disk_for_the_next_attempt(
    tmp_path: Path, gateway: ReportStandIn
) -> None:
    first = a_run(tmp_path, "http://127.0.0.1:9")
    first.log({"loss": 1.0}, 1)
    eventually(lambda: list((tmp_path / "spool").rglob("*.json")), within=60)
    assert not first.finish(timeout=0.2)

    second = a_run(tmp_path, gateway.url, attempt=2)
    second.log({"loss": 2.0}, 2)

    assert second.finish(timeout=20)
    assert gateway.rows() == [(1, "loss", 1.0), (2, "loss", 2.0)]
    assert {key[1] for key in gateway.batches} == {1, 2}


def test_a_refused_batch_is_given_up_and_the_rest_goes_on(
    tmp_path: Path, gateway: ReportStandIn, capfd: pytest.CaptureFixture[str]
) -> None:
    gateway.answers = [422]
    gateway.wrong = [{"field": "metrics.0.step", "message": "told so"}]
    run = a_run(tmp_path, gateway.url)
    run.log({"loss": 1.0}, 1)
    eventually(lambda: not gateway.answers, within=60)
    run.log({"loss": 2.0}, 2)

    assert run.finish(timeout=20)
    assert gateway.rows() == [(2, "loss", 2.0)]
    said = capfd.readouterr().err
    assert "refused and dropped" in said
    assert "metrics.0.step: told so" in said


@pytest.mark.parametrize(
    "wrong", [None, "text", 7, {"a": 1}, ["text", None], [{"other": 1}]], ids=repr
)
def test_a_refusal_of_another_shape_is_a_refusal(
    tmp_path: Path, gateway: ReportStandIn, wrong: Any
) -> None:
    gateway.answers, gateway.wrong = [422], wrong
    (tmp_path / "token").write_text("token")
    transport = GatewayTransport(gateway.url, tmp_path / "token", timeout=5)

    with pytest.raises(RejectedError, match="told to answer 422"):
        transport.post("/report/batches", b"{}")

    transport.close()


def test_a_connection_that_the_gateway_has_closed_meanwhile_is_opened_anew(
    tmp_path: Path, gateway: ReportStandIn
) -> None:
    gateway.hangs_up = True
    (tmp_path / "token").write_text("token")
    transport = GatewayTransport(gateway.url, tmp_path / "token", timeout=5)
    identity = {"sessionUid": "uid", "attempt": 1, "stream": "rank-0", "metrics": [], "logs": []}
    for sequence in range(1, 6):
        body = json.dumps({**identity, "sequence": sequence}).encode()
        assert transport.post("/report/batches", body)["sequence"] == sequence
    transport.close()


def test_a_program_that_counts_its_steps_anew_has_no_rate_below_zero(
    tmp_path: Path, gateway: ReportStandIn
) -> None:
    run = a_run(tmp_path, gateway.url)
    run.progress(900)
    run.progress(3)
    run.finish(timeout=20)

    beats = [b["heartbeat"] for b in gateway.batches.values() if "heartbeat" in b]
    assert beats[-1]["step"] == 3
    assert beats[-1].get("stepsPerSecond", 0) >= 0


@pytest.mark.parametrize("status", [500, 503, 401, 408, 429])
def test_passing_errors_are_tried_again(
    tmp_path: Path, gateway: ReportStandIn, status: int
) -> None:
    gateway.answers = [status]
    run = a_run(tmp_path, gateway.url)
    run.log({"loss": 1.0}, 1)

    assert run.finish(timeout=20)
    assert gateway.rows() == [(1, "loss", 1.0)]


def test_a_full_spool_gives_up_the_oldest(tmp_path: Path) -> None:
    spool = Spool(tmp_path, 1, "rank-0", limit_bytes=100)
    for sequence in range(1, 6):
        spool.put(sequence, b"x" * 40)

    assert [e.path.stem for e in spool.entries()] == ["000000000004", "000000000005"]
    assert spool.dropped == 3


def test_workers_leave_each_others_batches_alone(tmp_path: Path) -> None:
    """They share the folder: what one of an earlier attempt left is sent by the same worker of the next, and by no other."""
    before = Spool(tmp_path, 1, "rank-1").put(1, b"before")
    other = Spool(tmp_path, 2, "rank-0").put(1, b"other")
    own = Spool(tmp_path, 2, "rank-1")

    entry = own.put(1, b"own")

    assert list(own.entries()) == [before, entry]
    assert list(Spool(tmp_path, 3, "rank-0").entries()) == [other]


def test_batches_carry_what_json_cannot() -> None:
    items = [
        ("metrics", 0.0, (3, None, {"a": math.nan, "b": math.inf, "c": -math.inf, "d": 1})),
        ("metrics", 0.0, (4, 2, {"a": 0.5})),
        ("logs", 1.5, ("info", "x" * 20_000, 1)),
        ("heartbeat", 2.0, {"step": 1}),
        ("heartbeat", 3.0, {"step": 2}),
    ]  # fmt: skip

    batch = json.loads(encoded(make_batch(items)), parse_constant=pytest.fail)

    assert batch["metrics"][0]["values"] == {
        "a": "NaN",
        "b": "Infinity",
        "c": "-Infinity",
        "d": 1.0,
    }
    assert batch["metrics"][1]["epoch"] == 2
    assert len(batch["logs"][0]["message"]) == 16_384
    assert batch["logs"][0]["time"] == "1970-01-01T00:00:01.500000+00:00"
    assert batch["heartbeat"]["step"] == 2


@pytest.mark.parametrize(
    "item",
    [
        pytest.param(("logs", 1.5, ("info", "half \ud83d", 0)), id="half a character"),
        pytest.param(("metrics", 1.5, (2**70, None, {"a": 1.0})), id="a long number"),
    ],
)
def test_what_the_quick_encoder_refuses_is_encoded_all_the_same(item: Any) -> None:
    batch = json.loads(encoded(make_batch([item, ("logs", 1.5, ("info", "next", 0))])))

    [first, *_] = batch[item[0]]
    assert first["time"] == "1970-01-01T00:00:01.500000+00:00"
    assert batch["logs"][-1]["message"] == "next"


def test_outside_a_session_nothing_is_sent(tmp_path: Path) -> None:
    run = from_environment(tmp_path)

    assert isinstance(run, NoOpReporter)
    run.log({"loss": 1.0}, 1)
    assert run.finish()


def test_heartbeats_carry_goal_and_rate(tmp_path: Path, gateway: ReportStandIn) -> None:
    run = a_run(tmp_path, gateway.url)
    run.goal(total_steps=10, epochs=2)
    run.progress(1, 0)
    run.progress(4, 1)
    run.finish(timeout=20)

    beats: list[dict[str, Any]] = [
        b["heartbeat"] for b in gateway.batches.values() if "heartbeat" in b
    ]
    assert (
        beats[-1]["step"],
        beats[-1]["epoch"],
        beats[-1]["totalSteps"],
        beats[-1]["epochs"],
    ) == (4, 1, 10, 2)


def test_a_program_that_begins_again_in_the_same_attempt_repeats_no_number(
    tmp_path: Path, gateway: ReportStandIn
) -> None:
    for step in (1, 2, 3):
        run = a_run(tmp_path, gateway.url)
        run.log({"loss": float(step)}, step)
        assert run.finish(timeout=20)

    assert gateway.rows() == [(s, "loss", float(s)) for s in (1, 2, 3)]
    assert sorted(key[3] for key in gateway.batches) == [1, 2, 3]


def a_sender(folder: Path, gateway: ReportStandIn, stream: str) -> Sender:
    (folder / "token").write_text("token")
    transport = GatewayTransport(gateway.url, folder / "token", timeout=5)
    identity = {"sessionUid": "uid", "attempt": 1, "stream": stream}
    return Sender(transport, Spool(folder / "spool", 1, stream), identity, print)


def test_a_value_after_silence_is_sent_soon(tmp_path: Path, gateway: ReportStandIn) -> None:
    def seconds(step: int) -> float:
        sender = a_sender(tmp_path, gateway, f"rank-{step}")
        began = time.monotonic()
        sender.put("metrics", (step, None, {"loss": 0.0}))
        eventually(lambda: len(gateway.rows()) > step, every=0.01, what="the first value")
        took = time.monotonic() - began
        sender.stop(timeout=20)
        return took

    # The quickest of some: a machine with other work may stand still for a moment.
    assert min(seconds(step) for step in range(4)) < 0.9 * FLUSH_SECONDS


def test_a_stream_of_values_is_sent_in_few_batches(tmp_path: Path, gateway: ReportStandIn) -> None:
    sender, steps, began = a_sender(tmp_path, gateway, "rank-0"), count(), time.monotonic()

    def another_second() -> bool:
        sender.put("metrics", (next(steps), None, {"loss": 0.0}))
        return time.monotonic() - began > 3 * FLUSH_SECONDS

    eventually(another_second, within=60, every=0.01, what="some seconds of values")
    assert sender.stop(timeout=20)
    # After each pause the next value goes alone; a machine with other work makes pauses.
    most = 3 + 2 * (time.monotonic() - began) / FLUSH_SECONDS
    assert len(gateway.rows()) == next(steps)
    assert len(gateway.batches) <= most


def test_flush_puts_everything_on_disk_at_once(tmp_path: Path) -> None:
    run = a_run(tmp_path, "http://127.0.0.1:9")
    run.log({"loss": 1.0}, 7)
    assert run.flush()
    found = [json.loads(p.read_text()) for p in (tmp_path / "spool").rglob("*.json")]

    assert [row["step"] for batch in found for row in batch["metrics"]] == [7]
    run.finish(timeout=0.1)


class DeadDisk(Spool):
    """Takes nothing until it is told to."""

    dead = True

    def put(self, sequence: int, body: bytes) -> Entry:
        if self.dead:
            raise OSError(errno.ENOSPC, "no space left on device")
        return super().put(sequence, body)


def test_a_full_disk_stops_nothing_and_loses_nothing_that_memory_can_hold(
    tmp_path: Path, gateway: ReportStandIn
) -> None:
    (tmp_path / "token").write_text("token")
    spool = DeadDisk(tmp_path / "spool", 1, "rank-0")
    transport = GatewayTransport(gateway.url, tmp_path / "token", timeout=5)
    warnings: list[str] = []
    identity = {"sessionUid": "uid", "attempt": 1, "stream": "rank-0"}
    sender = Sender(transport, spool, identity, warnings.append)
    for step in range(5000):
        sender.put("metrics", (step, None, {"loss": float(step)}))
    assert not sender.flush()
    spool.dead = False

    assert sender.stop(timeout=20)
    assert gateway.rows() == [(s, "loss", float(s)) for s in range(5000)]
    assert warnings


def test_memory_is_bounded_when_neither_disk_nor_gateway_takes_anything(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("token")
    spool = DeadDisk(tmp_path / "spool", 1, "rank-0")
    transport = GatewayTransport("http://127.0.0.1:9", tmp_path / "token", timeout=1)
    identity = {"sessionUid": "uid", "attempt": 1, "stream": "rank-0"}
    sender = Sender(transport, spool, identity, lambda _: None)
    for step in range(MEMORY_ITEMS + 5000):
        sender.put("metrics", (step, None, {"loss": 0.0}))

    assert len(sender._items) <= MEMORY_ITEMS
    spool.dead = False
    sender.flush()
    kept = [
        row["step"]
        for path in (tmp_path / "spool").rglob("*.json")
        for row in json.loads(path.read_text())["metrics"]
    ]
    # The newest are the ones that are kept.
    assert max(kept) == MEMORY_ITEMS + 4999
    sender.stop(timeout=0.1)


def test_an_unreachable_gateway_costs_a_step_next_to_nothing(tmp_path: Path) -> None:
    """The training's own thread opens neither a file nor a connection, and waits for none."""
    run = a_run(tmp_path, "http://127.0.0.1:9")
    own, touched, looking = threading.get_ident(), set[str](), True

    def hook(event: str, _arguments: object) -> None:
        if looking and threading.get_ident() == own:
            touched.add(event)

    sys.addaudithook(hook)
    for step in range(20_000):
        run.log({f"m{i}": 0.5 for i in range(10)}, step)
    looking = False

    run.finish(timeout=0.1)
    assert not {e for e in touched if e == "open" or e.startswith(("socket.", "os.", "time."))}


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("2.5", 2.5), ("inf", 3600.0), ("1e999", 3600.0), ("nan", None), ("-1", None), ("soon", None)],
)
def test_a_pause_that_is_asked_for_is_bounded(
    tmp_path: Path, header: str, seconds: float | None
) -> None:
    with hostile_server({"Retry-After": header}, b"{}") as url:
        (tmp_path / "token").write_text("token")
        transport = GatewayTransport(url, tmp_path / "token", timeout=5)

        with pytest.raises(NotDeliveredError) as caught:
            transport.post("/report/batches", b"{}")

        transport.close()
    assert caught.value.retry_after == seconds


def test_a_long_answer_is_read_in_part(tmp_path: Path) -> None:
    with hostile_server({}, b"x" * (8 << 20)) as url:
        (tmp_path / "token").write_text("token")
        transport = GatewayTransport(url, tmp_path / "token", timeout=5)

        with pytest.raises(NotDeliveredError, match="answered 503"):
            transport.post("/report/batches", b"{}")

        assert transport._connection is None, "what was not read must not answer the next request"


@contextmanager
def hostile_server(headers: dict[str, str], body: bytes) -> Iterator[str]:
    """Answers everything with 503, these headers and this body."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(503)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            with contextlib.suppress(OSError):
                self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
