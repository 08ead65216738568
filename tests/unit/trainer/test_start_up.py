"""What a start does not do: it is counted in seconds before the first step."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from poll import eventually
from torch import nn, optim

from trainyard_api.contract import ExitCode
from trainyard_api.training import TrainingConfig
from trainyard_trainer.training import optimizer

PROGRAM = """
import sys
import torch
import trainyard_trainer.session
from trainyard_api.training import TrainingConfig
from trainyard_trainer.training import optimizer
model = torch.nn.Linear(2, 1)
for name in ("adam", "adamw", "sgd", "rmsprop"):
    steps = optimizer.build(TrainingConfig.model_validate({"task": "tabular-regression", "optimizer": name}), model)
    steps.zero_grad()
    model(torch.ones(1, 2)).sum().backward()
    steps.step()
    steps.load_state_dict(steps.state_dict())
print([m for m in ("torch._dynamo", "torch._inductor", "pandas", "sklearn", "matplotlib") if m in sys.modules])
"""


def test_the_first_step_imports_no_compiler() -> None:
    output = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True, timeout=120
    )

    assert output.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("name", "plain", "given"),
    [
        ("adam", optim.Adam, {}),
        ("adamw", optim.AdamW, {}),
        ("sgd", optim.SGD, {"momentum": 0.9}),
        ("rmsprop", optim.RMSprop, {}),
    ],
    ids=["adam", "adamw", "sgd", "rmsprop"],
)
def test_its_steps_are_those_of_pytorch(
    name: str, plain: type[optim.Optimizer], given: dict[str, float]
) -> None:
    torch.manual_seed(0)
    ours, theirs = nn.Linear(3, 1), nn.Linear(3, 1)
    theirs.load_state_dict(ours.state_dict())
    wanted = {"task": "tabular-regression", "optimizer": name, "learningRate": 0.1}
    both = (
        (ours, optimizer.build(TrainingConfig.model_validate(wanted), ours)),
        (theirs, plain(theirs.parameters(), lr=0.1, weight_decay=0, **given)),  # type: ignore[call-arg]
    )
    rows = torch.randn(8, 3)
    for model, steps in both:
        for _ in range(5):
            steps.zero_grad()
            model(rows).square().sum().backward()
            steps.step()

    assert torch.equal(ours.weight, theirs.weight)


def test_a_stop_before_the_training_is_heeded_at_once() -> None:
    with subprocess.Popen([sys.executable, "-m", "trainyard_trainer"]) as process:
        status = Path(f"/proc/{process.pid}/status")

        def heeds() -> bool:
            line = next(x for x in status.read_text().splitlines() if x.startswith("SigCgt"))
            return bool(int(line.split()[1], 16) >> (signal.SIGTERM - 1) & 1)

        eventually(heeds, within=60, every=0.001, what="a handler of SIGTERM")
        process.terminate()

        assert process.wait(timeout=60) == ExitCode.PREEMPTED
