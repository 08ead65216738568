"""What must hold on a GPU: resuming, explaining a full GPU, its metrics, several processes."""

from __future__ import annotations

import csv
import json
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import torch
from sessions import Session, finished, wait_for
from workloads import Workload

from trainyard_api.contract import EXIT_CLASSES, ExitCode
from trainyard_trainer import gpu_metrics

sys.path.insert(0, str(Path(__file__).parents[2] / "tests" / "support"))
from report_stand_in import ReportStandIn, report_stand_in

SMI = {
    "utilization_percent": "utilization.gpu",
    "memory_used_bytes": "memory.used",
    "power_watts": "power.draw",
    "temperature_celsius": "temperature.gpu",
}
"""Our metric → nvidia-smi's field."""


def resume(
    workload: Workload, precision: str, device: torch.device, folder: Path
) -> dict[str, Any]:
    """One session to its end, the same again, and one that is killed after a checkpoint."""
    steps = max(3, workload.samples // workload.training["batchSize"] * 4 // 5)
    every = max(1, steps // 2)
    changes = {"epochs": 6, "checkpointEvery": {"steps": every}, "validationSplit": 0.2}
    training = workload.config(precision, **changes, logEverySteps=1)
    gpus = int(device.type == "cuda")
    with report_stand_in() as unbroken, report_stand_in() as again, report_stand_in() as broken:
        one = Session(folder / "unbroken", unbroken.url, workload, training, gpus)
        code = one.run()
        Session(folder / "again", again.url, workload, training, gpus).run()
        two = Session(folder / "broken", broken.url, workload, training, gpus)
        process = two.start()
        killed = wait_for(process, lambda: any(step >= 2 * every for step in two.checkpoints()))
        process.send_signal(signal.SIGKILL)
        finished(process, 10)
        resumed = two.run(attempt=2)
        losses = [_losses(state) for state in (unbroken, broken, again)]
    found: dict[str, Any] = {"exit_codes": [code, resumed], "killed_in_time": killed}
    if code != 0 or resumed != 0:
        return found | {"log": (one.log() if code else two.log(2))[-2000:]}
    line = next((x for x in two.log(2).splitlines() if "resumed at" in x), "")
    return found | {"resumed": line} | _compared(one, two, losses)


def _losses(state: ReportStandIn) -> dict[str, float]:
    names = ("train/loss", "val/loss")
    return {f"{name} {step}": value for step, name, value in state.rows() if name in names}


def _compared(one: Session, two: Session, losses: list[dict[str, float]]) -> dict[str, Any]:
    weights, others = one.weights(), two.weights()
    largest = max(
        float((weights[name].double() - others[name].double()).abs().max()) for name in weights
    )
    apart = [abs(value - losses[1][name]) for name, value in losses[0].items()]
    repeated = [abs(value - losses[2].get(name, 0.0)) for name, value in losses[0].items()]
    return {
        "losses": len(losses[0]),
        "largest_loss_difference_without_kill": max(repeated),
        "losses_equal": sum(d == 0 for d in apart),
        "largest_loss_difference": max(apart),
        "weights_equal": all(torch.equal(weights[name], others[name]) for name in weights),
        "largest_weight_difference": largest,
        "last_loss": list(losses[0].values())[-1],
    }


def out_of_memory(workload: Workload, folder: Path) -> dict[str, Any]:
    """A batch that no GPU holds: exit code, failure class and message."""
    batch = 65_536
    large = Workload(workload.name, workload.training, batch, workload.file_format)
    training = large.config("fp32", epochs=1, batchSize=batch)
    with report_stand_in() as gateway:
        session = Session(folder / "full", gateway.url, large, training, gpus=1)
        code = session.run()
    told = json.loads(session.termination.read_text() or "{}")
    return {
        "exit_code": code,
        "failure_class": EXIT_CLASSES.get(code, "ProgramError"),
        "reason": told.get("reason"),
        "message": told.get("message"),
        "hint": told.get("hint"),
        "as_documented": code == ExitCode.OUT_OF_MEMORY and bool(told.get("hint")),
    }


def processes(workload: Workload, device: torch.device, folder: Path) -> dict[str, Any]:
    """Two processes of one pod by nccl beside one process; needs two GPUs."""
    if device.type != "cuda" or torch.cuda.device_count() < 2:
        return {"skipped": f"{torch.cuda.device_count()} GPU(s); this needs two"}
    training = workload.config("fp32", epochs=2, validationSplit=0.2)
    found = []
    for gpus in (1, 2):
        with report_stand_in() as gateway:
            session = Session(folder / f"gpus-{gpus}", gateway.url, workload, training, gpus)
            code = session.run()
            found.append((code, _losses(gateway)))
    apart = [abs(value - found[1][1][name]) for name, value in found[0][1].items()]
    return {
        "exit_codes": [code for code, _ in found],
        "largest_loss_difference": max(apart, default=None),
    }


def metrics(workload: Workload, folder: Path) -> dict[str, Any]:
    """Our GPU metrics beside nvidia-smi's while a session trains."""
    read = gpu_metrics.nvml_reader()
    if read is None or shutil.which("nvidia-smi") is None:
        return {"skipped": "no NVIDIA driver or no nvidia-smi"}
    pairs: list[tuple[dict[str, float], dict[str, float]]] = []
    with report_stand_in() as gateway:
        training = workload.config("bf16", checkpointEvery={"epochs": 100_000})
        session = Session(folder / "metrics", gateway.url, workload, training, gpus=1)
        process = session.start()
        ended = threading.Event()
        sampler = threading.Thread(target=_sample, args=(read, pairs, ended))
        sampler.start()
        # The first reading comes after ten seconds of training.
        seen = wait_for(process, lambda: len(_reported(gateway)) >= 1, timeout=40)
        ended.set()
        sampler.join()
        process.terminate()
        code = finished(process, 60)
        reported = _reported(gateway)
    return {
        "session_reports": reported[:2],
        "seen": seen,
        "exit_code_after_sigterm": code,
        "pairs": len(pairs),
        "largest_difference": _differences(pairs),
        "last_pair": pairs[-1] if pairs else None,
    }


def _reported(gateway: ReportStandIn) -> list[dict[str, float]]:
    by_step: dict[int, dict[str, float]] = {}
    for step, name, value in gateway.rows():
        if name.startswith("system/gpu0/"):
            by_step.setdefault(step, {})[name.removeprefix("system/gpu0/")] = value
    return list(by_step.values())


def _sample(
    read: gpu_metrics.Reader,
    pairs: list[tuple[dict[str, float], dict[str, float]]],
    ended: threading.Event,
) -> None:
    while not ended.is_set():
        ours = {k.removeprefix("system/gpu0/"): v for k, v in read().items() if "/gpu0/" in k}
        pairs.append((ours, nvidia_smi()))
        time.sleep(0.25)


def nvidia_smi() -> dict[str, float]:
    """The first GPU's values by our names, in our units."""
    query = [f"--query-gpu={','.join(SMI.values())}", "--format=csv,noheader,nounits"]
    shown = subprocess.run(
        ["nvidia-smi", "--id=0", *query], capture_output=True, text=True, check=True
    ).stdout
    values = next(csv.reader(shown.splitlines()))
    found = {}
    for name, text in zip(SMI, values, strict=True):
        unit = 2**20 if name == "memory_used_bytes" else 1
        try:
            found[name] = float(text) * unit
        except ValueError:
            # nvidia-smi prints `[N/A]` for what the GPU does not provide.
            continue
    return found


def _differences(pairs: list[tuple[dict[str, float], dict[str, float]]]) -> dict[str, float]:
    names = {name for ours, _ in pairs for name in ours}
    out = {}
    for name in sorted(names):
        apart = [abs(a[name] - b[name]) for a, b in pairs if name in a and name in b]
        if apart:
            # Values change between the two readings: half of them differ by less than this.
            out[name] = sorted(apart)[len(apart) // 2]
    return out
