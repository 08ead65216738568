"""What a start does not do: it is counted in seconds before the first step."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch
from torch import nn, optim

from trainyard_api.training import TrainingConfig
from trainyard_trainer import optimizer

PROGRAM = """
import sys
import torch
import trainyard_trainer.session
from trainyard_api.training import TrainingConfig
from trainyard_trainer import optimizer
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
