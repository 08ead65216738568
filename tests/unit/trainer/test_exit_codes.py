"""The page of exit codes says what the code does."""

from __future__ import annotations

from pathlib import Path

import pytest

from trainyard_api.contract import ExitCode
from trainyard_trainer import errors, exit_codes
from trainyard_trainer.errors import TrainingError

PAGE = Path(__file__).parents[3] / "docs" / "exit-codes.md"


def test_the_page_is_what_the_code_generates() -> None:
    assert PAGE.read_text() == exit_codes.page(), (
        "run: python -m trainyard_trainer.exit_codes > docs/exit-codes.md"
    )


def test_every_code_is_explained_once() -> None:
    assert set(exit_codes.MEANING) == set(ExitCode)


@pytest.mark.parametrize("kind", TrainingError.__subclasses__(), ids=lambda k: k.__name__)
def test_every_error_has_its_own_code_and_its_line_in_the_tree(kind: type[TrainingError]) -> None:
    others = [k for k in TrainingError.__subclasses__() if k is not kind]

    assert kind.exit_code not in {k.exit_code for k in others}
    tree = errors.__doc__ or ""
    assert any(
        kind.__name__ in line and str(int(kind.exit_code)) in line for line in tree.splitlines()
    )
