"""A program registers its model: the file is checked, put in its place and reported, or the program is told why not."""

from __future__ import annotations

import hashlib
import json
import math
import struct
from pathlib import Path

import pytest
from report_stand_in import ReportStandIn

from trainyard import reporting
from trainyard.reporting.gateway_reporter import GatewayReporter
from trainyard.reporting.model_registration import Registrar
from trainyard.reporting.transport import GatewayTransport


def safetensors(header: object = None, data: bytes = bytes(4)) -> bytes:
    head = {"w": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}
    raw = json.dumps(head if header is None else header).encode()
    return struct.pack("<Q", len(raw)) + raw + data


def a_run(folder: Path, url: str, patience: float = 20.0, rank: int = 0) -> GatewayReporter:
    token = folder / "token"
    token.write_text("token")
    transport = GatewayTransport(url, token, timeout=5)
    registrar = Registrar(transport, folder / "run" / "output", "uid", 2, "mine", patience)
    reports = GatewayTransport(url, token, timeout=5)
    return GatewayReporter(
        reports, folder / "spool", "uid", 2, rank, registrar if rank == 0 else None
    )


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "w.safetensors"
    path.write_bytes(safetensors())
    return path


def test_it_lies_where_the_gateway_looks_and_is_reported(
    tmp_path: Path, gateway: ReportStandIn, file: Path
) -> None:
    run = a_run(tmp_path, gateway.url)
    gateway.answers = [503]
    digest = hashlib.sha256(file.read_bytes()).hexdigest()

    receipt = run.log_model(file, metrics={"val/loss": 0.5}, card={"about": "a test"})

    assert receipt == {"name": "mine", "version": 1, "sha256": digest}
    placed = tmp_path / "run" / "output" / "model.safetensors"
    assert placed.read_bytes() == file.read_bytes()
    assert [p.name for p in placed.parent.iterdir()] == [placed.name]
    [report] = gateway.models
    assert (report["sha256"], report["sizeBytes"]) == (digest, file.stat().st_size)
    assert report["card"] == {
        "session": {"uid": "uid", "attempt": 2},
        "metrics": {"val/loss": 0.5},
        "about": "a test",
    }
    # Where it lies already it stays.
    assert run.log_model(placed) == receipt
    run.finish()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        pytest.param(None, "cannot be read", id="no file"),
        pytest.param(b"", "no header", id="empty"),
        pytest.param(b"PK\x03\x04" + bytes(60), "no header", id="a zip, as torch.save writes it"),
        pytest.param(safetensors()[:-1], "it is truncated", id="truncated"),
        pytest.param(safetensors() + b"x", "data after its end", id="data after its end"),
        pytest.param(safetensors([1]), "not a safetensors file", id="a list"),
        pytest.param(safetensors({"w": {"dtype": "F32"}}), "not a safetensors file", id="no place"),
        pytest.param(struct.pack("<Q", 3) + b"abc", "not a safetensors file", id="no JSON"),
    ],
)
@pytest.mark.parametrize("inside", [True, False], ids=["in a session", "outside"])
def test_what_is_no_safetensors_file_is_told_at_once(
    tmp_path: Path, gateway: ReportStandIn, content: bytes | None, words: str, inside: bool
) -> None:
    path = tmp_path / "model"
    if content is not None:
        path.write_bytes(content)
    run = a_run(tmp_path, gateway.url) if inside else reporting.NoOpReporter()

    with pytest.raises(reporting.BadModelError, match=words):
        run.log_model(path)

    assert not gateway.models
    assert not (tmp_path / "run").exists()
    run.finish()


@pytest.mark.parametrize(
    ("status", "patience", "kind"),
    [
        pytest.param(403, 20, reporting.ModelDeniedError, id="forbidden"),
        pytest.param(401, 0, reporting.ModelDeniedError, id="the token is never accepted"),
        pytest.param(503, 0, reporting.ModelNotDeliveredError, id="away"),
        pytest.param(400, 20, reporting.BadModelError, id="refused"),
    ],
)
def test_what_the_gateway_answers_is_told(
    tmp_path: Path,
    gateway: ReportStandIn,
    file: Path,
    status: int,
    patience: float,
    kind: type[reporting.ModelError],
) -> None:
    run = a_run(tmp_path, gateway.url, patience)
    gateway.answers = [status] * 3

    with pytest.raises(kind, match=str(status)):
        run.log_model(file)

    gateway.answers = []
    run.finish()


def test_other_workers_register_nothing(tmp_path: Path, gateway: ReportStandIn, file: Path) -> None:
    run = a_run(tmp_path, gateway.url, rank=1)

    assert run.log_model(file) is None
    assert not gateway.models
    run.finish()


def test_numbers_that_json_does_not_know_are_text_in_the_card(
    tmp_path: Path, gateway: ReportStandIn
) -> None:
    path = tmp_path / "model"
    path.write_bytes(safetensors())
    run = a_run(tmp_path, gateway.url)

    run.log_model(path, {"loss": math.nan, "perplexity": math.inf}, {"deep": [{"x": -math.inf}]})

    (sent,) = gateway.models
    assert sent["card"]["metrics"] == {"loss": "NaN", "perplexity": "Infinity"}
    assert sent["card"]["deep"] == [{"x": "-Infinity"}]
    run.finish()
