"""Which buttons stand below which message."""

from __future__ import annotations

import pytest
from bot_objects import dataset, model, session

from trainyard_api.phase import Phase
from trainyard_bot.text import keyboards
from trainyard_bot.updates.callback_data import Action, Keyboard, encode

UID = "3f9a1c22-0b1d-4e5f-8a9b-0c1d2e3f4a5b"


def captions(keyboard: Keyboard) -> list[list[str]]:
    """Captions by row; every button must be one that Telegram carries."""
    for row in keyboard:
        for button in row:
            encode(button.data)
    return [[button.caption for button in row] for row in keyboard]


LOOK = ["📈 Curve", "📜 Logs"]
OF_PHASE: dict[str, list[list[str]]] = {
    "Pending": [["⏫ Raise", "⏸ Suspend", "🚫 Cancel"]],
    "Queued": [["⏫ Raise", "⏸ Suspend", "🚫 Cancel"]],
    "Starting": [LOOK, ["⏸ Suspend", "⏹ Stop"]],
    "Running": [LOOK, ["⏸ Suspend", "⏹ Stop"]],
    "Suspending": [LOOK],
    "Suspended": [["▶️ Resume", "🚫 Cancel"]],
    "Stopping": [LOOK],
    "Succeeded": [LOOK],
    "Failed": [LOOK],
    "Stopped": [LOOK],
    "Cancelled": [LOOK],
}


@pytest.mark.parametrize(("phase", "rows"), OF_PHASE.items(), ids=OF_PHASE)
def test_a_session_has_the_buttons_of_its_phase(phase: str, rows: list[list[str]]) -> None:
    assert captions(keyboards.for_session(session(phase, uid=UID))) == rows


def test_every_phase_is_in_the_table() -> None:
    assert set(OF_PHASE) == set(Phase)


def test_lists_of_buttons_are_cut() -> None:
    names = [f"{n}" + "x" * 60 for n in range(20)]
    for keyboard in (
        keyboards.choose_session([session("Running", n, UID) for n in names], Action.STATUS),
        keyboards.choose_model([model(n) for n in names]),
        keyboards.choose_dataset([dataset(n) for n in names]),
    ):
        rows = captions(keyboard)
        assert len(rows) == 12
        assert all(len(row) == 1 and len(row[0]) == 40 for row in rows)


def test_buttons_of_models_datasets_and_confirmations() -> None:
    assert captions(keyboards.for_model(model("m"))) == [["⬇️ File", "🗑 Delete"]]
    assert captions(keyboards.for_dataset(dataset("d"))) == [["🚀 Train with it"]]
    assert captions(keyboards.confirm("0f", "Yes!")) == [["Yes!", "No, keep it"]]
