"""`make gpu-check`: the built-in trainer on one GPU, within eight minutes.

Needs the working tree and a CUDA build of PyTorch with pydantic, orjson, httpx, numpy, pyarrow,
pillow, safetensors and nvidia-ml-py. `--device cpu --small` tries the script itself.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import checkpoints
import checks
import report
import steps
import torch
from workloads import PRECISIONS, Workload, workloads

HERE = Path(__file__).parent
RESUMED = (
    ("resnet18", "fp16"),
    ("transformer", "bf16"),
    ("transformer", "fp32"),
    ("mlp", "fp32"),
)
PARTS = ("memory", "metrics", "steps", "resume", "checkpoints", "processes")


class Check:
    """The parts in turn; each result is written as soon as it is there."""

    def __init__(self, options: argparse.Namespace) -> None:
        self._options = options
        self._device = torch.device(options.device)
        size = "small" if options.small else "medium"
        self._workloads = {w.name: w for w in workloads(size)}
        self._large = workloads("small" if options.small else "large")
        self._began = time.monotonic()
        self.results: dict[str, Any] = {
            "command": "python bench/gpu " + re.sub(r"--out \S+ ?", "", " ".join(sys.argv[1:])),
            "machine": machine(self._device),
            "seconds_by_part": {},
        }

    def run(self) -> None:
        """All parts that were asked for, as long as there is time."""
        parts: dict[str, Callable[[Path], Any]] = {
            "steps": self._steps,
            "checkpoints": lambda _: checkpoints.stall(
                self._workloads["transformer"], self._device, self._options.rounds
            ),
            "resume": self._resume,
            "memory": self._memory,
            "metrics": lambda folder: checks.metrics(self._workloads["resnet18"], folder),
            "processes": lambda folder: checks.processes(
                self._workloads["resnet18"], self._device, folder
            ),
        }
        for name in self._options.only:
            began = time.monotonic()
            with tempfile.TemporaryDirectory() as folder:
                self.results[name] = self._guarded(lambda n=name, f=folder: parts[n](Path(f)))
            self.results["seconds_by_part"][name] = round(time.monotonic() - began, 1)
            self.save()

    def save(self) -> None:
        """JSON and Markdown of what there is so far."""
        self.results["seconds"] = time.monotonic() - self._began
        out = self._options.out
        out.mkdir(parents=True, exist_ok=True)
        name = re.sub(r"[^a-z0-9]+", "-", self.results["machine"]["device"].lower()).strip("-")
        (out / f"gpu-check-{name}.json").write_text(json.dumps(self.results, indent=1) + "\n")
        (out / f"gpu-check-{name}.md").write_text(report.page(self.results))

    def _guarded(self, part: Callable[[], Any]) -> Any:
        """A part that fails must not hide the others."""
        left = self._options.seconds - (time.monotonic() - self._began)
        if left < 20 and not self._options.small:
            return {"skipped": "no time left"}
        try:
            return part()
        except Exception as error:  # whatever it is, it belongs into the result
            return {"failed": f"{type(error).__name__}: {error}"[:2000]}

    def _steps(self, _: Path) -> dict[str, Any]:
        found = {}
        for workload in self._large:
            for precision in PRECISIONS:
                if precision == "fp16" and self._device.type == "cpu":
                    continue
                found[f"{workload.name} {precision}"] = self._guarded(
                    lambda w=workload, p=precision: steps.measure(
                        w, p, self._device, self._options.case_seconds
                    )
                )
        return found

    def _resume(self, folder: Path) -> dict[str, Any]:
        found = {}
        for name, precision in RESUMED:
            if precision == "fp16" and self._device.type == "cpu":
                continue
            found[f"{name} {precision}"] = self._guarded(
                lambda n=name, p=precision: checks.resume(
                    self._workloads[n], p, self._device, folder / f"{n}-{p}"
                )
            )
        return found

    def _memory(self, folder: Path) -> dict[str, Any]:
        if self._device.type == "cpu":
            return {"skipped": "needs a GPU"}
        images: Workload = self._workloads["resnet18"]
        return checks.out_of_memory(images, folder)


def machine(device: torch.device) -> dict[str, Any]:
    """Card, driver, processor, versions and date."""
    info = Path("/proc/cpuinfo").read_text().splitlines()
    cpu = next((x.split(":", 1)[1].strip() for x in info if x.startswith("model name")), "?")
    found = {
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else "CPU",
        "processor": cpu,
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
    }
    if device.type == "cuda":
        shown = subprocess.run(
            ["nvidia-smi", "--id=0", "--query-gpu=driver_version", "--format=csv,noheader"],
            capture_output=True,
            text=True,
            check=False,
        ).stdout.strip()
        memory = torch.cuda.get_device_properties(device).total_memory
        found |= {"driver": shown, "memoryGiB": round(memory / 2**30, 1)}
    return found


def main() -> None:
    """Run the check and print its page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="cuda", choices=("cuda", "cpu"))
    parser.add_argument("--small", action="store_true", help="sizes for a CPU")
    parser.add_argument("--seconds", type=float, default=450, help="no part begins after this")
    parser.add_argument("--case-seconds", type=float, default=14, help="per model and precision")
    parser.add_argument("--rounds", type=int, default=9, help="of the checkpoints")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS, metavar="PART")
    parser.add_argument("--out", type=Path, default=HERE.parent / "results")
    options = parser.parse_args()
    if options.device == "cuda" and not torch.cuda.is_available():
        parser.error("PyTorch sees no GPU here; --device cpu --small tries the script itself")
    check = Check(options)
    check.run()
    print(report.page(check.results))


if __name__ == "__main__":
    main()
