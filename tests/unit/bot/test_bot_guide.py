"""What the researcher's guide says of the chat is what the bot knows."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from trainyard_bot.settings import Settings
from trainyard_bot.updates.commands import USAGES, Command, parse, usage_line

GUIDE = Path(__file__).resolve().parents[3] / "docs" / "guides" / "researcher.md"
CHAT = GUIDE.read_text().partition("## From a phone")[2].partition("\n## ")[0]
FORMS = [form for row in re.findall(r"^\| (`/.*?) \|", CHAT, re.M) for form in re.findall(r"`(/[^`]+)`", row)]  # fmt: skip
EXAMPLES = [text for text in re.findall(r"`(/[^`]+)`", CHAT) if text not in FORMS]


def test_the_table_has_every_command_about_sessions_and_files() -> None:
    named = [form.split()[0][1:] for form in FORMS]

    assert sorted(named) == sorted(set(USAGES) - {"start", "help"})


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.split()[0])
def test_its_arguments_are_those_of_the_command(form: str) -> None:
    # In a table a bar would be a border.
    assert form.replace(" or a ", "|") == usage_line(form.split()[0][1:])


@pytest.mark.parametrize("example", EXAMPLES, ids=str)
def test_its_examples_are_understood(example: str) -> None:
    found = parse(example, "yard_bot")

    assert isinstance(found, Command)
    assert found.name == example.split()[0][1:]
    if "=" in example:
        assert found.fields == {"dataset": "digits", "epochs": 50, "gpus": 2}


def test_a_message_is_edited_at_most_every_five_seconds() -> None:
    assert "at most every five seconds" in " ".join(CHAT.split())
    assert Settings.model_fields["edit_seconds"].default == 5
